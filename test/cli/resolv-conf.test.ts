/** `resolv-conf`: its lines, from files and from a running server, and what it refuses to guess. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import { ServerCore } from '../../src/server.ts';
import { podns, type Ran } from './harness.ts';

const AEP = `
vpc: aep
namespaces:
  shop:
    pods:
      app-0: { aid: p0, names: [app], ip6: "fdfd:1a8::3:1" }
  back:
    pods:
      a.b: { ip6: "fdfd:1a8::4:1" }
`;
const GLOBEX =
  'vpc: globex\nforward: refuse\nnamespaces:\n  shop:\n    pods:\n      app-0: {}\n      till: {}\n';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-resolv-conf-'));
  writeFileSync(join(folder, 'aep.yaml'), AEP);
  writeFileSync(join(folder, 'globex.yaml'), GLOBEX);
});
afterAll(() => rmSync(folder, { recursive: true }));

function offline(...args: string[]): Promise<Ran> {
  return podns(['resolv-conf', '--zones', '.', ...args], { folder });
}

/** The lines that a resolver reads. */
function effective({ out }: Ran): string[] {
  return out.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('from zone files', () => {
  it('is nameservers, IPv6 first, the own namespace, and options; nothing of the host', async () => {
    const ran = await offline('shop/till', '--server', '10.0.1.53', '--server', 'fd00::53');
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(effective(ran)).toEqual([
      'nameserver fd00::53',
      'nameserver 10.0.1.53',
      'search shop.vpc.internal',
      'options ndots:1 timeout:5 attempts:2',
    ]);
    // Resolvers know comments at the beginning of a line only.
    for (const line of effective(ran)) expect(line).not.toContain('#');
    expect(ran.out).toContain('# resolv.conf of pod shop/till in VPC globex');
    expect(ran.out).toContain('forward: refuse');
  });

  it('takes the listeners that serve the namespace, each address once, three at most', async () => {
    writeFileSync(
      join(folder, 'listeners.conf'),
      `zone: pods.example
listen:
  - 10.0.1.53:53@aep
  - 10.0.2.53:53@globex
  - '[fd00::1]:53@aep/back'
  - '[fd00::2]:53@aep/shop'
  - '[fd00::3]:5300'
  - '[fd00::3]:53'
  - '[::]:53'
  - 10.0.3.53:53
`,
    );
    const ran = await offline('back/A.b', '-c', 'listeners.conf');
    expect(effective(ran)).toEqual([
      'nameserver fd00::1',
      'nameserver fd00::3',
      'nameserver 10.0.1.53',
      'search back.pods.example',
      'options ndots:1 timeout:5 attempts:2',
    ]);
    expect(ran.out).toContain('# Left out, because resolvers read only 3: 10.0.3.53');
    const told = await offline('back/a.b', '-c', 'listeners.conf', '--listen', '10.9.9.9:53@aep/back');
    expect(effective(told)[0]).toBe('nameserver 10.9.9.9');
  });

  it('says what will not work: a port, a loopback address', async () => {
    const ran = await offline('back/a.b', '--listen', '[::1]:5300@aep/back');
    expect(effective(ran)[0]).toBe('nameserver ::1');
    expect(ran.out).toMatch(/^# podns listens on port 5300 there,/m);
    expect(ran.out).toMatch(/^# A loopback address /m);
    const plain = await offline('back/a.b', '--server', 'fd00::53');
    expect(plain.out).not.toMatch(/port|loopback/);
  });

  it('finds a pod by its aid, and asks which VPC where two have one', async () => {
    expect((await offline('shop/p0', '--server', '::1')).code).toBe(0);
    const both = await offline('shop/app-0', '--server', '::1');
    expect(both).toEqual({
      code: 2,
      out: '',
      err: 'podns: several VPCs have a pod shop/app-0: name one as VPC/NS/NAME, or with --vpc: aep, globex\n',
    });
    const one = await offline('shop/app-0', '--server', '::1', '--vpc', 'GLOBEX');
    expect(one.out).toContain('in VPC globex');
    const whole = await offline('Globex/shop/app-0', '--server', '::1');
    expect(whole).toEqual(one);
    const torn = await offline('aep/shop/app-0', '--server', '::1', '--vpc', 'globex');
    expect(torn).toMatchObject({ code: 2, out: '' });
    expect(torn.err).toContain('is in VPC aep, but --vpc names globex');
  });

  it.each([
    ['shop/nosuch', [], 'there is no pod shop/nosuch'],
    ['shop/app', [], 'there is no pod shop/app; shop/app-0 has that name'],
    ['nowhere/db', [], 'there is no pod nowhere/db; namespace nowhere has no pods'],
    [
      'back/a.b',
      ['--vpc', 'globex'],
      'there is no pod back/a.b of VPC globex; namespace back of VPC globex has no pods',
    ],
  ])('%s is unknown: 3', async (path, more, message) => {
    const ran = await offline(path, '--server', '::1', ...more);
    expect(ran).toEqual({ code: 3, out: '', err: `podns: ${message}\n` });
  });

  it.each([
    ['app', ['--server', '::1'], 'a pod is named as VPC/NS/NAME or NS/NAME'],
    ['aep/shop/app/0', ['--server', '::1'], 'a pod is named as VPC/NS/NAME or NS/NAME'],
    ['back/a.b', [], 'neither --listen nor the configuration names a listener'],
    [
      'back/a.b',
      ['--listen', '10.0.0.1:53@globex'],
      'no listener serves aep/back, only 10.0.0.1:53@globex exists',
    ],
    ['back/a.b', ['--listen', '[::]:53'], 'a pod cannot send to [::]:53'],
    ['back/a.b', ['--server', 'dns.example'], '--server: "dns.example"'],
    ['back/a.b', ['--server', '10.0.0.1:53@aep'], 'a nameserver takes no scope'],
  ])('%s %j is a wrong command line: 2', async (path, more, message) => {
    const ran = await offline(path, ...more);
    expect(ran).toMatchObject({ code: 2, out: '' });
    expect(ran.err).toContain(message);
  });
});

describe('from a running server', () => {
  let server: ServerCore;
  let admin: Admin;
  let url = '';
  beforeAll(async () => {
    server = new ServerCore({ config: { zone: 'pods.example', workers: 0 } });
    await server.apply({
      put: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'app', ip6: 'fdfd:1a8::3:1' }],
    });
    const facts = { readiness: () => server.readiness() };
    admin = createAdmin({ bind: '127.0.0.1:0', facts, routes: serverRoutes(server, '0') });
    url = `http://${await admin.open()}`;
  });
  afterAll(async () => {
    await admin.close();
    await server.close(0);
  });

  it('its listeners and its suffix count', async () => {
    const before = await podns(['resolv-conf', 'shop/app', '--admin', url], { folder });
    expect(before.code).toBe(2);
    expect(before.err).toContain('has no listener');
    await server.listen('127.0.0.1:0@aep');
    await server.listen('[::1]:0@aep/shop');
    const ran = await podns(['resolv-conf', 'shop/app', '--admin', url], { folder });
    expect(ran).toMatchObject({ code: 0, err: '' });
    expect(effective(ran).slice(0, 3)).toEqual([
      'nameserver ::1',
      'nameserver 127.0.0.1',
      'search shop.pods.example',
    ]);
  });

  it('ends with 3 for a pod it does not have, and with 4 where nobody answers', async () => {
    expect((await podns(['resolv-conf', 'shop/db', '--admin', url], { folder })).code).toBe(3);
    const nobody = await podns(['resolv-conf', 'shop/app', '--admin', `unix:${folder}/none`], { folder });
    expect(nobody).toMatchObject({ code: 4, out: '' });
  });
});
