/** Validation: what is normalised, what is refused and in which words, and that both paths agree. */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Vpc } from '../../src/model.ts';
import { defaultAid } from '../../src/source/validate/names.ts';
import { validFast, validateResource } from '../../src/source/validate/validate.ts';
import { issueText, validateKey, validateSlowly } from '../../src/source/validate/by-schema.ts';

function good(raw: unknown) {
  const result = validateResource(raw, { unknownKeys: 'error' });
  expect(result.issues?.map(issueText)).toBeUndefined();
  return result.resource;
}

function faults(raw: unknown, unknownKeys: 'error' | 'ignore' = 'error', zone?: string): string[] {
  const result = validateResource(raw, { unknownKeys, zone });
  expect(result.resource).toBeUndefined();
  return result.issues!.map(issueText);
}

const pod = { kind: 'pod', vpc: 'aep', namespace: 'nextcloud', name: 'app' };
const aid = 'p' + createHash('sha256').update('aep/nextcloud/app').digest('hex').slice(0, 10);

describe('what is normalised', () => {
  it('fills in the defaults of a pod', () => {
    expect(good(pod)).toEqual({ ...pod, aid, names: [], overlays: [], ports: [], ready: true });
  });

  it('folds names, drops prefix lengths and writes addresses canonically', () => {
    const raw = {
      ...{ kind: 'pod', vpc: 'AEP', namespace: 'NextCloud', name: 'App', ready: false },
      names: ['Web', 'web', 'APP', 'a.B'],
      ip6: 'FDFD:01a8:0:0:0:0:2:2/64',
      overlays: [{ overlay: 'Default', ip4: '192.168.2.0/24', ip6: 'fd42::0:1', pinned: false }],
      ports: [{ name: 'HTTP', protocol: 'TCP', port: 80 }],
    };
    expect(good(raw)).toEqual({
      ...pod,
      aid,
      names: ['web', 'a.b'],
      ip6: 'fdfd:1a8::2:2',
      overlays: [{ overlay: 'default', ip4: '192.168.2.0', ip6: 'fd42::1', pinned: false }],
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
      ready: false,
    });
  });

  it('reads ports and overlays written as maps', () => {
    const raw = {
      ...pod,
      overlays: {
        default: '10.1.2.3/8',
        six: 'FD00::1',
        full: { ip4: '10.1.2.4', pinned: false },
        none: null,
      },
      ports: { http: '80/tcp', plain: 8080, text: '81', dns: ['53/udp', '53/TCP'] },
    };
    expect(good(raw)).toMatchObject({
      overlays: [
        { overlay: 'default', ip4: '10.1.2.3', pinned: true },
        { overlay: 'six', ip6: 'fd00::1', pinned: true },
        { overlay: 'full', ip4: '10.1.2.4', pinned: false },
        { overlay: 'none', pinned: true },
      ],
      ports: [
        { name: 'http', protocol: 'tcp', port: 80 },
        { name: 'plain', protocol: 'tcp', port: 8080 },
        { name: 'text', protocol: 'tcp', port: 81 },
        { name: 'dns', protocol: 'udp', port: 53 },
        { name: 'dns', protocol: 'tcp', port: 53 },
      ],
    });
  });

  it('clears host bits of prefixes, drops repetitions and completes upstreams', () => {
    const raw = {
      ...{ kind: 'vpc', name: 'AEP', id: 'b7f9-1', forward: ['Example.COM.', 'corp'] },
      net6: ['fdfd:1A8::5/48', 'fdfd:1a8::/48'],
      services6: ['fdcc:c10d::/32'],
      upstreams: ['192.0.2.1', '192.0.2.1:5353', '[FE80::1%eth0]:53', '2001:db8::1', '[2001:db8::2]'],
    };
    expect(good(raw)).toEqual({
      ...{ kind: 'vpc', name: 'aep', id: 'b7f9-1', forward: ['example.com', 'corp'] },
      net6: ['fdfd:1a8::/48'],
      services6: ['fdcc:c10d::/32'],
      upstreams: [
        '192.0.2.1:53',
        '192.0.2.1:5353',
        '[fe80::1%eth0]:53',
        '[2001:db8::1]:53',
        '[2001:db8::2]:53',
      ],
    });
  });

  it('folds and sorts routes and hosts, takes one entry without its list, and drops repetitions', () => {
    const raw = {
      ...{ kind: 'vpc', name: 'aep' },
      routes: { 'Corp.Example.': ['10.0.0.53', '10.0.0.53:53'], '10.in-addr.arpa': '10.0.0.53', ads: [] },
      hosts: { 'host.docker.internal': ['172.17.0.1', 'FD00::1', '172.17.0.1'], constructor: '0.0.0.0' },
    };
    const resource = good(raw) as Vpc;
    expect(resource.routes).toEqual({
      ...{ '10.in-addr.arpa': ['10.0.0.53:53'], ads: [], 'corp.example': ['10.0.0.53:53'] },
    });
    expect(Object.keys(resource.routes!)).toEqual(['10.in-addr.arpa', 'ads', 'corp.example']);
    expect(resource.hosts).toEqual({
      ...{ constructor: ['0.0.0.0'], 'host.docker.internal': ['172.17.0.1', 'fd00::1'] },
    });
  });

  it('fills in the defaults of the other kinds', () => {
    expect(good({ kind: 'vpc', name: 'aep' })).toEqual({ kind: 'vpc', name: 'aep', net6: [], services6: [] });
    expect(good({ kind: 'namespace', vpc: 'aep', name: 'shop', created: '2023-09-11T12:16:30Z' })).toEqual({
      ...{ kind: 'namespace', vpc: 'aep', name: 'shop', created: '2023-09-11T12:16:30Z' },
    });
    expect(
      good({ kind: 'overlay', vpc: 'aep', namespace: 'shop', name: 'default', net4: '10.1.1.1/23' }),
    ).toEqual({
      ...{
        kind: 'overlay',
        vpc: 'aep',
        namespace: 'shop',
        name: 'default',
        driver: 'ipip',
        net4: '10.1.0.0/23',
      },
      aid: defaultAid('overlay', 'aep', 'shop', 'default'),
    });
    expect(good({ kind: 'service', vpc: 'aep', namespace: 'shop', name: 'front', ip6: 'fdcc::7' })).toEqual({
      ...{
        kind: 'service',
        vpc: 'aep',
        namespace: 'shop',
        name: 'front',
        ip6: 'fdcc::7',
        names: [],
        ports: [],
      },
      aid: defaultAid('service', 'aep', 'shop', 'front'),
    });
    expect(defaultAid('overlay', 'a', 'b', 'c')).toMatch(/^v[0-9a-f]{10}$/);
    expect(defaultAid('service', 'a', 'b', 'c')).toMatch(/^s[0-9a-f]{10}$/);
  });

  it('takes null as absent, in every kind', () => {
    expect(good({ ...pod, ip6: null, names: null, overlays: null, ready: null, aid: null })).toEqual(
      good(pod),
    );
    expect(good({ kind: 'vpc', name: 'aep', net6: null, forward: null })).toEqual(
      good({ kind: 'vpc', name: 'aep' }),
    );
  });

  it('passes over unknown keys in streams, at every depth', () => {
    const raw = {
      ...pod,
      colour: 1,
      overlays: [{ overlay: 'o', x: 1 }],
      ports: [{ name: 'h', protocol: 'tcp', port: 1, y: 2 }],
    };
    const result = validateResource(raw, { unknownKeys: 'ignore' });
    expect(result.resource).toEqual({
      ...{ ...pod, aid, names: [], ready: true },
      overlays: [{ overlay: 'o', pinned: true }],
      ports: [{ name: 'h', protocol: 'tcp', port: 1 }],
    });
  });

  it('keeps what people may write for times', () => {
    for (const created of ['2024-02-29t23:59:60z', '2023-09-11T12:16:30.123+05:30'])
      expect(good({ kind: 'namespace', vpc: 'a', name: 'b', created })).toMatchObject({ created });
  });
});

describe('what is refused', () => {
  const l63 = 'x'.repeat(63);
  const cases: [string, unknown, string[]][] = [
    ['no object', 5, ['must be an object with a kind']],
    ['a list', [], ['must be an object with a kind']],
    ['no kind', {}, ['kind: is missing']],
    [
      'a kind of another kind',
      { kind: 'Pod' },
      ['kind: "Pod" must be one of vpc, namespace, overlay, pod, service'],
    ],
    ['no names', { kind: 'pod' }, ['vpc: is missing', 'namespace: is missing', 'name: is missing']],
    ['a dotted vpc', { ...pod, vpc: 'a.b' }, ['vpc: "a.b" must be one label, without dots']],
    ['a number for a name', { ...pod, name: 5 }, ['name: must be text']],
    ['an empty name', { ...pod, name: '' }, ['name: is empty']],
    ['an empty label', { ...pod, name: 'a..b' }, ['name: "a..b" has an empty label']],
    ['a final dot', { ...pod, name: 'a.' }, ['name: "a." has an empty label']],
    ['a space', { ...pod, name: 'a b' }, ['name: "a b": " " is not allowed, only letters, digits, - and _']],
    [
      'letters outside ASCII',
      { ...pod, name: '\u212a' },
      ['name: "\u212a": "\u212a" is not allowed, only letters, digits, - and _'],
    ],
    [
      '64 octets',
      { ...pod, vpc: l63 + 'x' },
      [`vpc: "${l63}x" has a label of 64 octets, at most 63 are allowed`],
    ],
    ['namespace localhost', { ...pod, namespace: 'LocalHost' }, ['namespace: "LocalHost" is reserved']],
    ['a new namespace arpa', { kind: 'namespace', vpc: 'a', name: 'arpa' }, ['name: "arpa" is reserved']],
    ['namespace ns', { kind: 'namespace', vpc: 'a', name: 'ns' }, ['name: "ns" is reserved']],
    ['pod ns', { ...pod, name: 'NS' }, ['name: "NS" is reserved']],
    ['_pods as a further name', { ...pod, names: ['x', '_pods'] }, ['names[1]: "_pods" is reserved']],
    ['service _whoami', { ...pod, kind: 'service', name: '_whoami' }, ['name: "_whoami" is reserved']],
    ['a dotted aid', { ...pod, aid: 'a.b' }, ['aid: "a.b" must be one label, without dots']],
    ['names as text', { ...pod, names: 'x' }, ['names: must be a list of names']],
    ['too many names', { ...pod, names: Array(256).fill('a') }, ['names: has more than 255 entries']],
    ['no address', { ...pod, ip6: 'x' }, ['ip6: "x" is not an IPv6 address']],
    ['an IPv4 address as ip6', { ...pod, ip6: '10.0.0.1' }, ['ip6: "10.0.0.1" is not an IPv6 address']],
    [
      'a prefix length too long',
      { ...pod, ip6: 'fd::1/129' },
      ['ip6: "fd::1/129": the prefix length must be 0 to 128'],
    ],
    ['::', { ...pod, ip6: '::' }, ['ip6: "::" is the unspecified address']],
    ['::1', { ...pod, ip6: '::1/128' }, ['ip6: "::1/128" is a loopback address']],
    ['ff02::1', { ...pod, ip6: 'ff02::1' }, ['ip6: "ff02::1" is a multicast address']],
    [
      'an IPv4-mapped address',
      { ...pod, ip6: '::ffff:10.0.0.1' },
      ['ip6: "::ffff:10.0.0.1" is an IPv4-mapped address: write an IPv4 address as ip4 of an overlay'],
    ],
    [
      'bad IPv4 addresses',
      {
        ...pod,
        overlays: ['0.0.0.0', '127.1.2.3', '224.0.0.1', '255.255.255.255', '1.2.3', '1.2.3.4/33'].map(
          (ip4) => ({ overlay: 'o', ip4 }),
        ),
      },
      [
        'overlays[0].ip4: "0.0.0.0" is the unspecified address',
        'overlays[1].ip4: "127.1.2.3" is a loopback address',
        'overlays[2].ip4: "224.0.0.1" is a multicast address',
        'overlays[3].ip4: "255.255.255.255" is the broadcast address',
        'overlays[4].ip4: "1.2.3" is not an IPv4 address',
        'overlays[5].ip4: "1.2.3.4/33": the prefix length must be 0 to 32',
      ],
    ],
    [
      'overlays of a wrong shape',
      { ...pod, overlays: 5 },
      ['overlays: must be a map of overlays to addresses, or a list of {overlay, ip4, ip6, pinned}'],
    ],
    [
      'an overlay map with faults',
      { ...pod, overlays: { a: '10.0.0', b: { ip4: '127.0.0.1', x: 1 }, c: 5 } },
      [
        'overlays.a: "10.0.0" is not an IPv4 address',
        'overlays.b.ip4: "127.0.0.1" is a loopback address',
        'overlays.b.x: is not a key of an overlay address; its keys are ip4, ip6, pinned',
        'overlays.c: must be an address, or {ip4, ip6, pinned}',
      ],
    ],
    [
      'a dotted overlay',
      { ...pod, overlays: { 'a.b': '10.0.0.1' } },
      ['overlays.a.b: "a.b" must be one label, without dots'],
    ],
    [
      'bad ports',
      {
        ...pod,
        ports: [{ name: 'h', protocol: 'icmp', port: 0 }, { name: '_h', protocol: 'tcp', port: 1.5 }, {}],
      },
      [
        'ports[0].protocol: "icmp" must be tcp, udp or sctp',
        'ports[0].port: must be a port number, 1 to 65535',
        'ports[1].name: "_h": write it without the underscore',
        'ports[1].port: must be a port number, 1 to 65535',
        'ports[2].name: is missing',
        'ports[2].protocol: is missing',
        'ports[2].port: is missing',
      ],
    ],
    [
      'bad ports in a map',
      { ...pod, ports: { a: '80/icmp', b: 65536, c: '0', d: true } },
      [
        'ports.a: "80/icmp" must be PORT/PROTOCOL, as in 80/tcp',
        'ports.b: must be a port number, 1 to 65535',
        'ports.c: "0" must be PORT/PROTOCOL, as in 80/tcp',
        'ports.d: must be PORT/PROTOCOL, as in 80/tcp, or a list of these',
      ],
    ],
    ['ready as text', { ...pod, ready: 'yes' }, ['ready: must be true or false']],
    [
      'unknown keys',
      { ...pod, ipv6: 'fd::1', x: 1 },
      [
        'ipv6: is not a key of a pod; its keys are aid, names, ip6, overlays, ports, ready',
        'x: is not a key of a pod; its keys are aid, names, ip6, overlays, ports, ready',
      ],
    ],
    [
      'bad prefixes',
      {
        kind: 'vpc',
        name: 'a',
        net6: ['fd00::', 'x/48', '10.0.0.0/8', 'fd00::/129', 'ff02::/16', '::1/128', '::ffff:0.0.0.0/96'],
      },
      [
        'net6[0]: "fd00::" needs a prefix length, as in fd00::/64',
        'net6[1]: "x/48" is not an IPv6 prefix',
        'net6[2]: "10.0.0.0/8" is not an IPv6 prefix',
        'net6[3]: "fd00::/129": the prefix length must be 0 to 128',
        'net6[4]: "ff02::/16" is multicast',
        'net6[5]: "::1/128" is a loopback address',
        'net6[6]: "::ffff:0.0.0.0/96" is an IPv4-mapped address: write an IPv4 address as ip4 of an overlay',
      ],
    ],
    [
      'one prefix as text',
      { kind: 'vpc', name: 'a', net6: 'fd00::/8' },
      ['net6: must be a list of IPv6 prefixes'],
    ],
    [
      'a forward policy',
      { kind: 'vpc', name: 'a', forward: 'maybe' },
      ['forward: must be on, off, refuse or a list of domains'],
    ],
    [
      'a forward list',
      { kind: 'vpc', name: 'a', forward: ['a b'] },
      ['forward[0]: "a b": " " is not allowed, only letters, digits, - and _'],
    ],
    [
      'upstreams',
      { kind: 'vpc', name: 'a', upstreams: ['dns.example:53', '1.2.3.4:0', '[::1'] },
      [
        'upstreams[0]: "dns.example:53" is not an address and port, as in 192.0.2.53:53 or [2001:db8::53]:53',
        'upstreams[1]: "1.2.3.4:0" is not an address and port, as in 192.0.2.53:53 or [2001:db8::53]:53',
        'upstreams[2]: "[::1" is not an address and port, as in 192.0.2.53:53 or [2001:db8::53]:53',
      ],
    ],
    [
      'routes',
      { kind: 'vpc', name: 'a', routes: { corp: null, 'a..b': [], x: ['foo', 5], Y: [], y: [] } },
      [
        'routes.corp: must be a list of ADDR:PORT',
        'routes.a..b: "a..b" has an empty label',
        'routes.x[0]: "foo" is not an address and port, as in 192.0.2.53:53 or [2001:db8::53]:53',
        'routes.x[1]: must be text: ADDR:PORT',
        'routes.y: "y" is written twice',
      ],
    ],
    [
      'hosts',
      { kind: 'vpc', name: 'a', hosts: { x: [], y: ['::ffff:1.2.3.4', '1.2.3.4/8', 'fe80::1%eth0'] } },
      [
        'hosts.x: has no address; to make a name not exist, use an empty list under routes',
        'hosts.y[0]: "::ffff:1.2.3.4" is an IPv4-mapped address: write the IPv4 address',
        'hosts.y[1]: "1.2.3.4/8" is not an IP address',
        'hosts.y[2]: "fe80::1%eth0" is not an IP address',
      ],
    ],
    [
      'routes and hosts that are no maps, too many, or with too much in them',
      {
        ...{ kind: 'vpc', name: 'a', routes: ['192.0.2.1'] },
        hosts: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [`h${i}`, []])),
      },
      ['routes: must be a map of domains to lists of ADDR:PORT', 'hosts: has more than 1024 entries'],
    ],
    [
      'lists of hosts that are too long, one and all',
      { kind: 'vpc', name: 'a', hosts: { h: Array.from({ length: 2049 }, () => '192.0.2.1') } },
      ['hosts: has more than 2048 entries in its lists'],
    ],
    [
      'one list of hosts that is too long',
      { kind: 'vpc', name: 'a', hosts: { h: Array.from({ length: 17 }, () => '192.0.2.1') } },
      ['hosts.h: has more than 16 entries'],
    ],
    [
      'a day that is none',
      { kind: 'namespace', vpc: 'a', name: 'b', created: '2023-02-29T00:00:00Z', shadow: 'x' },
      [
        'created: "2023-02-29T00:00:00Z" is not a time as in 2023-09-11T12:16:30Z (RFC 3339)',
        'shadow: must be forward',
      ],
    ],
    [
      'a time without zone',
      { kind: 'namespace', vpc: 'a', name: 'b', created: '2023-02-28 00:00' },
      ['created: "2023-02-28 00:00" is not a time as in 2023-09-11T12:16:30Z (RFC 3339)'],
    ],
    [
      'a driver with spaces',
      { ...pod, kind: 'overlay', driver: 'a b' },
      ['driver: "a b" must be 1 to 63 printable ASCII characters without spaces'],
    ],
    [
      'an IPv4 prefix',
      { ...pod, kind: 'overlay', net4: '10.0.0.1' },
      ['net4: "10.0.0.1" needs a prefix length, as in 10.0.0.0/23'],
    ],
  ];
  it.each(cases)('%s', (_name, raw, expected) => {
    expect(faults(raw)).toEqual(expected);
  });

  it('a name that does not fit below its namespace and the zone', () => {
    const name = [63, 63, 63, 46].map((length) => 'x'.repeat(length)).join('.');
    const exact = { ...pod, namespace: 'n', name: name.slice(0, 253 - '.n.vpc.internal'.length) };
    expect(good(exact)).toMatchObject({ name: exact.name });
    expect(faults({ ...exact, name: exact.name + 'x' })).toEqual([
      `name: "${exact.name.slice(0, 77)}..." has 254 octets, at most 253 are allowed`,
    ]);
    expect(faults({ ...exact, name: 'ok', names: ['ok2', exact.name + 'x'] })).toEqual([
      `names[1]: "${exact.name.slice(0, 77)}..." has 254 octets, at most 253 are allowed`,
    ]);
    expect(faults(exact, 'error', 'vpc.internal.example')).toHaveLength(1);
  });

  it('marks the key where the key is at fault', () => {
    const { issues } = validateResource({ ...pod, x: 1, ip6: 5 }, { unknownKeys: 'error' });
    expect(issues).toEqual([
      { path: ['ip6'], reason: 'must be text' },
      { path: ['x'], reason: expect.stringContaining('is not a key of a pod'), atKey: true },
    ]);
  });

  it('lists no more than twenty faults, and survives absurd nesting', () => {
    expect(faults({ ...pod, names: Array(200).fill(5) })).toHaveLength(20);
    const deep = JSON.parse('['.repeat(50_000) + ']'.repeat(50_000)) as unknown;
    expect(faults({ ...pod, names: deep, overlays: { a: deep } }).length).toBeGreaterThan(0);
  });
});

describe('keys of deletes', () => {
  it('are folded, other fields not looked at', () => {
    expect(validateKey({ ...pod, name: 'DB', ip6: 'nonsense' }).key).toEqual({ ...pod, name: 'db' });
    expect(validateKey({ kind: 'vpc', name: 'AEP' }).key).toEqual({
      kind: 'vpc',
      vpc: 'aep',
      namespace: '',
      name: '',
    });
    expect(validateKey({ kind: 'namespace', vpc: 'a', name: 'b' }).key).toEqual({
      ...{ kind: 'namespace', vpc: 'a', namespace: 'b', name: '' },
    });
  });

  it('are refused in words', () => {
    expect(validateKey({ kind: 'pod', vpc: 'a', name: 'x y' }).issues!.map(issueText)).toEqual([
      'namespace: is missing',
      'name: "x y": " " is not allowed, only letters, digits, - and _',
    ]);
    expect(validateKey(null).issues!.map(issueText)).toEqual(['must be an object with a kind']);
  });
});

describe('the two paths', () => {
  const mixed = <T>(usual: fc.Arbitrary<T>) =>
    fc.oneof(
      { weight: 60, arbitrary: usual },
      { weight: 1, arbitrary: fc.constantFrom<unknown>(null, 5, '', true, [], {}, 'a b', 'A.b', '::1') },
    );
  const label = fc.stringMatching(/^[A-Za-z0-9_-]{1,12}$/);
  const ip4 = fc.tuple(fc.ipV4(), fc.constantFrom('', '/24', '/33')).map((parts) => parts.join(''));
  const ip6 = fc.tuple(fc.ipV6(), fc.constantFrom('', '/64', '/129')).map((parts) => parts.join(''));
  const attachment = fc.record(
    {
      overlay: mixed(label),
      ip4: mixed(ip4),
      ip6: mixed(ip6),
      pinned: mixed(fc.boolean()),
      x: fc.constant(1),
    },
    { requiredKeys: [] },
  );
  const port = fc.record(
    {
      name: mixed(label),
      protocol: mixed(fc.constantFrom('tcp', 'udp', 'sctp', 'TCP')),
      port: mixed(fc.integer({ min: 0, max: 65536 })),
    },
    { requiredKeys: [] },
  );
  const fields = {
    vpc: mixed(label),
    namespace: mixed(fc.oneof(label, fc.constant('localhost'))),
    name: mixed(fc.oneof(label, fc.domain(), fc.constantFrom('_pods', 'ns'))),
    aid: mixed(label),
    names: mixed(fc.array(mixed(fc.oneof(label, fc.domain())), { maxLength: 4 })),
    ip6: mixed(ip6),
    ports: mixed(fc.array(port, { maxLength: 2 })),
  };
  const pods = fc.record(
    {
      kind: fc.constant('pod'),
      ...fields,
      overlays: mixed(fc.array(attachment, { maxLength: 2 })),
      ready: mixed(fc.boolean()),
      x: fc.constant(1),
    },
    { requiredKeys: ['kind', 'vpc', 'namespace', 'name'] },
  );
  const services = fc.record(
    { kind: fc.constant('service'), ...fields },
    { requiredKeys: ['kind', 'vpc', 'namespace', 'name'] },
  );

  it('agree on every pod that the fast one takes, and it takes every valid one', () => {
    let taken = 0;
    fc.assert(
      fc.property(pods, fc.boolean(), (raw, strict) => {
        const fast = validFast(raw, 'pod', strict, 'vpc.internal');
        const slow = validateSlowly(raw, strict, 'vpc.internal').resource;
        if (fast !== undefined) {
          taken++;
          expect(fast).toEqual(slow);
        } else if (slow?.kind === 'pod') {
          // Only what no program writes into a stream is left to zod.
          const isMap = (value: unknown) =>
            typeof value === 'object' && value !== null && !Array.isArray(value);
          expect(isMap(raw.ports) || isMap(raw.overlays) || JSON.stringify(raw).includes('"TCP"')).toBe(true);
        }
      }),
      { numRuns: 3000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it('agree on every service that the fast one takes', () => {
    let taken = 0;
    fc.assert(
      fc.property(services, fc.boolean(), (raw, strict) => {
        const fast = validFast(raw, 'service', strict, 'vpc.internal');
        if (fast === undefined) return;
        taken++;
        expect(fast).toEqual(validateSlowly(raw, strict, 'vpc.internal').resource);
      }),
      { numRuns: 2000 },
    );
    expect(taken).toBeGreaterThan(50);
  });

  it('never throw, whatever comes', () => {
    fc.assert(
      fc.property(
        fc.anything(),
        fc.constantFrom('vpc', 'namespace', 'overlay', 'pod', 'service'),
        (raw, kind) => {
          const value = typeof raw === 'object' && raw !== null ? { ...raw, kind } : raw;
          const result = validateResource(value, { unknownKeys: 'ignore' });
          expect((result.resource === undefined) !== (result.issues === undefined)).toBe(true);
          validateKey(value);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('agree once more after a round trip: a resource is its own normal form', () => {
    fc.assert(
      fc.property(pods, (raw) => {
        const { resource } = validateResource(raw, { unknownKeys: 'ignore' });
        if (resource === undefined) return;
        const again = validateResource(JSON.parse(JSON.stringify(resource)), { unknownKeys: 'error' });
        expect(again.resource).toEqual(resource);
      }),
      { numRuns: 1000 },
    );
  });
});
