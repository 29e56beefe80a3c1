/** The admin listener: health, who may ask, and where it binds. */
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { createServer as createPlain } from 'node:net';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Readiness } from '../../src/server/staleness.ts';
import type { AdminRoutes } from '../../src/admin/health.ts';
import { hostOf } from '../../src/admin/guard.ts';
import { createAdmin, type Admin, type AdminOptions } from '../../src/admin/http.ts';

interface Answer {
  status: number;
  body: string;
  headers: IncomingHttpHeaders;
}

let folder = '';
let admin: Admin | undefined;
let readiness: Readiness = { ready: true, reasons: [] };

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-admin-'))));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await admin?.close();
  admin = undefined;
});

async function open(options: Partial<AdminOptions> = {}): Promise<string> {
  admin = createAdmin({ bind: '127.0.0.1:0', facts: { readiness: () => readiness }, ...options });
  return admin.open();
}

function get(address: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const { hostname, port } = new URL(address.startsWith('unix:') ? 'http://x' : `http://${address}`);
  const target = address.startsWith('unix:')
    ? { socketPath: address.slice('unix:'.length), path }
    : { host: hostname.replace(/[[\]]/g, ''), port, path };
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...target, headers: { host: address.replace(/^unix:.*/, 'x'), ...headers } },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (part: string) => (body += part));
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body, headers: response.headers }),
        );
      },
    );
    sent.on('error', reject).end();
  });
}

describe('health', () => {
  it('says ok, and what is not ready', async () => {
    const address = await open();
    expect(await get(address, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    readiness = { ready: true, reasons: [] };
    expect(await get(address, '/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
    readiness = { ready: false, reasons: ['zones:zones: not read yet', 'etcd:http://e: connection refused'] };
    expect(await get(address, '/readyz')).toMatchObject({
      status: 503,
      body: 'not ready\nzones:zones: not read yet\netcd:http://e: connection refused\n',
    });
    expect((await get(address, '/readyz')).headers['content-type']).toBe('text/plain; charset=utf-8');
    expect((await get(address, '/nowhere')).status).toBe(404);
  });

  it('answers over IPv6, and modules of routes are added', async () => {
    const address = await open({
      bind: '[::1]:0',
      routes: [(app, facts) => app.get('/more', () => ({ ready: facts.readiness().ready }))],
    });
    expect(address).toMatch(/^\[::1\]:\d+$/);
    readiness = { ready: true, reasons: [] };
    expect(await get(address, '/more')).toMatchObject({ status: 200, body: '{"ready":true}' });
  });
});

describe('the Host header', () => {
  it.each([
    'localhost',
    'localhost:9153',
    'podns.localhost',
    '127.0.0.1',
    '127.1.2.3:80',
    '[::1]:9153',
    'node7.example',
  ])('may be %s', async (host) => {
    const address = await open({ hosts: ['Node7.example'] });
    expect((await get(address, '/healthz', { host })).status).toBe(200);
  });

  it.each([
    'evil.example',
    'evil.example:9153',
    '10.0.0.1',
    '127.0.0.1.evil.example',
    'localhost.evil.example',
  ])('may not be %j', async (host) => {
    const address = await open();
    const answer = await get(address, '/healthz', { host });
    expect(answer.status).toBe(403);
    expect(answer.body).toContain('admin_hosts');
  });

  it('is taken apart', () => {
    expect(['A.Example.:80', '[FE80::1]:80', '::1', undefined].map(hostOf)).toEqual([
      'a.example',
      'fe80::1',
      '',
      '',
    ]);
  });
});

describe('the token', () => {
  it('is required off loopback', () => {
    const facts = { readiness: () => readiness };
    expect(() => createAdmin({ bind: '0.0.0.0:9153', facts })).toThrow(/no token/);
    expect(() => createAdmin({ bind: '[::]:9153', facts })).toThrow(/no token/);
    expect(() => createAdmin({ bind: '10.0.0.1:9153', facts })).toThrow(/no token/);
    expect(() => createAdmin({ bind: '127.0.0.1:9153', facts })).not.toThrow();
  });

  const data: AdminOptions['routes'] = [(app) => app.get('/data', () => 'data')];

  it('is compared', async () => {
    const address = await open({ bind: '0.0.0.0:0', token: 'secret', routes: data });
    const at = address.replace('0.0.0.0', '127.0.0.1');
    const refused = await get(at, '/data');
    expect(refused).toMatchObject({
      status: 401,
      body: 'this listener requires a token: Authorization: Bearer TOKEN\n',
    });
    expect(refused.headers['www-authenticate']).toContain('Bearer');
    for (const authorization of ['Bearer secret', 'bearer secret', 'BEARER  secret'])
      expect(await get(at, '/data', { authorization })).toMatchObject({ status: 200, body: 'data' });
    for (const authorization of ['Bearer wrong', 'bearer Secret', 'Bearer secretsecret']) {
      expect(await get(at, '/data', { authorization })).toMatchObject({
        status: 401,
        body: 'the token is not that of this listener\n',
      });
    }
    for (const authorization of ['Basic c2VjcmV0', 'secret', 'Bearer', 'Bearersecret'])
      expect((await get(at, '/data', { authorization })).body).toContain('the header has another form');
    expect((await get(at, '/nowhere')).status).toBe(401);
    admin!.setToken('fresh');
    expect((await get(at, '/data', { authorization: 'Bearer secret' })).status).toBe(401);
    expect((await get(at, '/data', { authorization: 'Bearer fresh' })).status).toBe(200);
  });

  it('is not needed by probes, which then learn no reasons', async () => {
    const at = (await open({ bind: '0.0.0.0:0', token: 'secret' })).replace('0.0.0.0', '127.0.0.1');
    readiness = { ready: false, reasons: ['etcd:http://e: connection refused'] };
    expect(await get(at, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect(await get(at, '/readyz')).toMatchObject({
      status: 503,
      body: 'not ready\nthe reasons are for requests with the token\n',
    });
    const authorization = 'Bearer secret';
    expect((await get(at, '/readyz', { authorization })).body).toContain('connection refused');
    readiness = { ready: true, reasons: [] };
    expect(await get(at, '/readyz')).toMatchObject({ status: 200, body: 'ok\n' });
    expect((await get(at, '/readyz', { host: 'evil.example' })).status).toBe(403);
  });
});

describe('what answers', () => {
  it('is made with the first request, once, whatever comes meanwhile', async () => {
    let made = 0;
    const routes = async (): Promise<AdminRoutes[]> => {
      made += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return [(app) => app.get('/own', () => 'own\n')];
    };
    const address = await open({ routes });
    expect(made).toBe(0);
    const answers = await Promise.all(['/own', '/healthz', '/own'].map((path) => get(address, path)));
    expect(answers.map(({ body }) => body)).toEqual(['own\n', 'ok\n', 'own\n']);
    expect((await get(address, '/own')).body).toBe('own\n');
    expect(made).toBe(1);
  });

  it('is tried again where it does not load, and the request is told', async () => {
    let fails = true;
    const routes = (): Promise<AdminRoutes[]> =>
      fails ? Promise.reject(new Error('no such file')) : Promise.resolve([]);
    const address = await open({ routes });
    expect(await get(address, '/healthz')).toMatchObject({
      status: 503,
      body: 'the admin listener does not load, restart podns: no such file\n',
    });
    fails = false;
    expect(await get(address, '/healthz')).toMatchObject({ status: 200, body: 'ok\n' });
  });

  it('answers what came before the listener closed', async () => {
    const address = await open({ routes: () => new Promise((resolve) => setTimeout(() => resolve([]), 50)) });
    const answer = get(address, '/healthz');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await admin!.close();
    expect(await answer).toMatchObject({ status: 200 });
  });
});

describe('where it binds', () => {
  it('makes a socket file for its user alone', async () => {
    const path = join(folder, 'own.sock');
    const address = await open({ bind: `unix:${path}` });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await get(address, '/healthz')).body).toBe('ok\n');
  });

  it('replaces the socket file of a dead process', async () => {
    const path = join(folder, 'dead.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(statSync(path).isSocket()).toBe(true);
    const address = await open({ bind: `unix:${path}` });
    expect((await get(address, '/healthz')).status).toBe(200);
  });

  it('leaves a live socket and other files alone', async () => {
    const path = join(folder, 'live.sock');
    const other = createPlain().listen(path);
    await new Promise((resolve) => other.once('listening', resolve));
    await expect(open({ bind: `unix:${path}` })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => other.close(resolve));

    const file = join(folder, 'file');
    writeFileSync(file, 'precious');
    await expect(open({ bind: `unix:${file}` })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    expect(statSync(file).size).toBe(8);
  });

  it('rejects with the system error when the port is taken', async () => {
    const other = createPlain().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    await expect(open({ bind: `127.0.0.1:${port}` })).rejects.toMatchObject({ code: 'EADDRINUSE' });
    await new Promise((resolve) => other.close(resolve));
  });

  it('can be closed twice, and before it was opened', async () => {
    const never = createAdmin({ bind: '127.0.0.1:0', facts: { readiness: () => readiness } });
    await never.close();
    await open();
    await admin!.close();
    await admin!.close();
    expect(admin!.address).toBe('');
  });
});
