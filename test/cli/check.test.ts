/** `check`: what it looks at, its lines and its exit codes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { podns } from './harness.ts';

const GOOD = 'vpc: aep\nnamespaces:\n  web:\n    pods:\n      db: { ip6: "fdfd:1a8::1" }\n';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-check-'));
  mkdirSync(join(folder, 'zones'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(path: string, text: string): void {
  writeFileSync(join(folder, path), text);
}

describe('check', () => {
  it('is content with sound zones', async () => {
    write('zones/a.yaml', GOOD.replace('vpc: aep', 'vpc: aep\nnet6: ["fdfd:1a8::/48"]'));
    const ran = await podns(['check', 'zones'], { folder });
    expect(ran).toEqual({ code: 0, out: '', err: 'podns: 3 resources: no problems\n' });
  });

  it('names file, line and column, and ends with 78 on errors', async () => {
    write('zones/a.yaml', `${GOOD}      bad: { ip6: 10.0.0.1, colour: red }\n`);
    const ran = await podns(['check', 'zones'], { folder });
    expect(ran.code).toBe(78);
    expect(ran.out).toMatch(/zones\/a\.yaml:6:\d+: error: .*10\.0\.0\.1/);
    expect(ran.out).toMatch(/zones\/a\.yaml:6:\d+: error: .*colour/);
    expect(ran.err).toBe('podns: 2 errors, 0 warnings\n');
  });

  it('ends with 0 where there are only warnings', async () => {
    write(
      'zones/a.yaml',
      GOOD.replace('      db:', '      db: { overlays: { nowhere: 10.0.0.1 } }\n      x:'),
    );
    const ran = await podns(['check', 'zones'], { folder });
    expect(ran.code).toBe(0);
    expect(ran.out).toMatch(/: warning: .*nowhere/);
  });

  it('reads podns.yaml and the zones that it names', async () => {
    write('podns.yaml', 'zones: zones\nttl: soon\n');
    write('zones/a.yaml', 'vpc: [\n');
    const ran = await podns(['check'], { folder });
    expect(ran.code).toBe(78);
    expect(ran.out).toContain(`${join(folder, 'podns.yaml')}:2:6: error: ttl:`);
    expect(ran.out).toMatch(/zones\/a\.yaml:\d+:\d+: error: /);
    const named = await podns(['check', 'podns.yaml'], { folder });
    expect(named.code).toBe(78);
    expect((await podns(['check', 'zones', '-c', 'podns.yaml'], { folder })).out).toBe(named.out);
  });

  it('lints names with the suffixes of the configuration', async () => {
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(50)}`;
    write('zones/a.yaml', GOOD.replace('db:', `${long}:`));
    expect((await podns(['check', 'zones'], { folder })).code).toBe(0);
    write('podns.yaml', `zone: ${'z'.repeat(40)}.internal\n`);
    expect((await podns(['check', 'zones', '-c', 'podns.yaml'], { folder })).code).toBe(78);
  });

  it('wants something to check', async () => {
    rmSync(join(folder, 'zones'), { recursive: true });
    const ran = await podns(['check'], { folder });
    expect(ran.code).toBe(2);
    expect(ran.err).toContain('nothing to check');
    expect((await podns(['check', 'absent'], { folder })).code).toBe(78);
    expect((await podns(['check', '-c', 'absent.yaml'], { folder })).code).toBe(78);
  });
});

describe('routes and hosts', () => {
  const VPC = `vpc: aep
upstreams: [127.0.0.53, 192.0.2.53]
routes: { corp.example: ["[fe80::1%eth0]:53"], x.vpc.internal: [192.0.2.1], svc.test: [], localhost: [] }
hosts: { a.localhost: 192.0.2.1, 1.2.0.192.in-addr.arpa: 192.0.2.1, good.example: 192.0.2.1 }
`;

  it('are warned of where podns never comes to them, and where they are of the node', async () => {
    write('zones/a.yaml', VPC);
    write('podns.yaml', 'suffixes: [svc.test]\nhosts: { localhost: 192.0.2.1 }\n');
    const ran = await podns(['check'], { folder });
    expect(ran.code).toBe(0);
    const node =
      'every node that serves this VPC asks itself; if tenants write their VPCs, set local_upstreams: false';
    const lines = ran.out.split('\n').map((line) => line.replace(/^.*warning: (vpc aep: )?/, ''));
    expect(lines.filter((line) => line !== '')).toEqual([
      'hosts: "localhost" has no effect: localhost is always the loopback address',
      'routes: "localhost" has no effect: podns itself answers at and below localhost',
      'routes: "svc.test" has no effect: podns itself answers at and below svc.test',
      'routes: "x.vpc.internal" has no effect: podns itself answers at and below vpc.internal',
      'hosts: "1.2.0.192.in-addr.arpa" has no effect: it is a reverse name',
      'hosts: "a.localhost" has no effect: localhost is always the loopback address',
      `upstreams: 127.0.0.53:53 is loopback or link-local: ${node}`,
      `routes: "corp.example": [fe80::1%eth0]:53 is loopback or link-local: ${node}`,
    ]);
    write('podns.yaml', 'local_upstreams: false\n');
    expect((await podns(['check'], { folder })).out).toContain(
      'podns does not ask it, because local_upstreams is false',
    );
  });
});

describe("the host's resolvers", () => {
  const vpc = (name: string, more = ''): string => `vpc: ${name}\n${more}`;
  const shares =
    /zones\/a\.yaml:1:\d+: warning: vpc aep: shares the host's resolvers \(([^)]+)\) with (.*?): /;

  async function warned(): Promise<RegExpExecArray | null> {
    const ran = await podns(['check'], { folder });
    expect(ran.code).toBe(0);
    return shares.exec(ran.out);
  }

  it('are warned of where several VPCs share them', async () => {
    write('zones/a.yaml', vpc('aep'));
    expect(await warned()).toBeNull();
    write('zones/b.yaml', vpc('globex'));
    expect((await warned())?.[1]).toBe('/etc/resolv.conf');
    write('zones/c.yaml', vpc('initech', 'forward: [corp.example]\n'));
    const resolvConf = join(folder, 'resolv.conf');
    write('resolv.conf', 'nameserver 192.0.2.1\n');
    write('podns.yaml', `resolv_conf: ${resolvConf}\n`);
    expect(await warned()).toMatchObject({
      1: resolvConf,
      2: expect.stringMatching(/^vpc globex at .*b\.yaml:1:\d+ and vpc initech at .*c\.yaml:1:\d+$/),
    });
    for (const name of ['d', 'e', 'f']) write(`zones/${name}.yaml`, vpc(name));
    expect((await warned())?.[2]).toMatch(/ and 2 more$/);
  });

  it.each([
    ['does not exist', undefined],
    ['names no nameserver', 'search example\n'],
  ])('are an error where the configured file %s', async (reason, text) => {
    write('zones/a.yaml', vpc('aep'));
    const resolvConf = join(folder, 'resolv.conf');
    if (text !== undefined) write('resolv.conf', text);
    write('podns.yaml', `ttl: 1\nresolv_conf: ${resolvConf}\n`);
    const ran = await podns(['check'], { folder });
    expect(ran.code).toBe(78);
    expect(ran.out).toMatch(/podns\.yaml:2:\d+: error: resolv_conf: /);
    expect(ran.out).toContain(reason);
    write('podns.yaml', `forward: off\nresolv_conf: ${resolvConf}\n`);
    expect((await podns(['check'], { folder })).code).toBe(0);
  });

  it.each(['upstreams: 192.0.2.1', 'forward: off', 'forward: refuse'])(
    'are not where podns.yaml says %s',
    async (text) => {
      write('zones/a.yaml', vpc('aep'));
      write('zones/b.yaml', vpc('globex'));
      write('podns.yaml', `${text}\n`);
      expect(await warned()).toBeNull();
    },
  );

  it.each(['upstreams: ["192.0.2.1:53"]\n', 'forward: off\n', 'forward: refuse\n'])(
    'are not where the other VPC says %j',
    async (text) => {
      write('zones/a.yaml', vpc('aep'));
      write('zones/b.yaml', vpc('globex', text));
      expect(await warned()).toBeNull();
    },
  );
});

describe('scopes that match nothing', () => {
  const ZONE = 'vpc: aep\nnamespaces:\n  shop:\n    pods:\n      db: { ip6: "fd00::1" }\n';

  it('are errors, of listeners and of rules under clients', async () => {
    write('zones/a.yaml', ZONE);
    write(
      'podns.yaml',
      'listen: ["127.0.0.1:53@aep/sho", "127.0.0.2:53@apx", "127.0.0.3:53@aep/shop"]\n' +
        'clients:\n  - { from: 10.0.0.0/8, vpc: aep, namespace: none }\n  - { from: 11.0.0.0/8, vpc: aep }\n',
    );
    const ran = await podns(['check'], { folder });
    expect(ran.code).toBe(78);
    expect(ran.out.split('\n').filter((line) => line.includes('error'))).toEqual([
      expect.stringMatching(
        /podns\.yaml:1:\d+: error: listener 127\.0\.0\.1:53@aep\/sho: VPC aep has no namespace sho \(did you mean "shop"\?\)/,
      ),
      expect.stringMatching(/podns\.yaml:1:\d+: error: listener 127\.0\.0\.2:53@apx: there is no VPC apx/),
      expect.stringMatching(
        /podns\.yaml:3:\d+: error: the rule under clients from 10\.0\.0\.0\/8: VPC aep has no namespace none/,
      ),
    ]);
  });

  it('are none where a stream may have what they name', async () => {
    write('zones/a.yaml', ZONE);
    write('podns.yaml', 'listen: ["127.0.0.1:53@other"]\nwatch: ["http://127.0.0.1:1/"]\n');
    expect((await podns(['check'], { folder })).code).toBe(0);
  });
});
