/** Secrets are in no output: not in the log, the banner, any URL of the admin listener, the saved view, or /proc. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { ROUTES } from '../../src/admin/openapi/routes.ts';
import { freePort } from '../harness/free-port.ts';
import { Served } from './served.ts';

const SECRETS = ['planted-admin', 'planted-watch', 'planted-password', 'planted-etcd-token'];
const folder = mkdtempSync(join(tmpdir(), 'podns-secrets-'));
const closing: (() => unknown)[] = [];
afterAll(async () => {
  for (const close of closing.reverse()) await close();
  rmSync(folder, { recursive: true });
});

test('no output has a secret', { timeout: 60_000 }, async () => {
  // Refuses everything, and says back what it was sent, as a careless server does.
  const asked: string[] = [];
  const careless = http.createServer((request, response) => {
    let body = '';
    request.on('data', (part: Buffer) => (body += part.toString()));
    request.on('end', () => {
      asked.push(`${request.url} ${request.headers.authorization ?? ''} ${body}`);
      if (request.url === '/v3/auth/authenticate')
        return response.end('{"header":{},"token":"planted-etcd-token"}');
      response.statusCode = 503;
      response.end('no');
      return undefined;
    });
  });
  await new Promise<void>((resolve) => careless.listen(0, '127.0.0.1', resolve));
  closing.push(() => careless.close());
  const url = `http://127.0.0.1:${(careless.address() as AddressInfo).port}`;
  for (const [name, text] of Object.entries({
    admin: SECRETS[0]!,
    watch: SECRETS[1]!,
    password: SECRETS[2]!,
  }))
    writeFileSync(join(folder, name), `${text}\n`, { mode: 0o600 });
  const admin = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const config = {
    listen: ['127.0.0.1:0@aep'],
    admin,
    admin_token_file: 'admin',
    watch: [`${url}/v1/watch`],
    watch_token_file: 'watch',
    etcd: [url],
    etcd_user: 'node',
    etcd_password_file: 'password',
    log_level: 'debug',
    log_queries: 1,
    record: 'all',
    state: 'state',
  };
  writeFileSync(join(folder, 'podns.yaml'), JSON.stringify(config));
  const served = new Served(['-c', 'podns.yaml'], folder);
  closing.push(async () => {
    served.child.kill('SIGKILL');
    await served.ended;
  });
  await served.until('out', 'DNS');
  while (
    !asked.some((text) => text.includes(SECRETS[1]!)) ||
    !asked.some((text) => text.includes(SECRETS[3]!))
  )
    await new Promise((resolve) => setTimeout(resolve, 20));
  // The secrets were used, so that they could be told.
  expect(asked.join('\n')).toContain(SECRETS[2]);
  const outputs: [string, string][] = [];
  const streams = new Set(['/v1/watch', '/v1/events', '/events', '/v1/prove-isolation']);
  for (const { path, method = 'get' } of ROUTES) {
    if (streams.has(path)) continue;
    const where = path.replace(/\{\w+\}/g, 'x');
    for (const authorization of ['', `Bearer ${SECRETS[0]}`, `Bearer ${SECRETS[0]}x`]) {
      const headers: Record<string, string> = authorization === '' ? {} : { authorization };
      const answer = await fetch(`http://${admin}${where}`, { method: method.toUpperCase(), headers });
      outputs.push([`${authorization} ${path}`, JSON.stringify([...answer.headers]) + (await answer.text())]);
    }
  }
  served.child.kill('SIGHUP');
  await served.until('err', 'reload done');
  const { pid } = served.child;
  outputs.push(['command line', readFileSync(`/proc/${pid}/cmdline`, 'utf8')]);
  served.child.kill('SIGTERM');
  await served.ended;
  for (const name of readdirSync(join(folder, 'state')))
    outputs.push([name, readFileSync(join(folder, 'state', name), 'utf8')]);
  outputs.push(['standard output', served.out], ['log', served.err]);
  const told = outputs.filter(([, text]) => SECRETS.some((secret) => text.includes(secret)));
  expect(told.map(([name]) => name.replace(/planted-\S+/, '…'))).toEqual([]);
  expect(outputs.length).toBeGreaterThan(60);
});
