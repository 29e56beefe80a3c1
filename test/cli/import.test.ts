/** `import compose`: compose's own semantics, and errors with their place. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readZones } from '../../src/source/zones/zone-dir.ts';
import { convert } from './compose-text.ts';
import { podns } from './harness.ts';

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-import-'))));
afterAll(() => rmSync(folder, { recursive: true }));

const FULL = `
name: demo
services:
  db:
    image: postgres
    expose: [5432]
    networks:
      back: { ipv4_address: 172.28.0.5, ipv6_address: "fd00:28::5", aliases: [postgres, DB.internal] }
  web:
    container_name: shop-web
    ports: ["8080:80", "127.0.0.1:8443:443/tcp", "[::1]:53:53/udp", { target: 9090, published: "9090", name: metrics }]
    networks: [back, front]
  worker:
    deploy: { replicas: 2 }
    networks: { back: { aliases: [jobs] } }
  lonely:
    image: x
networks:
  back:
    driver: bridge
    internal: true
    ipam: { config: [{ subnet: 172.28.0.0/16 }, { subnet: "fd00:28::/64" }] }
  front:
`;

describe('a compose file', () => {
  it('becomes pods and overlays', () => {
    const { zone, problems } = convert(FULL);
    expect(problems).toEqual([]);
    expect(zone).toEqual({
      overlays: {
        back: { driver: 'bridge', internal: true, net4: '172.28.0.0/16', net6: 'fd00:28::/64' },
        front: { driver: 'bridge' },
        default: { driver: 'bridge' },
      },
      pods: {
        'db-1': {
          names: ['db', 'demo-db-1', 'postgres', 'db.internal'],
          overlays: { back: { ip4: '172.28.0.5', ip6: 'fd00:28::5' } },
          ports: { postgresql: '5432/tcp' },
        },
        'shop-web': {
          names: ['web'],
          overlays: { back: null, front: null },
          ports: { domain: '53/udp', http: '80/tcp', https: '443/tcp', metrics: '9090/tcp' },
        },
        'worker-1': { names: ['worker', 'demo-worker-1', 'jobs'], overlays: { back: null } },
        'worker-2': { names: ['worker', 'demo-worker-2', 'jobs'], overlays: { back: null } },
        'lonely-1': { names: ['lonely', 'demo-lonely-1'], overlays: { default: null } },
      },
    });
  });

  it('is written as a zone file that reads back without a fault', async () => {
    writeFileSync(join(folder, 'compose.yaml'), FULL);
    const ran = await podns(['import', 'compose', 'compose.yaml', '-n', 'Shop', '--vpc', 'home'], { folder });
    expect(ran.code).toBe(0);
    expect(ran.err).toContain('4 pods without an address: shop-web, worker-1, worker-2, lonely-1');
    const file = join(folder, 'zone.yaml');
    writeFileSync(file, ran.out);
    const { resources, problems } = readZones(file);
    expect(problems).toEqual([]);
    const pods = resources.map(({ resource }) => resource).filter((resource) => resource.kind === 'pod');
    expect(pods.map(({ vpc, namespace, name }) => `${vpc}/${namespace}/${name}`)).toEqual([
      'home/shop/db-1',
      'home/shop/shop-web',
      'home/shop/worker-1',
      'home/shop/worker-2',
      'home/shop/lonely-1',
    ]);
    expect(pods[0]).toMatchObject({
      names: ['db', 'demo-db-1', 'postgres', 'db.internal'],
      overlays: [{ overlay: 'back', ip4: '172.28.0.5', ip6: 'fd00:28::5', pinned: true }],
      ports: [{ name: 'postgresql', protocol: 'tcp', port: 5432 }],
    });
    // One resource a line, for people.
    expect(ran.out).toContain('\n      lonely-1: { names: [ lonely, demo-lonely-1 ], overlays: { default:');
  });

  it('may come from standard input, and use variables and .env', async () => {
    const project = join(folder, 'project');
    mkdirSync(project);
    writeFileSync(join(project, '.env'), 'SUBNET=10.9.0.0/24 # ours\nADDRESS="10.9.0.1"\n');
    const text =
      'services: { a: { networks: { n: { ipv4_address: "${ADDRESS}" } } } }\n' +
      'networks: { n: { ipam: { config: [ { subnet: "${SUBNET:?give one}" } ] } } }\n';
    writeFileSync(join(project, 'c.yaml'), text);
    const beside = await podns(['import', 'compose', 'project/c.yaml', '-n', 'n'], {
      folder,
      environment: { ADDRESS: '10.9.0.7' },
    });
    expect(beside.out).toContain('10.9.0.7');
    const stdin = await podns(['import', 'compose', '-', '-n', 'n'], { input: text });
    expect(stdin).toMatchObject({ code: 78, out: '' });
    expect(stdin.err).toContain(
      '<stdin>:2:46: error: networks.n.ipam.config[0].subnet: variable SUBNET is required: give one',
    );
  });

  it('refuses a namespace that cannot be one', async () => {
    const ran = await podns(['import', 'compose', '-', '-n', 'arpa'], { input: 'services: { a: {} }' });
    expect(ran.code).toBe(78);
    expect(ran.err).toContain('"arpa" is reserved');
    expect((await podns(['import', 'compose', '-'])).code).toBe(2);
    expect((await podns(['import', 'compose', 'absent.yaml', '-n', 'n'], { folder })).code).toBe(1);
  });
});

describe('what compose or its engine would refuse', () => {
  it.each([
    [
      'services:\n  a:\n    networks: [nope]\n',
      'c.yaml:3:16: error: services.a.networks[0]: network "nope" is not defined under networks',
    ],
    [
      'services:\n  a:\n    networks:\n      n: { ipv4_address: 10.1.0.1 }\nnetworks:\n  n: { ipam: { config: [{ subnet: 10.0.0.0/24 }] } }\n',
      'c.yaml:4:26: error: services.a.networks.n.ipv4_address: 10.1.0.1 is not in 10.0.0.0/24, the subnet of network n',
    ],
    [
      'services:\n  a: { networks: { n: { ipv4_address: 10.0.0.1 } } }\n  b: { networks: { n: { ipv4_address: 10.0.0.1 } } }\nnetworks:\n  n: { ipam: { config: [{ subnet: 10.0.0.0/24 }] } }\n',
      'c.yaml:3:39: error: services.b.networks.n.ipv4_address: 10.0.0.1 is taken by service a',
    ],
    [
      'services:\n  a: { scale: 2, container_name: x }\n',
      'c.yaml:2:34: error: services.a.container_name: 2 replicas cannot all have one container name',
    ],
    [
      'services:\n  a: { scale: 2, networks: { n: { ipv4_address: 10.0.0.1 } } }\nnetworks: { n: { external: true } }\n',
      'c.yaml:2:33: error: services.a.networks.n: 2 replicas cannot all have one address',
    ],
    [
      'services:\n  a: { network_mode: host, networks: [n] }\nnetworks: { n: }\n',
      'c.yaml:2:22: error: services.a.network_mode: cannot be combined with networks',
    ],
    [
      'services:\n  a: { ports: ["80:http"] }\n',
      'c.yaml:2:16: error: services.a.ports[0]: "80:http" is not a port, as in 8080:80 or 53:53/udp',
    ],
    [
      'services:\n  a: { expose: ["1:80"] }\n',
      'c.yaml:2:17: error: services.a.expose[0]: "1:80" is not a port, as in 80 or 53/udp',
    ],
    [
      'services:\n  a: { ports: ["80/icmp"] }\n',
      'c.yaml:2:16: error: services.a.ports[0]: the protocol must be tcp, udp or sctp, not "icmp"',
    ],
    [
      'services:\n  a: { extends: b }\n',
      'c.yaml:2:17: error: services.a.extends: there is no service "b" in c.yaml; a service of another file needs extends: { file: …, service: … }',
    ],
    [
      'include: [x.yaml]\nservices: {}\n',
      "c.yaml:1:11: error: include[0]: x.yaml: ENOENT: no such file or directory, open 'x.yaml'",
    ],
    ['services: []\n', 'c.yaml:1:11: error: services: a compose file needs a map of services'],
    [
      'services:\n  "a b": {}\n',
      'c.yaml:2:10: error: services.a b: "a b": " " is not allowed, only letters, digits, - and _',
    ],
    [
      'services:\n  a: {}\nnetworks:\n  "x y": {}\n',
      'c.yaml:4:10: error: networks.x y: "x y": only letters, digits, ".", - and _ are allowed',
    ],
    ['services:\n  A: {}\n  a: {}\n', 'c.yaml:3:6: error: services.a: a pod a-1 already exists'],
    ['services:\n  a: { image: "${" }\n', 'c.yaml:2:15: error: services.a.image: "${" without "}" in "${"'],
  ])('%j', (text, problem) => {
    expect(convert(text)).toEqual({ zone: undefined, problems: [problem] });
  });

  it('is told where the file is no YAML', () => {
    expect(convert('services: [\n').problems[0]).toMatch(/^c\.yaml:\d+:\d+: error: /);
  });
});

describe('what has no counterpart', () => {
  it('is left out and told', () => {
    const { zone, problems } = convert(
      'services:\n  a: {}\n  b: { image: x }\n  c: { profiles: [debug] }\n  d: { scale: 0 }\n',
    );
    expect(Object.keys(zone!.pods)).toEqual(['a-1', 'b-1']);
    expect(problems).toEqual([
      'c.yaml:4:18: warning: services.c.profiles: left out, because its profile is not enabled (--profile debug)',
      'c.yaml:5:15: warning: services.d.scale: left out, because it has 0 replicas',
    ]);
    expect(Object.keys(convert('services:\n  c: { profiles: [debug] }\n', ['debug']).zone!.pods)).toEqual([
      'c-1',
    ]);
  });

  it('is warned of: a second subnet, a pinned address without a subnet', () => {
    const { zone, problems } = convert(
      'services:\n  a: { networks: { n: { ipv4_address: 10.5.0.9 }, m: { ipv4_address: 10.6.0.9 } } }\nnetworks:\n  n:\n  m: { ipam: { config: [{ subnet: 10.7.0.0/24 }, { subnet: 10.6.0.0/24 }] } }\n',
    );
    expect(problems).toHaveLength(2);
    expect(problems.join('\n')).toContain('10.7.0.0/24 is used and this one is ignored');
    expect(problems.join('\n')).toContain('network n has no IPv4 subnet');
    expect(zone!.pods['a-1']!.overlays).toEqual({ n: '10.5.0.9', m: '10.6.0.9' });
  });

  it('merges anchors, as compose does', () => {
    const { zone } = convert('x-base: &base { expose: [80-82] }\nservices:\n  a: { <<: *base }\n');
    expect(zone!.pods['a-1']!.ports).toEqual({ http: '80/tcp', '81': '81/tcp', '82': '82/tcp' });
  });
});

describe('as the Docker source would say it', () => {
  const pods = (text: string): Record<string, unknown> => {
    const { zone, problems } = convert(`name: demo\n${text}`);
    expect(problems).toEqual([]);
    return zone!.pods;
  };

  it('a network that the project does not make is one of namespace default, under its real name', () => {
    const { zone, problems } = convert(
      'services:\n  a: { networks: { proxy: { ipv4_address: 10.9.0.2, ipv6_address: "fd00::2" }, own: , old: , two: } }\n' +
        'networks:\n  proxy: { external: true, name: Traefik.Net }\n  own: { name: other }\n  old: { external: { name: legacy } }\n' +
        '  two: { external: true, name: legacy }\n',
    );
    expect(problems).toEqual([]);
    expect(zone!.overlays).toEqual({ own: { driver: 'bridge' } });
    expect(zone!.pods['a-1']!.overlays).toEqual({
      'default/traefik-net': { ip4: '10.9.0.2', ip6: 'fd00::2' },
      own: null,
      'default/legacy': null,
    });
  });

  it('a service in the network of another gives it its names and ports', () => {
    const zone = pods(
      'services:\n  vpn: { expose: [1194/udp] }\n  torrent: { network_mode: "service:vpn", expose: [80], hostname: ignored }\n' +
        '  chain: { network_mode: "service:torrent" }\n  box: { container_name: Box }\n' +
        '  side: { network_mode: "container:Box", container_name: sidecar }\n',
    );
    expect(Object.keys(zone)).toEqual(['vpn-1', 'box']);
    expect(zone['vpn-1']).toEqual({
      names: [
        'vpn',
        'demo-vpn-1',
        'torrent-1',
        'torrent',
        'demo-torrent-1',
        'chain-1',
        'chain',
        'demo-chain-1',
      ],
      overlays: { default: null },
      ports: { openvpn: '1194/udp', http: '80/tcp' },
    });
    expect(zone['box']).toMatchObject({ names: ['sidecar', 'side'] });
  });

  it('is refused where services share each other’s network, and warned of where there is none', () => {
    const around = 'services:\n  a: { network_mode: "service:b" }\n  b: { network_mode: "service:a" }\n';
    expect(convert(around).problems[0]).toContain(
      'c.yaml:2:22: error: services.a.network_mode: shares its own',
    );
    const { zone, problems } = convert('services:\n  a: { network_mode: "container:gone" }\n');
    expect(problems[0]).toContain('no container "gone" is imported');
    expect(zone!.pods).toEqual({ 'a-1': { names: ['a', 'project-a-1'] } });
  });

  it('no network, that of the host and that of the engine', () => {
    expect(
      pods(
        'services:\n  a: { network_mode: none, hostname: x }\n  b: { network_mode: host, hostname: x }\n  c: { network_mode: bridge }\n',
      ),
    ).toEqual({
      'a-1': { names: ['a', 'demo-a-1', 'x'] },
      'b-1': { names: ['b', 'demo-b-1'] },
      'c-1': { names: ['c', 'demo-c-1'], overlays: { 'default/bridge': null } },
    });
  });

  it('labels say name, names, ports, namespace and VPC, or that it is ignored', async () => {
    const text =
      'name: demo\nservices:\n' +
      '  a: { labels: { podns.name: main, podns.names: "www,shop", podns.ports: "web=8000,admin=9000/udp" }, expose: [8000, 443] }\n' +
      '  b: { labels: ["podns.ignore=true"] }\n' +
      '  c: { labels: { podns.namespace: tools } }\n' +
      '  d: { labels: { podns.vpc: other } }\n';
    const ran = await podns(['import', 'compose', '-', '-n', 'shop'], { input: text });
    expect(ran.out).toContain(
      '      main: { names: [ www, shop ], overlays: { default: }, ports: { https: 443/tcp, web: 8000/tcp, admin: 9000/udp } }\n' +
        '  tools:\n    pods:\n      c-1: { names: [ c, demo-c-1 ], overlays: { shop/default: } }\n' +
        '---\nvpc: other\nnamespaces:\n  shop:\n    pods:\n      d-1:',
    );
    expect(ran.out).not.toContain('b-1');
    const { zone, problems } = convert('services:\n  a: { labels: { podns.nmae: x } }\n');
    expect(zone).toBeUndefined();
    expect(problems[0]).toContain('c.yaml:2:16: error: services.a.labels: label podns.nmae');
    const two = convert('services:\n  a: { scale: 2, labels: { podns.name: x } }\n');
    expect(two.problems).toEqual([
      'c.yaml:2:26: error: services.a.labels: 2 replicas cannot all have one name',
    ]);
  });

  it('a prefix length behind a pinned address is left out, as in the file of kraud’s post', async () => {
    const text =
      'services:\n  k2:\n    image: nginx\n    networks: { v: { ipv4_address: 192.168.2.0/24 } }\n' +
      'networks:\n  v:\n    driver: ipip\n    ipam: { config: [{ subnet: 192.168.0.0/16 }] }\n';
    const ran = await podns(['import', 'compose', '-', '-n', 'post'], { input: text });
    expect(ran.code).toBe(0);
    expect(ran.out).toContain('v: { driver: ipip, net4: 192.168.0.0/16 }');
    expect(ran.out).toMatch(/k2-1: \{ names: \[ k2, [\w-]+-k2-1 \], overlays: \{ v: 192\.168\.2\.0 \} \}/);
  });
});
