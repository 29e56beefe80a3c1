/** A small server of two tenants without sockets, and whom its queries come from. */
import { load } from './code.mjs';

/** Octets of address space. */
const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };
const SECRET = Uint8Array.from({ length: 16 }, (_, index) => index);
/** Time stands still, so that a run can be repeated. */
const NOW = Date.UTC(2026, 10, 28);

const http = { name: 'http', protocol: 'tcp', port: 80 };
const place = (ip4) => [{ overlay: 'o', pinned: true, ip4 }];

function tenant(vpc, net) {
  const inside = { vpc, namespace: 'web' };
  const pod = { kind: 'pod', ...inside };
  return [
    { kind: 'vpc', name: vpc, net6: [`${net}::/48`] },
    { kind: 'namespace', vpc, name: 'web' },
    { kind: 'namespace', vpc, name: 'other' },
    { kind: 'overlay', ...inside, name: 'o', net4: '10.0.0.0/24' },
    { ...pod, name: 'db', aid: 'd', ip6: `${net}::1`, names: ['database.x'], ports: [] },
    ...[2, 3, 4].map((i) => ({
      ...pod,
      name: `app-${i}`,
      aid: `a${i}`,
      ip6: `${net}::${i}`,
      names: ['app', 'r.app', '*.wild'].slice(0, i - 1 > 2 ? 2 : i - 1),
      overlays: place(`10.0.0.${i}`),
      ports: [http, { ...http, name: 'alt', port: 8080 + i }],
    })),
    ...Array.from({ length: 60 }, (_, i) => ({
      ...pod,
      name: `many-${i}`,
      aid: `m${i}`,
      ip6: `${net}::1:${(i + 1).toString(16)}`,
      names: ['many'],
      ports: [http],
    })),
    { ...pod, namespace: 'other', name: 'db', aid: 'o', ip6: `${net}::9` },
    { kind: 'service', ...inside, name: 'svc', aid: 's', ip6: `${net}:1::1`, ports: [http] },
  ];
}

const client = (address, scope = '') => ({ address, port: 4000, scope, local: 'fdfd::53', tcp: false });

/** A pod of each tenant, a listener's scope, and somebody whom nobody knows. */
export const CLIENTS = [
  client('fdfd:1::1'),
  client('fdfd:2::2'),
  { ...client('127.0.0.1', 'red/web'), local: '127.0.0.1' },
];
export const STRANGER = client('2001:db8::1');

export async function openWorld() {
  const { ServerCore } = await load('server.js');
  const server = new ServerCore({
    config: { workers: 0, forward: 'off', podHold: 0, syncHold: 0 },
    reserve: RESERVE,
    cookieSecret: SECRET,
    wallClock: () => NOW,
  });
  await server.apply({ put: [...tenant('red', 'fdfd:1'), ...tenant('blue', 'fdfd:2')], full: true });
  return server;
}
