/** What goes on the wire: never more octets than the client takes, never broken, rotated, cut at whole records. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Pod, Resource } from '../../src/model.ts';
import { arpaName, encodeQuery } from '../harness/build.ts';
import type { QueryOptions } from '../harness/build.ts';
import { typeText } from '../harness/wire-text.ts';
import { parseWire } from '../harness/wire.ts';
import { World } from './world.ts';
import type { PeerParts } from './world.ts';

const RUNS = Number(process.env['PODNS_PROPERTY_RUNS'] ?? 300);
const LONG_ZONE = `${'z'.repeat(63)}.${'y'.repeat(48)}`;
/** With its namespace and the long zone just a legal name; a replica label before it is too much. */
const LONG_NAME = `${'a'.repeat(63)}.${'b'.repeat(63)}`;
const LONG_QNAME = `${'q'.repeat(63)}.${'r'.repeat(63)}.${'s'.repeat(63)}.${'t'.repeat(61)}`;

function pod(name: string, host: number, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc: 'aep',
    namespace: 'shop',
    name,
    aid: 'p0123456789',
    names: [],
    ip6: `fdfd::${host.toString(16)}`,
    overlays: [],
    ports: [],
    ready: true,
    ...more,
  };
}

function crowd(count: number, names: string[], from: number): Resource[] {
  return Array.from({ length: count }, (_, i) =>
    pod(`${names[0]!.slice(0, 1)}${from + i}`, from + i, {
      names,
      aid: `p${(from + i).toString(16).padStart(10, '0')}`,
      overlays: [{ overlay: 'o', ip4: `10.0.${(from + i) >>> 8}.${(from + i) & 255}`, pinned: true }],
      ports: [{ name: 'http', protocol: 'tcp', port: 8000 + i }],
    }),
  );
}

function worldOf(zone: string, nodeName: string): World {
  const world = new World({
    zone,
    nodeName,
    version: 'v'.repeat(300),
    suffixes: [{ name: 'flat', flat: true }],
  });
  const each = Array.from({ length: 3000 }, (_, i) => pod(`listed-${i}`, i));
  world.facts.pods = () => ({ each, count: each.length });
  world.put(
    { kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] },
    pod('web', 1),
    pod(LONG_NAME, 2, { ports: [{ name: 'http', protocol: 'tcp', port: 80 }] }),
    ...crowd(60, ['many'], 0x100),
    // All of one long name, which two of them share as their only one: replicas have no legal name.
    pod(`x.${LONG_NAME.slice(2)}`, 3, { names: [LONG_NAME] }),
    ...crowd(1200, ['huge'], 0x1000),
  );
  world.sync();
  return world;
}

/** The first `limit` octets a client takes over UDP. */
function limitOf(edns: QueryOptions | undefined): number {
  if (edns === undefined) return 512;
  return Math.max(512, Math.min(1232, edns.size ?? 1232));
}

const short = worldOf('vpc.internal', 'node-1');
const long = worldOf(LONG_ZONE, 'n'.repeat(400));

describe('an answer', () => {
  const option = fc.constantFrom(
    { code: 3, hex: '' },
    { code: 10, hex: '0102030405060708' },
    { code: 10, hex: '01020304050607080000000000000000' },
    { code: 11, hex: '' },
    { code: 12, hex: '00'.repeat(100) },
    { code: 65001, hex: 'ff' },
  );
  const edns = fc.option(
    fc.record({
      size: fc.constantFrom(0, 511, 512, 513, 600, 1231, 1232, 4096, 65535),
      do: fc.boolean(),
      version: fc.constantFrom(0, 0, 0, 0, 1),
      options: fc.uniqueArray(option, { maxLength: 4, selector: ({ code }) => code }),
    }),
    { nil: undefined },
  );
  const names = (zone: string): string[] => [
    'web',
    'many',
    'huge',
    'vpc',
    'nosuch',
    LONG_NAME,
    `${LONG_NAME}.shop`,
    `_http._tcp.${LONG_NAME}`,
    '_http._tcp.many',
    '_http._tcp.huge',
    LONG_QNAME,
    `ns.${zone}`,
    `_whoami.${zone}`,
    `_namespaces.${zone}`,
    `_pods.shop.${zone}`,
    zone,
    'web.flat',
    'x.localhost',
    arpaName('fdfd::1'),
    arpaName('fdfd::2'),
    arpaName('fdfd::3'),
    arpaName('fdfd::53'),
    arpaName('10.0.1.5'),
    'version.bind',
    'hostname.bind',
    'example.com',
    '.',
  ];
  const type = fc.constantFrom('AAAA', 'A', 'SRV', 'PTR', 'TXT', 'SOA', 'NS', 'ANY', 'AXFR', 'MX', 'DS');
  const from = fc.constantFrom('fdfd::1', 'fdfd::2', 'fdfd::101', '2001:db8::1');
  const scope = fc.constantFrom('', 'aep/shop', 'aep/none', 'gone');

  for (const [what, world, zone] of [
    ['the usual zone', short, 'vpc.internal'],
    ['a long zone and node name', long, LONG_ZONE],
  ] as const) {
    test(`is sound and within its limit: ${what}`, async () => {
      const question = fc.record({
        name: fc.constantFrom(...names(zone)),
        type,
        class: fc.constantFrom('IN', 'IN', 'IN', 'IN', 'CH', 'HS'),
        id: fc.integer({ min: 0, max: 65535 }),
        edns,
      });
      await fc.assert(
        fc.asyncProperty(
          question,
          from,
          scope,
          fc.boolean(),
          fc.boolean(),
          async (query, source, where, tcp, stale) => {
            world.writer.setStale('aep', stale);
            const peer: PeerParts = { from: source, scope: where, tcp };
            const packet = encodeQuery(query);
            // `ask` puts an OPT there when none is said, so it is not used here.
            const out = new Uint8Array(65535 + 4096).fill(0xaa);
            world.view.refresh();
            const asker = world.peer(peer);
            let length = world.responder.answer(packet, 0, packet.length, asker, out, 0);
            if (length < 0) {
              let answer: Uint8Array | undefined;
              world.deferred.defer(packet, asker, (octets) => (answer = octets.slice()));
              await world.clock.advance(1500);
              expect(answer).toBeDefined();
              out.set(answer!);
              length = answer!.length;
            } else if (length > 0 && !tcp) {
              // A batch has its answers side by side.
              expect(out.subarray(limitOf(query.edns)).every((octet) => octet === 0xaa)).toBe(true);
            }
            if (length === 0) return;
            expect(length).toBeLessThanOrEqual(tcp ? 65535 : limitOf(query.edns));
            const message = parseWire(out.subarray(0, length));
            // Over TCP only what does not fit into a message of 64 KiB is cut: 1,200 SRV with long targets.
            if (tcp && message.flags.tc) expect(length).toBeGreaterThan(65535 - 512);
            expect(message.edns === undefined).toBe(query.edns === undefined);
            if (message.rcode === 0 && message.answer.length > 0) expect(message.authority).toEqual([]);
            await world.clock.advance(1000);
          },
        ),
        { numRuns: RUNS },
      );
      world.writer.setStale('aep', false);
    });
  }

  test('to the longest question has room for every option at 512 octets', () => {
    const options = [
      { code: 3, hex: '' },
      { code: 10, hex: '0102030405060708' },
    ];
    const packet = encodeQuery({ name: LONG_QNAME, edns: { size: 512, options } });
    const out = new Uint8Array(1232);
    const length = long.responder.answer(
      packet,
      0,
      packet.length,
      long.peer({ from: '2001:db8::9' }),
      out,
      0,
    );
    const message = parseWire(out.subarray(0, length));
    expect(length).toBeLessThanOrEqual(512);
    expect(message.rcode).toBe(5);
    // The text of the extended error gave way, its code did not.
    const codes = message.edns!.options.map(({ code, data }) => `${code}:${data.length}`);
    expect(codes).toEqual(['3:128', '10:24', '15:2']);
  });
});

describe('sets', () => {
  const ask = (
    world: World,
    name: string,
    type: string,
    id: number,
    peer: PeerParts = {},
    size = 1232,
  ): string[] => {
    const asked = world.ask({ name, type, id, edns: { size } }, peer).answer;
    if (typeof asked === 'string') throw new Error(asked);
    return parseWire(asked).answer.map(({ text }) => text);
  };

  test('begin where the message id says, and go round', () => {
    const all = ask(short, 'many', 'AAAA', 0, { tcp: true });
    expect(all.length).toBe(60);
    for (const id of [0, 1, 1092, 1093, 32768, 65535]) {
      const start = Math.floor((id * 60) / 65536);
      const turned = [...all.slice(start), ...all.slice(0, start)];
      expect(ask(short, 'many', 'AAAA', id, { tcp: true })).toEqual(turned);
      const some = ask(short, 'many', 'AAAA', id);
      expect(some.length).toBeGreaterThan(30);
      expect(some).toEqual(turned.slice(0, some.length));
    }
    const four = ask(short, 'many', 'A', 0, { tcp: true });
    expect(ask(short, 'many', 'A', 65535, { tcp: true })).toEqual([...four.slice(59), ...four.slice(0, 59)]);
  });

  test('of more than a thousand are whole over TCP, and cut at whole records over UDP', () => {
    expect(new Set(ask(short, 'huge', 'AAAA', 7, { tcp: true })).size).toBe(1200);
    expect(new Set(ask(short, 'huge', 'A', 7, { tcp: true })).size).toBe(1200);
    const asked = short.ask({ name: 'huge', edns: { size: 512 } }).answer as Uint8Array;
    const message = parseWire(asked);
    expect(message.flags.tc).toBe(true);
    // 12 of header, 10 of question, 11 of OPT: seventeen addresses of 28 fit behind them.
    expect(message.answer.length).toBe(Math.floor((512 - 12 - 10 - 11) / 28));
  });

  test('over what TCP takes stop at whole records', () => {
    const srv = parseWire(
      short.ask({ name: '_http._tcp.huge', type: 'SRV' }, { tcp: true }).answer as Uint8Array,
    );
    expect(srv.flags.tc).toBe(false);
    expect(srv.answer.length).toBe(1200);
    expect(srv.length).toBeLessThanOrEqual(65535);
  });
});

describe('names that would be too long', () => {
  test('are not written: the port keeps the shared name', () => {
    const world = new World({ zone: LONG_ZONE });
    const ports = [{ name: 'http', protocol: 'tcp', port: 80 } as const];
    world.put(
      { kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] },
      pod(LONG_NAME, 1, { ports }),
      pod('m'.repeat(63), 2, { names: [LONG_NAME], ports, ready: false }),
    );
    world.sync();
    const tcp = { tcp: true };
    // The first one's only name is shared, and too long for a replica label before it.
    expect(world.say(`_http._tcp.${LONG_NAME}`, 'SRV', tcp)).toBe(
      `NOERROR SRV 0 1 80 ${LONG_NAME}.shop.${LONG_ZONE}.`,
    );
    expect(world.say(arpaName('fdfd::1'), 'PTR', tcp)).toBe(`NOERROR PTR ${LONG_NAME}.shop.${LONG_ZONE}.`);
    expect(world.say(arpaName('fdfd::2'), 'PTR', tcp)).toBe(
      `NOERROR PTR ${'m'.repeat(63)}.shop.${LONG_ZONE}.`,
    );
  });

  test('are no pointers, where only a replica form would do', () => {
    const world = new World({ zone: LONG_ZONE });
    const place = { vpc: 'aep', namespace: 'shop', name: LONG_NAME };
    world.put({ kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] }, pod(LONG_NAME, 1), {
      kind: 'service',
      ...place,
      aid: 's0',
      names: [],
      ip6: 'fdfd::f',
      ports: [],
    });
    world.sync();
    // The service hides the pod's name, and h.x.n.Z is over 255 octets.
    const message = parseWire(world.ask({ name: arpaName('fdfd::1'), type: 'PTR' }).answer as Uint8Array);
    expect([message.rcode, message.answer.length, message.authority.length]).toEqual([0, 0, 1]);
  });
});

describe('one IPv4 on two overlays of a pod', () => {
  test('is given once, also beside its port', () => {
    const world = new World({ aRecords: 'all' });
    const port = { name: 'http', protocol: 'tcp', port: 80 } as const;
    const overlays = ['o1', 'o2'].map((overlay) => ({ overlay, ip4: '10.0.0.1', pinned: true }));
    world.put(
      { kind: 'vpc', name: 'aep', net6: ['fdfd::/16'], services6: [] },
      pod('two', 1, { overlays, ports: [port] }),
      pod('other', 2, { overlays: [{ overlay: 'o3', ip4: '10.0.0.1', pinned: true }] }),
      pod('both', 3, { overlays: ['o1', 'o2'].map((overlay) => ({ overlay, pinned: true })) }),
      pod('second', 4, { overlays: [{ overlay: 'o2', pinned: true }] }),
    );
    world.sync();
    expect(world.say('two', 'A', { from: 'fdfd::3' })).toBe('NOERROR A 10.0.0.1');
    expect(world.say('two', 'A', { from: 'fdfd::4' })).toBe('NOERROR A 10.0.0.1');
    expect(world.say('other', 'A', { from: 'fdfd::4' })).toBe('NOERROR');
    const asked = world.ask({ name: '_http._tcp.two', type: 'SRV' }, { from: 'fdfd::3' })
      .answer as Uint8Array;
    const texts = parseWire(asked).additional.map((record) => `${typeText(record.type)} ${record.text}`);
    expect(texts).toEqual(['AAAA fdfd::1', 'A 10.0.0.1']);
  });
});
