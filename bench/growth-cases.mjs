/**
 * What grows, a case each: how a server comes to hold n of something, and single changes to it. `load(server, n)`
 * brings all of it; `change(server, k, n)` makes the k-th change. `files(n)` is the text of a zone file instead.
 */
const hex = (i) => (i + 1).toString(16);
/** A pod's own address; 65,535 in each network. */
const ip6 = (i) => `fd00::${hex(i >> 15)}:${hex(i & 0x7fff)}`;
const range = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const vpc = (name, net6 = []) => ({ kind: 'vpc', name, net6 });
const pod = (name, more = {}) => ({ kind: 'pod', vpc: 'a', namespace: 'n', name, ...more });
const holder = (m, i, more = {}) => ({
  ...pod(`p${i}`, { namespace: `n${m}`, ip6: `fd00::${hex(m)}:${hex(i)}` }),
  overlays: [{ overlay: 'default', ip4: `10.0.0.${i + 1}` }],
  ...more,
});
const overlay = (namespace, name, net4, net6) => ({ kind: 'overlay', vpc: 'a', namespace, name, net4, net6 });
const put = (server, ...resources) => server.apply({ put: resources });
/** On and off, so that each change is one. */
const ready = (k) => k % 2 === 1;
const A = vpc('a', ['fd00::/16']);
const zone = (lines) =>
  ['vpc: a', 'net6: [fd00::/16]', 'namespaces:', '  n:', '    pods:', ...lines, ''].join('\n');

export const CASES = [
  {
    name: 'pods',
    size: 4000,
    load: (server, n) => put(server, A, ...range(n, (i) => pod(`p${i}`, { ip6: ip6(i) }))),
    change: (server, k) => put(server, pod(`p${k >> 1}`, { ip6: ip6(k >> 1), ready: ready(k) })),
  },
  {
    name: 'pods that share a name',
    size: 2000,
    load: (server, n) => put(server, A, ...range(n, (i) => pod(`p${i}`, { ip6: ip6(i), names: ['app'] }))),
    change: (server, k) =>
      put(server, pod(`p${k >> 1}`, { ip6: ip6(k >> 1), names: ['app'], ready: ready(k) })),
  },
  {
    name: 'namespaces that hold the same 20 IPv4',
    size: 50,
    load: (server, n) => put(server, A, ...range(n * 20, (i) => holder(Math.floor(i / 20), i % 20))),
    change: (server, k, n) => put(server, holder((k >> 1) % n, (k >> 1) % 20, { ready: ready(k) })),
  },
  {
    name: 'pods that claim one address',
    size: 1000,
    load: (server, n) => put(server, A, ...range(n, (i) => pod(`p${i}`, { ip6: 'fd00::1' }))),
    change: (server, k) => put(server, pod(`p${k >> 1}`, { ip6: 'fd00::1', ready: ready(k) })),
  },
  {
    name: 'pods that claim one address, each later than the last',
    size: 500,
    async load(server, n) {
      await put(server, A);
      for (let i = 0; i < n; i++) await put(server, pod(`p${i}`, { ip6: 'fd00::1' }));
    },
    // The owner goes, the one before it has the address.
    change: (server, k, n) =>
      server.apply({ delete: [{ kind: 'pod', vpc: 'a', namespace: 'n', name: `p${n - 1 - k}` }] }),
  },
  {
    name: 'VPCs of 5 pods; a VPC more',
    size: 500,
    load: (server, n) =>
      put(
        server,
        ...range(n, (v) => vpc(`v${v}`, [`fd00:${hex(v)}::/32`])),
        ...range(n * 5, (i) => ({
          ...pod(`p${i % 5}`),
          vpc: `v${Math.floor(i / 5)}`,
          ip6: `fd00:${hex(Math.floor(i / 5))}::${hex(i % 5)}`,
        })),
      ),
    change: (server, k) => put(server, vpc(`w${k}`, [`fd01:${hex(k)}::/32`])),
  },
  {
    name: 'VPCs below a prefix that another claims in vain; a VPC more',
    size: 500,
    async load(server, n) {
      await put(server, ...range(n, (v) => vpc(`v${v}`, [`fd00:${hex(v)}::/32`])));
      await put(server, vpc('wide', ['fc00::/7']));
    },
    change: (server, k) => put(server, vpc(`w${k}`, [`fd01:${hex(k)}::/32`])),
  },
  {
    name: 'VPCs that have one overlay address',
    size: 500,
    load: (server, n) => put(server, ...range(n, (v) => ({ ...pod('p'), vpc: `v${v}`, ip6: 'fd42::1' }))),
    change: (server, k) => put(server, { ...pod('p'), vpc: `v${k >> 1}`, ip6: 'fd42::1', ready: ready(k) }),
  },
  {
    name: 'overlays of a VPC; an overlay more',
    size: 500,
    load: (server, n) =>
      put(
        server,
        A,
        ...range(n, (o) =>
          overlay(`n${o}`, 'default', `10.${o >> 8}.${o & 255}.0/24`, `fd42:0:${hex(o)}::/64`),
        ),
      ),
    change: (server, k) => put(server, overlay('m', `o${k}`, `11.${k >> 8}.${k & 255}.0/24`)),
  },
  {
    name: 'namespaces of a VPC; a namespace more',
    size: 1000,
    load: (server, n) => put(server, A, ...range(n, (i) => ({ kind: 'namespace', vpc: 'a', name: `n${i}` }))),
    change: (server, k) => put(server, { kind: 'namespace', vpc: 'a', name: `m${k}` }),
  },
  {
    name: 'pods whose names have dots',
    size: 1000,
    load: (server, n) => put(server, A, ...range(n, (i) => pod(`x.y${i}.z`, { ip6: ip6(i) }))),
    change: (server, k) => put(server, pod(`x.y${k >> 1}.z`, { ip6: ip6(k >> 1), ready: ready(k) })),
  },
  {
    name: 'VPCs of a source that is lost; a change of another',
    size: 2000,
    config: { staleAfter: 0 },
    lost: (n) => range(n, (v) => ({ kind: 'vpc', name: `v${v}`, net6: [], services6: [] })),
    load: (server) => put(server, A, pod('p', { ip6: 'fd00::1' })),
    change: (server, k) => put(server, pod('p', { ip6: 'fd00::1', ready: ready(k) })),
  },
  {
    name: 'pods in a zone file',
    size: 500,
    files: (n) => zone(range(n, (i) => `      p${i}: { ip6: "${ip6(i)}", ports: { http: 80/tcp } }`)),
  },
  {
    name: 'aliases in a zone file',
    size: 250,
    files: (n) =>
      zone([
        `      p0: { ip6: "${ip6(0)}", ports: &web { http: 80/tcp } }`,
        ...range(n - 1, (i) => `      p${i + 1}: { ip6: "${ip6(i + 1)}", ports: *web }`),
      ]),
  },
];
