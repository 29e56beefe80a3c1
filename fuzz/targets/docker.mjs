/** Answers of a container engine, through its real client and session: one answer is the input, all others are sound. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { makeChecks } from '../sink.mjs';
import { RECORD_WORDS } from '../words.mjs';
import { pieces } from './stream.mjs';

const GOOD = 'a'.repeat(64);
const OTHER = 'b'.repeat(64);
const NETWORK = 'c'.repeat(64);
/** Waits of the source are so many times shorter, but not what it grants to others before it goes on without them. */
const HASTE = 100;
const GRANTED = new Set([100, 3000]);
/** Milliseconds without a request, after which the source has seen all there is: longer than its pauses. */
const QUIET = 8;
/** More looks than any input may cause. */
const REQUESTS_MAX = 400;

const COMPOSE = 'com.docker.compose.';
const labels = {
  [`${COMPOSE}project`]: 'shop',
  [`${COMPOSE}service`]: 'db',
  [`${COMPOSE}container-number`]: '1',
  'podns.ports': 'http=80/tcp',
};
const container = (id, name, ip4, more = {}) => ({
  Id: id,
  Name: `/${name}`,
  Created: '2026-01-01T00:00:00Z',
  State: { Status: 'running', Health: { Status: 'healthy' } },
  Config: { Hostname: id.slice(0, 12), Labels: {}, ExposedPorts: { '5432/tcp': {} } },
  HostConfig: { NetworkMode: 'front' },
  NetworkSettings: {
    Networks: {
      front: {
        NetworkID: NETWORK,
        IPAddress: ip4,
        GlobalIPv6Address: `fd00::${id[0]}`,
        Aliases: ['x'],
        Gateway: '10.1.0.1',
      },
    },
  },
  ...more,
});
const row = (id, name) => ({
  Id: id,
  Names: [`/${name}`],
  State: 'running',
  Status: 'Up 1 second',
  Labels: {},
});
const network = (more = {}) => ({
  Id: NETWORK,
  Name: 'front',
  Created: '2026-01-01T00:00:00Z',
  Driver: 'bridge',
  Scope: 'local',
  Labels: {},
  IPAM: { Config: [{ Subnet: '10.1.0.0/24', Gateway: '10.1.0.1' }] },
  ...more,
});
const service = (more = {}) => ({
  ID: 's1',
  Spec: { Name: 'web', Labels: {} },
  Endpoint: {
    Ports: [{ Protocol: 'tcp', TargetPort: 80 }],
    VirtualIPs: [{ NetworkID: NETWORK, Addr: '10.1.0.200/24' }],
  },
  ...more,
});
const event = (Type, Action, ID, Attributes = {}) => ({
  Type,
  Action,
  Actor: { ID, Attributes },
  timeNano: 1e18,
});

/** What the input is, by its first octet. */
const KINDS = {
  r: '/containers/json',
  i: `/containers/${OTHER}/json`,
  n: '/networks',
  o: `/networks/${NETWORK}`,
  s: '/services',
  e: '/events',
};
const seed = (kind, ...values) =>
  Buffer.from(kind + values.map((value) => JSON.stringify(value)).join(kind === 'e' ? '\n' : ''));

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'docker',
  about: 'one answer of a container engine: a list, an inspection, events; source/docker',
  most: 16_384,
  text: true,
  words: [
    ...RECORD_WORDS,
    ...[
      ...[
        '"Id"',
        '"ID"',
        '"Name"',
        '"Names"',
        '"Labels"',
        '"State"',
        '"Status"',
        '"Networks"',
        '"NetworkID"',
      ],
      ...[
        '"IPAddress"',
        '"GlobalIPv6Address"',
        '"IPAMConfig"',
        '"Aliases"',
        '"DNSNames"',
        '"Config"',
        '"Actor"',
      ],
      ...['"HostConfig"', '"NetworkMode"', '"Type"', '"Action"', '"Attributes"', '"container"', '"network"'],
      ...['podns.name', 'podns.vpc', 'podns.names', 'podns.ports', 'podns.ignore', `${COMPOSE}project`],
      ...[`container:${GOOD}`, GOOD, OTHER, NETWORK, '10.1.0.2', 'fd00::a', 'null', '[]', '{}'],
    ].map((word) => Buffer.from(word)),
  ],
  seeds: () => [
    seed('r', [row(GOOD, 'good'), row(OTHER, 'other'), { Id: 7 }, null]),
    seed(
      'i',
      container(OTHER, 'shop-db-1', '10.1.0.3', {
        Config: { Labels: labels, Hostname: 'h', Domainname: 'd' },
      }),
    ),
    seed('i', container(OTHER, 'good', '10.1.0.2', { Created: '2025-01-01T00:00:00Z' })),
    seed('i', container(OTHER, 'side', '', { HostConfig: { NetworkMode: `container:${GOOD}` } })),
    seed('n', [network(), network({ Id: 'd'.repeat(64), Name: 'none', Driver: 'null' }), {}]),
    seed('o', network({ Labels: { [`${COMPOSE}project`]: 'shop', [`${COMPOSE}network`]: 'default' } })),
    seed('s', [
      service(),
      service({ ID: 's2', Spec: { Name: 'st_db', Labels: { 'com.docker.stack.namespace': 'st' } } }),
    ]),
    seed(
      'e',
      event('container', 'start', OTHER, { name: 'other' }),
      event('container', 'health_status: healthy', GOOD),
      event('network', 'connect', NETWORK, { container: GOOD }),
      event('service', 'update', 's1'),
      event('container', 'die', 'e'.repeat(64)),
    ),
    Buffer.from('e{"Type":"container"}\n{"status":"start","id":"x"}\nnonsense\n'),
  ],
  async open() {
    const { dockerSource } = await load('source/docker/docker.js');
    const { CheckingSink } = await makeChecks();
    const folder = mkdtempSync(join(tmpdir(), 'podns-fuzz-'));
    const path = join(folder, 'd.sock');
    /** The chunks of the input's answer, and of the others. @type {Map<string, Buffer[]>} */
    let answers = new Map();
    let asked = 0;
    let last = 0;
    const server = createServer((request, response) => {
      asked++;
      last = performance.now();
      const { pathname } = new URL(request.url ?? '/', 'http://engine');
      const what = pathname.replace(/^\/v1\.41/, '');
      const chunks = answers.get(what);
      response.on('error', () => undefined);
      response.setHeader('server', 'Docker/20.10.24 (linux)');
      response.setHeader('api-version', '1.41');
      if (what === '/_ping') response.end('OK');
      else if (chunks === undefined) response.writeHead(404).end('{"message":"no such thing"}');
      else {
        response.flushHeaders();
        for (const chunk of chunks) response.write(chunk);
        if (what !== '/events') response.end();
      }
    });
    await new Promise((resolve) => server.listen(path, () => resolve(undefined)));

    const clock = {
      now: () => performance.now(),
      setTimeout: (run, ms) => setTimeout(run, GRANTED.has(ms) ? ms : ms / HASTE),
      clearTimeout: (timer) => clearTimeout(timer),
    };
    const json = (value) => [Buffer.from(JSON.stringify(value))];

    /** What is served at the end, by key, and whether the engine was taken in at all. */
    async function view(kind, chunks) {
      answers = new Map([
        ['/containers/json', json([row(GOOD, 'good'), row(OTHER, 'other')])],
        [`/containers/${GOOD}/json`, json(container(GOOD, 'good', '10.1.0.2'))],
        [`/containers/${OTHER}/json`, json(container(OTHER, 'other', '10.1.0.3'))],
        ['/networks', json([network()])],
        [`/networks/${NETWORK}`, json(network())],
        ['/services', json([service()])],
        ['/events', []],
        [KINDS[kind], chunks],
      ]);
      asked = 0;
      let fault;
      let live = false;
      let settle = () => {};
      const settled = new Promise((resolve) => (settle = () => resolve(undefined)));
      const sink = new CheckingSink(() => settle());
      const proxy = new Proxy(sink, {
        get: (target, property) => {
          const value = Reflect.get(target, property, target);
          if (typeof value !== 'function') return value;
          return (...parameters) => {
            if (property === 'state') {
              live ||= parameters[0] === 'live';
              if (live || parameters[1]) settle();
            }
            try {
              return value.apply(target, parameters);
            } catch (error) {
              fault ??= error;
              return undefined;
            }
          };
        },
      });
      const source = dockerSource({ socket: path, clock, random: () => 0 });
      source.start(proxy);
      await settled;
      while (performance.now() - last < QUIET && asked < REQUESTS_MAX)
        await new Promise((resolve) => setTimeout(resolve, 1));
      await source.close();
      if (fault !== undefined) throw fault;
      must(asked < REQUESTS_MAX, 'an input keeps the source busy', `${asked} requests`);
      return { live, visible: sink.visible };
    }

    /** The container that no input describes is served, whatever the input says of others. */
    function checkGood(kind, { live, visible }) {
      if (!'ise'.includes(kind)) return;
      must(live, 'an answer about one thing keeps the engine from being taken in');
      const short = GOOD.slice(0, 12);
      const served = [...visible.values()]
        .map((text) => JSON.parse(text))
        .some(({ kind: what, name, names }) => what === 'pod' && (name === short || names.includes(short)));
      must(served, 'a bad answer hides another container', () => JSON.stringify([...visible]).slice(0, 400));
    }

    const sound = await view('e', []);
    return {
      async run(input) {
        const kind = String.fromCharCode(input[0] ?? 0);
        if (KINDS[kind] === undefined) return;
        const body = input.subarray(1);
        const whole = await view(kind, [body]);
        checkGood(kind, whole);
        if (kind !== 'e') return;
        // Events only say where to look, and there all is as it was.
        const keys = ({ visible }) => [...visible].sort().join('\n');
        const cut = await view(kind, pieces(body));
        for (const seen of [whole, cut])
          must(keys(seen) === keys(sound), 'events change what is served', () => keys(seen).slice(0, 400));
      },
      async close() {
        server.closeAllConnections();
        await new Promise((resolve) => server.close(resolve));
        rmSync(folder, { recursive: true });
      },
    };
  },
};
