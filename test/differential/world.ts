/** The VPC that the differential tests ask about: every shape a name can have, in one zone document. */
import type { ZoneDocument } from '../harness/fixture.ts';

/** With its own pod and namespace names the longest that a canonical name can be: 253 octets in text. */
const LONGEST = `${'x'.repeat(63)}.${'y'.repeat(63)}.${'z'.repeat(63)}.${'w'.repeat(44)}`;

/** Pods that share one further name; every one has a port. */
function many(count: number, letter: string, name: string, prefix: string): object {
  const numbers = Array.from({ length: count }, (_, i) => (i + 1).toString(16));
  const pod = (hex: string): object => ({ names: [name], ip6: prefix + hex, ports: { http: '80/tcp' } });
  return Object.fromEntries(numbers.map((hex) => [letter + hex, pod(hex)]));
}

export const WORLD: ZoneDocument = {
  vpc: 'aep',
  forward: 'off',
  net6: ['fdfd:1a8::/48'],
  services6: ['fdcc:c10d::/32'],
  namespaces: {
    web: {
      overlays: { default: { net4: '10.198.62.0/23' }, six: { net6: 'fd42:1a8::/64' } },
      pods: {
        db: { ip6: 'fdfd:1a8::2:1', ports: { sql: '5432/tcp', sync: '5433/udp' } },
        both: { ip6: 'fdfd:1a8::2:2', overlays: { default: '10.198.62.20' } },
        four: { overlays: { default: '10.198.62.21' } },
        unpinned: { ip6: 'fdfd:1a8::2:4', overlays: { default: { ip4: '10.198.62.22', pinned: false } } },
        sixth: { overlays: { six: { ip6: 'fd42:1a8::6' } } },
        two: { ip6: 'fdfd:1a8::2:5', overlays: { default: '10.198.62.23', six: { ip6: 'fd42:1a8::7' } } },
        'app-0': { names: ['app'], ip6: 'fdfd:1a8::2:10', ports: { http: '80/tcp' } },
        'app-1': { names: ['app'], ip6: 'fdfd:1a8::2:11', ports: { http: '8080/tcp' } },
        'app-2': { names: ['app'], ip6: 'fdfd:1a8::2:12', ready: false, ports: { http: '81/tcp' } },
        resting: { ip6: 'fdfd:1a8::2:13', ready: false },
        'a.dotted.name': { ip6: 'fdfd:1a8::2:14', ports: { http: '80/tcp' } },
        'www.example.com': { ip6: 'fdfd:1a8::2:15' },
        under_score: { ip6: 'fdfd:1a8::2:16' },
        _front: { ip6: 'fdfd:1a8::2:17' },
        '0digit': { ip6: 'fdfd:1a8::2:18' },
        ['l'.repeat(63)]: { ip6: 'fdfd:1a8::2:19' },
        [LONGEST]: { ip6: 'fdfd:1a8::2:1a' },
        ...many(15, 'f', 'fifteen', 'fdfd:1a8::f:'),
        ...many(60, 's', 'sixty', 'fdfd:1a8::6:'),
        ...many(100, 'h', 'hundreds', 'fdfd:1a8::3:'),
        hidden: { names: ['gate'], ip6: 'fdfd:1a8::2:1b', overlays: { default: '10.198.62.24' } },
      },
      services: {
        front: { ip6: 'fdcc:c10d::7', ports: { http: '80/tcp', quic: '443/udp', assoc: '132/sctp' } },
        gate: { ip6: 'fdcc:c10d::8', names: ['portal'] },
        other: { ip6: 'fdcc:c10d::9', names: ['portal'] },
      },
    },
    shop: { pods: { app: { ip6: 'fdfd:1a8::5:1' }, db: { ip6: 'fdfd:1a8::5:2' } } },
    // What no zone file can say: a namespace, and a name, that exist without anything.
    bare: {},
    half: { pods: { declared: {} } },
  },
};
