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
        front: null,
        default: null,
      },
      pods: {
        db: {
          names: ['postgres', 'db.internal'],
          overlays: { back: { ip4: '172.28.0.5', ip6: 'fd00:28::5' } },
          ports: { '5432': '5432/tcp' },
        },
        web: {
          names: ['shop-web'],
          overlays: { back: null, front: null },
          ports: { '80': '80/tcp', '443': '443/tcp', '53': '53/udp', metrics: '9090/tcp' },
        },
        'worker-1': { names: ['worker', 'jobs'], overlays: { back: null } },
        'worker-2': { names: ['worker', 'jobs'], overlays: { back: null } },
        lonely: { overlays: { default: null } },
      },
    });
  });

  it('is written as a zone file that reads back without a fault', async () => {
    writeFileSync(join(folder, 'compose.yaml'), FULL);
    const ran = await podns(['import', 'compose', 'compose.yaml', '-n', 'Shop', '--vpc', 'home'], { folder });
    expect(ran.code).toBe(0);
    expect(ran.err).toContain('4 pods without an address: web, worker-1, worker-2, lonely');
    const file = join(folder, 'zone.yaml');
    writeFileSync(file, ran.out);
    const { resources, problems } = readZones(file);
    expect(problems).toEqual([]);
    const pods = resources.map(({ resource }) => resource).filter((resource) => resource.kind === 'pod');
    expect(pods.map(({ vpc, namespace, name }) => `${vpc}/${namespace}/${name}`)).toEqual([
      'home/shop/db',
      'home/shop/web',
      'home/shop/worker-1',
      'home/shop/worker-2',
      'home/shop/lonely',
    ]);
    expect(pods[0]).toMatchObject({
      names: ['postgres', 'db.internal'],
      overlays: [{ overlay: 'back', ip4: '172.28.0.5', ip6: 'fd00:28::5', pinned: true }],
      ports: [{ name: '5432', protocol: 'tcp', port: 5432 }],
    });
    // One resource a line, for people.
    expect(ran.out).toContain('\n      lonely: { overlays: { default:');
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
    ['services:\n  A: {}\n  a: {}\n', 'c.yaml:3:6: error: services.a: a pod a already exists'],
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
      'services:\n  a: {}\n  b: { network_mode: "service:a" }\n  c: { profiles: [debug] }\n  d: { scale: 0 }\n',
    );
    expect(Object.keys(zone!.pods)).toEqual(['a']);
    expect(problems).toEqual([
      'c.yaml:3:22: warning: services.b.network_mode: left out, because with "service:a" it has no name of its own on any network',
      'c.yaml:4:18: warning: services.c.profiles: left out, because its profile is not enabled (--profile debug)',
      'c.yaml:5:15: warning: services.d.scale: left out, because it has 0 replicas',
    ]);
    expect(Object.keys(convert('services:\n  c: { profiles: [debug] }\n', ['debug']).zone!.pods)).toEqual([
      'c',
    ]);
  });

  it('is warned of: a second subnet, a pinned address without a subnet', () => {
    const { zone, problems } = convert(
      'services:\n  a: { networks: { n: { ipv4_address: 10.5.0.9 }, m: { ipv4_address: 10.6.0.9 } } }\nnetworks:\n  n:\n  m: { ipam: { config: [{ subnet: 10.7.0.0/24 }, { subnet: 10.6.0.0/24 }] } }\n',
    );
    expect(problems).toHaveLength(2);
    expect(problems.join('\n')).toContain('10.7.0.0/24 is used and this one is ignored');
    expect(problems.join('\n')).toContain('network n has no IPv4 subnet');
    expect(zone!.pods['a']!.overlays).toEqual({ n: '10.5.0.9', m: '10.6.0.9' });
  });

  it('merges anchors, as compose does', () => {
    const { zone } = convert('x-base: &base { expose: [80-82] }\nservices:\n  a: { <<: *base }\n');
    expect(zone!.pods['a']!.ports).toEqual({ '80': '80/tcp', '81': '81/tcp', '82': '82/tcp' });
  });
});
