/** Random tenants, changes and questions over so few words that everything collides with everything. */
import fc from 'fast-check';
import type {
  ARecords,
  Attachment,
  Pod,
  Port,
  Resource,
  ResourceKey,
  Service,
  Vpc,
} from '../../src/model.ts';
import { keyOf } from '../../src/model.ts';
import { arpaName } from './build.ts';

export interface Tenant {
  vpc: string;
  /** `fdfd:1`: the first groups of its prefix. */
  net: string;
  /** `fdcc:1`: of its virtual IPs. */
  services: string;
}

export const TENANTS: Tenant[] = [
  { vpc: 'red', net: 'fdfd:1', services: 'fdcc:1' },
  { vpc: 'blue', net: 'fdfd:2', services: 'fdcc:2' },
];

export const NAMESPACES = ['alpha', 'beta', 'com'];
/** Own names of pods; those with ports never share theirs with a service. */
const OWN = ['p0', 'p1', 'p2', 'u_x', 'q.b', 'app', 'web'];
/** `app` is a public top-level domain, `beta` a namespace too; the long ones are empty non-terminals over replicas. */
const SHARED = ['app', 'web', 'b', 'r.b', 'clean', 'beta', 'p0.beta', 'k.p0.web', 'k.p1.r.b'];
const SERVICES = ['s0', 's1', 'app', 'web'];

export type Change = { put: Resource } | { remove: ResourceKey };

const http: Port = { name: 'http', protocol: 'tcp', port: 80 };
/** None, one, two of one name, one said twice. */
const portsArbitrary = fc.constantFrom<Port[]>([], [http], [http, { ...http, port: 8080 }], [http, http]);

function podArbitrary(tenant: Tenant): fc.Arbitrary<Pod> {
  return fc
    .record({
      namespace: fc.integer({ min: 0, max: NAMESPACES.length - 1 }),
      own: fc.integer({ min: 0, max: OWN.length - 1 }),
      names: fc.uniqueArray(fc.constantFrom(...SHARED), { maxLength: 3 }),
      ip6: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined, freq: 6 }),
      places: fc.subarray(['o1', 'o2', 'gamma/o1', 'beta/o2'], { maxLength: 3 }),
      shift: fc.integer({ min: 0, max: 1 }),
      pinned: fc.boolean(),
      /** Overlays on which a pod without an address of its own has an IPv6 one. */
      overlay6: fc.subarray(['o1', 'o2', 'gamma/o1', 'beta/o2']),
      ready: fc.boolean(),
      ports: portsArbitrary,
    })
    .map((parts) => {
      const name = OWN[parts.own]!;
      // A pod that may lose its address to another claim has no overlays: what it falls back to is not said.
      const claimed = parts.ip6 !== undefined && parts.ip6 > 5;
      const own6 = claimed ? parts.ip6! : 16 + parts.namespace * 16 + parts.own;
      const overlays: Attachment[] = (claimed ? [] : parts.places).map((overlay, index) => ({
        overlay,
        pinned: parts.pinned,
        ip4: `10.1.0.${1 + parts.own + (overlay.endsWith('o2') ? parts.shift : 0)}`,
        ...(parts.ip6 === undefined && parts.overlay6.includes(overlay)
          ? { ip6: `fd42:${tenant.net.slice(5)}:${parts.namespace + 1}:${index + 1}::${parts.own + 1}` }
          : {}),
      }));
      return {
        kind: 'pod',
        vpc: tenant.vpc,
        namespace: NAMESPACES[parts.namespace]!,
        name,
        aid: `id${parts.own}`,
        names: parts.names.filter((other) => other !== name),
        ...(parts.ip6 === undefined ? {} : { ip6: `${tenant.net}::${own6.toString(16)}` }),
        overlays,
        ports: parts.own < 5 ? parts.ports : [],
        ready: parts.ready,
      };
    });
}

function serviceArbitrary(tenant: Tenant): fc.Arbitrary<Service> {
  return fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES),
      name: fc.constantFrom(...SERVICES),
      names: fc.uniqueArray(fc.constantFrom('app', 'web', 'b'), { maxLength: 1 }),
      ip6: fc.integer({ min: 1, max: 9 }),
      ports: portsArbitrary,
    })
    .map((parts) => ({
      kind: 'service',
      vpc: tenant.vpc,
      namespace: parts.namespace,
      name: parts.name,
      aid: `v${parts.name}`,
      names: parts.names.filter((other) => other !== parts.name),
      ip6: `${tenant.services}::${parts.ip6}`,
      ports: parts.ports,
    }));
}

/** The VPC, its namespaces and overlays: always there. */
export function tenantResources(tenant: Tenant): Resource[] {
  const { vpc } = tenant;
  const resources: Resource[] = [
    { kind: 'vpc', name: vpc, net6: [`${tenant.net}::/32`], services6: [`${tenant.services}::/32`] },
  ];
  for (const namespace of NAMESPACES) {
    resources.push({ kind: 'namespace', vpc, name: namespace });
    for (const name of ['o1', 'o2']) {
      const aid = `${namespace}-${name}`;
      resources.push({ kind: 'overlay', vpc, namespace, name, aid, driver: 'ipip', net4: '10.1.0.0/24' });
    }
    // Shorter than any zone, and no pod on it.
    const small = { net4: '10.3.0.0/26', net6: `fd43:${tenant.net.slice(5)}::/126` };
    resources.push({
      kind: 'overlay',
      vpc,
      namespace,
      name: 'small',
      aid: `${namespace}-s`,
      driver: 'ipip',
      ...small,
    });
  }
  return resources;
}

/** The tenant with a policy of its own, or the configured one. */
function policyArbitrary(tenant: Tenant): fc.Arbitrary<Change> {
  const { kind, name, net6, services6 } = tenantResources(tenant)[0] as Vpc;
  return fc
    .constantFrom<ARecords | undefined>('pinned', 'all', 'none', undefined)
    .map((a_records) => ({ put: { kind, name, net6, services6, ...(a_records && { a_records }) } }));
}

/** One that pods are on, of their own namespace or another, declared anew. */
function overlayArbitrary({ vpc }: Tenant): fc.Arbitrary<Change> {
  return fc
    .record({
      namespace: fc.constantFrom(...NAMESPACES, 'gamma'),
      name: fc.constantFrom('o1', 'o2'),
      internal: fc.boolean(),
      stays: fc.boolean(),
    })
    .map(({ namespace, name, internal, stays }): Change => {
      const key = { kind: 'overlay' as const, vpc, namespace, name };
      if (!stays) return { remove: key };
      const aid = `${namespace}-${name}`;
      return { put: { ...key, aid, driver: 'ipip', net4: '10.1.0.0/24', ...(internal && { internal }) } };
    });
}

export function changeArbitrary(tenant: Tenant): fc.Arbitrary<Change> {
  const resource: fc.Arbitrary<Resource> = fc.oneof(
    { weight: 3, arbitrary: podArbitrary(tenant) },
    { weight: 1, arbitrary: serviceArbitrary(tenant) },
  );
  return fc.oneof(
    { weight: 4, arbitrary: resource.map((put): Change => ({ put })) },
    { weight: 1, arbitrary: resource.map((gone): Change => ({ remove: keyOf(gone) })) },
    { weight: 1, arbitrary: policyArbitrary(tenant) },
    { weight: 1, arbitrary: overlayArbitrary(tenant) },
  );
}

const WORDS = [...OWN, ...SHARED, ...SERVICES, 'nosuch', 'id1', '_tcp', 'name', 'vpc'];

/** A question as presentation text and type; TXT only where its text is not left open. */
export interface Ask {
  name: string;
  type: string;
}

export function askArbitrary(tenant: Tenant): fc.Arbitrary<Ask> {
  const word = fc.constantFrom(...WORDS);
  const namespace = fc.constantFrom(...NAMESPACES, 'gamma', 'nowhere');
  const local = fc.oneof(
    word,
    fc.tuple(fc.constantFrom('p0', 'p1', 'id0', 'id1', 'app'), word).map((parts) => parts.join('.')),
    word.map((name) => `_http._tcp.${name}`),
    word.map((name) => `_tcp.${name}`),
    word.map((name) => `_http._udp.${name}`),
  );
  const address = fc.oneof(
    fc.integer({ min: 1, max: 70 }).map((host) => `${tenant.net}::${host.toString(16)}`),
    fc.integer({ min: 1, max: 10 }).map((host) => `${tenant.services}::${host}`),
    fc.integer({ min: 1, max: 9 }).map((host) => `10.1.0.${host}`),
    fc.integer({ min: 1, max: 7 }).map((host) => `fd42:${tenant.net.slice(5)}:1:1::${host}`),
    fc.constantFrom(
      '10.2.0.1',
      '192.168.1.1',
      'fdfd:9::1',
      '8.8.8.8',
      '2001:db8::1',
      '127.0.0.1',
      '::1',
      '::',
    ),
    fc.constantFrom(
      '0.0.0.0',
      '172.15.0.1',
      '172.31.0.1',
      '198.19.1.1',
      '255.255.255.255',
      '10.3.0.7',
      '10.3.0.99',
    ),
    fc.ipV4(),
    fc.ipV6().filter((text) => !text.includes('.')),
  );
  const forward = fc.oneof(
    local,
    fc.tuple(local, namespace).map((parts) => parts.join('.')),
    fc.tuple(local, namespace, fc.constantFrom('vpc.internal', 'svc.test')).map((parts) => parts.join('.')),
    word.map((name) => `${name}.flat.zone`),
    namespace,
    fc.constantFrom(
      'vpc.internal',
      'internal',
      'svc.test',
      'flat.zone',
      'zone',
      'x.localhost',
      'a.onion',
      'example.com',
      'a.example.com',
    ),
    fc.constantFrom('.', 'localhost', 'local', 'a.local', 'alt', 'a.alt', 'arpa', 'home.arpa', 'a.home.arpa'),
    fc.constantFrom(
      'service.arpa',
      'resolver.arpa',
      '_dns.resolver.arpa',
      '10.0.0.5',
      '5',
      '0x5',
      '_http._tcp',
      'a._b',
      'corp',
      'a.corp',
    ),
    fc.tuple(fc.constantFrom('a', 'p1', '_http._tcp'), local).map((parts) => parts.join('.')),
  );
  const whole = address.map((text) => arpaName(text).slice(0, -1));
  const piece = fc
    .tuple(whole, fc.nat(34), fc.constantFrom('', '', 'x.', '0.', '01.'))
    .map(([name, cut, before]) => {
      const labels = name.split('.');
      return before + labels.slice(Math.min(cut, labels.length - 1)).join('.');
    });
  const reverse = fc.oneof(whole, piece);
  const plain = fc.constantFrom(
    'A',
    'AAAA',
    'SRV',
    'MX',
    'HTTPS',
    'PTR',
    'DS',
    'ANY',
    'NS',
    'SOA',
    'TXT',
    'DNSKEY',
  );
  return fc.oneof(
    { weight: 4, arbitrary: fc.record({ name: forward, type: plain }) },
    {
      weight: 1,
      arbitrary: fc.record({
        name: reverse,
        type: fc.constantFrom('PTR', 'PTR', 'AAAA', 'MX', 'SOA', 'NS', 'ANY'),
      }),
    },
  );
}

/** Letter case turned by a number; the answer must not change but for the echo. 0 leaves it alone. */
export function turnCase(text: string, seed: number): string {
  let state = seed;
  return [...text]
    .map((letter) => {
      state = Math.imul(state, 1_664_525) + (seed === 0 ? 0 : 1_013_904_223);
      return state < 0 ? letter.toUpperCase() : letter;
    })
    .join('');
}
