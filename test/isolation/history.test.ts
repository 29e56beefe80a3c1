/** Whatever other tenants have, claim and ask, and whatever restarts in between: red is told the same, octet by octet. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { startServer, type LoopbackServer } from '../forward/loopback-server.ts';
import type { Deed } from '../properties/truth-world.ts';
import type { Port, Resource } from '../../src/model.ts';
import { compare, OUTSIDE, story, World } from './history.ts';
import type { Beginning, Happening, Load, Upstream } from './history.ts';

const RUNS = Number(process.env['PODNS_HISTORY_RUNS'] ?? 8);

const RED: Resource = {
  kind: 'vpc',
  name: 'red',
  net6: ['fd00:1::/32'],
  services6: [],
  forward: 'on',
};

/**
 * Red's clients: pods that stay. Where red knew no pod by an address of its own and another VPC did, that would be a
 * contradiction, which is answered as such (section 3 of the contract).
 */
const CLIENTS = [1, 2, 3].map((host): Deed => {
  const object: Resource = {
    ...{ kind: 'pod', vpc: 'red', namespace: host === 3 ? 'm' : 'n', name: `k${host}`, aid: `id-k${host}` },
    ...{ names: [], ip6: `fd00:1::${host}`, ready: true, ports: [] },
    overlays: host === 3 ? [] : [{ overlay: 'default', ip4: `10.0.0.${host}`, pinned: true }],
  };
  return { object, how: 'put', stamp: undefined };
});

const NAMES = ['a', 'b', 'c'];
const NAMESPACES = ['n', 'n', 'm'];

function podOf(vpc: string, addresses: string[]): fc.Arbitrary<Resource> {
  return fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES),
      name: fc.constantFrom(...NAMES),
      names: fc.constantFrom<string[]>([], [], ['svc'], ['x.y']),
      ip6: fc.constantFrom(...addresses),
      ip4: fc.constantFrom(undefined, '10.0.0.1', '10.0.0.2', '10.0.0.9'),
      ready: fc.boolean(),
      ports: fc.constantFrom<Port[]>([], [{ name: 'http', protocol: 'tcp', port: 80 }]),
    })
    .map(({ ip4, ...rest }) => ({
      kind: 'pod',
      vpc,
      ...rest,
      aid: `id-${rest.name}`,
      overlays: ip4 === undefined ? [] : [{ overlay: 'default', ip4, pinned: true }],
    }));
}

function serviceOf(vpc: string, ip6: string): fc.Arbitrary<Resource> {
  return fc
    .record({ namespace: fc.constantFrom(...NAMESPACES), port: fc.constantFrom(80, 81) })
    .map(({ namespace, port }): Resource => ({
      ...{ kind: 'service', vpc, namespace, name: 'svc', aid: 'id-svc', names: [], ip6 },
      ports: [{ name: 'http', protocol: 'tcp', port }],
    }));
}

function deedsOf(object: fc.Arbitrary<Resource>, most: number): fc.Arbitrary<Deed[]> {
  const deed = fc.record({
    object,
    how: fc.constantFrom('put' as const, 'put' as const, 'put' as const, 'again' as const, 'delete' as const),
    stamp: fc.constantFrom(undefined, undefined, '0', '9223372036854775807'),
  });
  const key = ({ object: one }: Deed): string =>
    [one.kind, one.kind === 'vpc' ? '' : one.vpc, 'namespace' in one ? one.namespace : '', one.name].join(
      ' ',
    );
  return fc
    .uniqueArray(deed, { selector: key, minLength: 1, maxLength: most })
    .map((deeds) => deeds.filter(({ object: one, how }) => !(one.name === 'red' && how === 'delete')));
}

const ownVpc = fc
  .constantFrom('on' as const, 'on' as const, 'off' as const)
  .map((forward): Resource => ({ ...(RED as Resource & { kind: 'vpc' }), forward }));
const red = deedsOf(
  fc.oneof(
    { weight: 6, arbitrary: podOf('red', ['fd00:1::1', 'fd00:1::2', 'fd00:1::3']) },
    { weight: 1, arbitrary: serviceOf('red', 'fd00:1:5::1') },
    { weight: 1, arbitrary: ownVpc },
  ),
  3,
);

/** Red's prefix, a part of it and what holds it are claimed too, and red's addresses. */
const hostileVpc = fc
  .record({
    name: fc.constantFrom('blue', 'grey'),
    net6: fc.subarray(['fd00:1::/32', 'fd00:1:2::/48', 'fd00::/16', 'fd00:2::/32'], {
      minLength: 1,
      maxLength: 2,
    }),
  })
  .map(({ name, net6 }): Resource => ({ kind: 'vpc', name, net6, services6: net6, forward: 'on' }));
const theirs = ['fd00:1::1', 'fd00:1::2', 'fd00:1:5::1', 'fd00:2::1'];
const others = deedsOf(
  fc.oneof(
    { weight: 4, arbitrary: podOf('blue', theirs) },
    { weight: 2, arbitrary: podOf('grey', theirs) },
    { weight: 1, arbitrary: serviceOf('blue', 'fd00:1:5::1') },
    { weight: 2, arbitrary: hostileVpc },
  ),
  3,
);

const load: fc.Arbitrary<Load> = fc.record({
  vpc: fc.constantFrom('blue', 'grey'),
  address: fc.constantFrom('10.0.0.1', '10.0.0.2', 'fd00:2::1', 'fd00:1::1'),
  name: fc.constantFrom(
    ...OUTSIDE,
    'a',
    'svc',
    '_whoami.vpc.internal',
    '_pods.n.vpc.internal',
    'vpc.internal',
  ),
  type: fc.constantFrom('A', 'AAAA', 'TXT', 'SOA'),
});

/** An address that is nobody's: whatever pods there are, it is told which namespaces its VPC has. */
const BURST: Load = { vpc: 'blue', address: '10.9.9.9', name: '_namespaces.vpc.internal', type: 'TXT' };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 4, arbitrary: red.map((deeds) => ({ what: 'red' as const, deeds })) },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constant('others' as const),
      left: fc.array(others, { maxLength: 2 }),
      right: fc.array(others, { maxLength: 2 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant('together' as const), red, others }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      what: fc.constant('load' as const),
      asks: fc.oneof(
        fc.array(load, { minLength: 1, maxLength: 6 }),
        // More than there may be in a second.
        fc.constant(new Array<Load>(8).fill(BURST)),
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.constantFrom<Happening>(
      ...(['restart', 'list', 'reread', 'reverse'] as const).map((what) => ({ what })),
    ),
  },
);

/** An A record, whatever is asked. */
function answerOf(query: Uint8Array): Uint8Array[] {
  let end = 12;
  while (query[end] !== 0) end += query[end]! + 1;
  const head = Uint8Array.from(query.subarray(0, end + 5));
  head.set([0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0], 2);
  const record = [0xc0, 0x0c, 0, 1, 0, 1, 0, 1, 0x51, 0x80, 0, 4, 192, 0, 2, 1];
  return [Uint8Array.from([...head, ...record])];
}

const upstreamOf = (server: LoopbackServer): Upstream => ({
  text: server.text,
  asked: () => server.udpQueries.length,
});

test('two worlds with different neighbours tell red the same', { timeout: 900_000 }, async () => {
  const upstreams = [await startServer({ udp: answerOf }), await startServer({ udp: answerOf })];
  const kinds = fc.constantFrom('etcd' as const, 'ages' as const);
  const history = fc.array(happening, { minLength: 2, maxLength: 14, size: 'max' });
  const start = fc.tuple(red, fc.array(others, { maxLength: 1 }), fc.array(others, { maxLength: 1 }));
  const first = ([own, left, right]: [Deed[], Deed[][], Deed[][]]): Beginning => {
    const mine = own.filter(({ object }) => object.kind !== 'vpc');
    return { red: [{ object: RED, how: 'put', stamp: undefined }, ...CLIENTS, ...mine], left, right };
  };
  try {
    const details = await fc.check(
      fc.asyncProperty(kinds, start, history, async (kind, begin, happenings) => {
        const left = new World(kind, upstreamOf(upstreams[0]!));
        const right = new World(kind, upstreamOf(upstreams[1]!));
        try {
          const difference = await compare([left, right], happenings, first(begin));
          if (difference !== undefined) throw new Error(difference);
        } finally {
          await left.close();
          await right.close();
        }
      }),
      { numRuns: RUNS },
    );
    if (details.counterexample !== null) {
      const [kind, begin, happenings] = details.counterexample;
      const told = String((details.errorInstance as Error | null)?.message ?? '');
      expect.fail(
        `Red is told two things (${kind}, seed ${details.seed}, path ${details.counterexamplePath}):\n` +
          `${story(happenings, first(begin))}\n${told}`,
      );
    }
    expect(details.numRuns).toBe(RUNS);
  } finally {
    for (const upstream of upstreams) await upstream.close();
  }
});

test('a history reads as sentences', () => {
  const blue: Deed = {
    object: { kind: 'vpc', name: 'blue', net6: ['fd00:1::/32'], services6: [], forward: 'on' },
    how: 'put',
    stamp: '7',
  };
  const text = story(
    [
      { what: 'others', left: [], right: [[blue]] },
      { what: 'restart' },
      { what: 'load', asks: [{ vpc: 'blue', address: '10.0.0.1', name: 'a', type: 'A' }] },
    ],
    { red: [{ object: RED, how: 'put', stamp: undefined }], left: [], right: [] },
  );
  expect(text).toBe(
    [
      '0. At the start, both worlds have: vpc red is written (net6 fd00:1::/32, forward on).',
      '   Then the left one has: nothing.',
      '   The right one has: nothing.',
      '1. In the right world: vpc blue is written (net6 fd00:1::/32, forward on, stamp 7).',
      '2. In both worlds, the node with a saved view restarts.',
      '3. In the right world, others ask: a A by 10.0.0.1 of blue.',
    ].join('\n'),
  );
});
