/** Records that a page shows: two tenants, several overlays, a service, and one that is hostile in every text it can. */
import type { Resource } from '../../src/model.ts';

const NONE = { names: [], overlays: [], ports: [] };

export function records(): Resource[] {
  return [
    { kind: 'vpc', name: 'aep', net6: ['fdfd:1a8::/48'], services6: [] },
    { kind: 'vpc', name: 'other', net6: ['fdfd:2a8::/48'], services6: [] },
    overlay('default', '10.198.62.0/24'),
    overlay('storage', '10.7.0.0/16', true),
    {
      ...NONE,
      kind: 'pod',
      vpc: 'aep',
      namespace: 'shop',
      name: 'db-0',
      aid: 'p00000000d0',
      names: ['db'],
      ip6: 'fdfd:1a8::1',
      overlays: [
        { overlay: 'default', ip4: '10.198.62.20', pinned: true },
        { overlay: 'storage', ip4: '10.7.0.9', pinned: false },
      ],
      ports: [{ name: 'postgres', protocol: 'tcp', port: 5432 }],
      ready: true,
    },
    pod('shop', 'db-1', '2', { names: ['db'], ready: false }),
    pod('shop', 'web', '3', { overlays: [{ overlay: 'default', pinned: false }] }),
    pod('shop', 'cron', '4', { overlays: [{ overlay: 'storage', pinned: false }] }),
    pod('blog', 'app', '5'),
    {
      names: [],
      ports: [],
      kind: 'service',
      vpc: 'aep',
      namespace: 'shop',
      name: 'api',
      aid: 's00000000a1',
      ip6: 'fdfd:1a8::aaaa',
    },
    pod('shop', 'api', '6'),
    { ...pod('shop', 'db', '1'), vpc: 'other', ip6: 'fdfd:2a8::1', aid: 'p00000000e1' } as Resource,
  ];
}

function overlay(name: string, net4: string, internal = false): Resource {
  return {
    kind: 'overlay',
    vpc: 'aep',
    namespace: 'shop',
    name,
    aid: `o-${name}`,
    driver: 'ipip',
    net4,
    internal,
  };
}

export function pod(namespace: string, name: string, host: string, more: object = {}): Resource {
  const ip6 = `fdfd:1a8::${host}`;
  const aid = `p${host.padStart(10, '0')}`;
  return { ...NONE, kind: 'pod', vpc: 'aep', namespace, name, aid, ip6, ready: true, ...more };
}
