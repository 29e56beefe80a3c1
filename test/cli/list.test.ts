/** The lists over zone files: columns as documented, filters, JSON, and what is broken. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/model.ts';
import { podns } from './harness.ts';

const ONE = `
vpc: aep
id: "7"
net6: ["fdfd:1a8::/48"]
services6: ["fdcc:c10d::/32"]
namespaces:
  nextcloud:
    created: 2023-09-11T14:16:30+02:00
    overlays:
      default: { aid: v1223123123, net4: 10.198.62.0/23, net6: "fd42:1a8:0:2a09::/64" }
    pods:
      db: { aid: pdb, ip6: "fdfd:1a8::2:1", ready: false }
      app: { aid: papp, ip6: "fdfd:1a8::2:2", overlays: { default: 10.198.62.20, back: null } }
    services:
      front: { aid: sfront, ip6: "fdcc:c10d::7", ports: { http: 80/tcp, dns: [53/udp, 53/tcp] } }
`;
const OTHER = `
vpc: globex
namespaces:
  shop:
    pods:
      app: { aid: pother }
`;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-list-'));
  writeFileSync(join(folder, 'one.yaml'), ONE);
  writeFileSync(join(folder, 'other.yaml'), OTHER);
});
afterAll(() => rmSync(folder, { recursive: true }));

async function rows(word: string, ...more: string[]): Promise<string[]> {
  const ran = await podns([word, 'ls', '--zones', 'one.yaml', ...more], { folder });
  expect(ran).toMatchObject({ code: 0, err: '' });
  return ran.out.split('\n').slice(0, -1);
}

describe('the columns', () => {
  it('of namespaces', async () => {
    expect(await rows('ns')).toEqual(['NAME       CREATED', 'nextcloud  2023-09-11 12:16:30']);
  });

  it('of VPCs', async () => {
    expect(await rows('vpc')).toEqual(['id  name  net6', '7   aep   fdfd:1a8::/48']);
  });

  it('of overlays, implied ones too', async () => {
    const [header, back, standard] = await rows('overlay');
    expect(header!.split(/ {2,}/)).toEqual(['aid', 'namespace', 'name', 'driver', 'net4', 'net6']);
    expect(back).toMatch(/^v[0-9a-f]{10} +nextcloud +back +ipip +- +-$/);
    expect(standard!.split(/ {2,}/)).toEqual([
      'v1223123123',
      'nextcloud',
      'default',
      'ipip',
      '10.198.62.0/23',
      'fd42:1a8:0:2a09::/64',
    ]);
  });

  it('of overlays as networks', async () => {
    const lines = await rows('network');
    expect(lines[0]!.split(/ {2,}/)).toEqual(['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE']);
    expect(lines[2]!.split(/ {2,}/)).toEqual(['v1223123123', 'nextcloud/default', 'ipip', 'global']);
  });

  it('of pods and services', async () => {
    expect(await rows('pod')).toEqual([
      'aid   namespace  name  ip6            overlays                   ready',
      'papp  nextcloud  app   fdfd:1a8::2:2  default=10.198.62.20,back  yes',
      'pdb   nextcloud  db    fdfd:1a8::2:1  -                          no',
    ]);
    expect(await rows('service')).toEqual([
      'aid     namespace  name   ip6           ports',
      'sfront  nextcloud  front  fdcc:c10d::7  http=80/tcp,dns=53/udp,dns=53/tcp',
    ]);
  });
});

describe('several VPCs', () => {
  it('make a last column', async () => {
    const all = await podns(['pod', 'ls', '--zones', '.'], { folder });
    expect(all.out.split('\n').map((line) => line.split(/ {2,}/).at(-1))).toEqual([
      'vpc',
      'aep',
      'aep',
      'globex',
      '',
    ]);
    const services = await podns(['service', 'ls', '--zones', '.'], { folder });
    expect(services.out).toMatch(/^aid .* vpc\nsfront .* aep\n$/);
    expect((await podns(['vpc', 'ls', '--zones', '.'], { folder })).out).toMatch(/^id {2}name {4}net6\n/);
  });

  it('are filtered, by namespace too', async () => {
    const filtered = await podns(['pod', 'ls', '--zones', '.', '--vpc', 'Globex', '-n', 'shop'], { folder });
    expect(filtered.out).toBe(
      'aid     namespace  name  ip6  overlays  ready\npother  shop       app   -    -         yes\n',
    );
    const holders = await podns(['vpc', 'ls', '--zones', '.', '-n', 'shop', '-o', 'json'], { folder });
    expect((JSON.parse(holders.out) as Resource[]).map(({ name }) => name)).toEqual(['globex']);
  });
});

describe('the output', () => {
  it('is one JSON array on demand', async () => {
    const { out } = await podns(['service', 'ls', '--zones', 'one.yaml', '-o', 'json'], { folder });
    expect(JSON.parse(out)).toEqual([
      {
        kind: 'service',
        vpc: 'aep',
        namespace: 'nextcloud',
        name: 'front',
        aid: 'sfront',
        names: [],
        ip6: 'fdcc:c10d::7',
        ports: [
          { name: 'http', protocol: 'tcp', port: 80 },
          { name: 'dns', protocol: 'udp', port: 53 },
          { name: 'dns', protocol: 'tcp', port: 53 },
        ],
      },
    ]);
    expect((await podns(['pod', 'ls', '--zones', 'one.yaml', '-n', 'x', '-o', 'json'], { folder })).out).toBe(
      '[]\n',
    );
  });

  it('says where files are broken, and lists the rest', async () => {
    const broken = join(folder, 'broken');
    writeFileSync(
      broken,
      'vpc: aep\nnamespaces:\n  n:\n    pods:\n      good: { aid: pg }\n      bad: { ip6: 1 }\n',
    );
    const ran = await podns(['pod', 'ls', '--zones', 'broken'], { folder });
    expect(ran.code).toBe(78);
    expect(ran.out).toContain('pg');
    expect(ran.err).toContain(`${broken}:6:`);
    rmSync(broken);
  });

  it('is refused where the command line is wrong', async () => {
    expect((await podns(['pod', 'ls', 'more', 'most'])).code).toBe(2);
    expect((await podns(['pod', 'ls', '--zones', '.', '-o', 'xml'], { folder })).code).toBe(2);
    const absent = await podns(['pod', 'ls', '--zones', 'absent'], { folder });
    expect(absent.code).toBe(78);
    expect(absent.err).toContain('absent: error: does not exist');
  });
});
