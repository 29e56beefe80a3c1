/** `POST /v1/accept` and `podns accept`: who may let through what is held, and what status and metrics say of it. */
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import type { Pod, Sink, Source } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { podns } from '../cli/harness.ts';
import { pod, RESERVE } from '../watch/nodes.ts';

class Lists implements Source {
  readonly name = 'lists';
  sink!: Sink;

  start(sink: Sink): void {
    this.sink = sink;
    sink.state('live');
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  async list(pods: Pod[]): Promise<void> {
    this.sink.begin(true, '1');
    for (const one of pods) this.sink.put(one);
    await this.sink.commit();
  }
}

let server: ServerCore;
let admin: Admin;
let url = '';

beforeEach(async () => {
  const source = new Lists();
  const config = { workers: 0, forward: 'off' as const };
  server = new ServerCore({ config, sources: [source], reserve: RESERVE });
  await server.start();
  const facts = { readiness: () => server.readiness() };
  admin = createAdmin({ bind: '127.0.0.1:0', token: 'open', facts, routes: serverRoutes(server, 'test') });
  url = `http://${await admin.open()}`;
  await source.list(Array.from({ length: 20 }, (_, i) => pod(`p${i}`, `fd00::${i + 1}`)));
  await source.list([]);
});
afterEach(async () => {
  await admin.close();
  await server.close(0);
});

const TOKEN = { authorization: 'Bearer open' };
const post = (path: string, headers: Record<string, string> = TOKEN): Promise<Response> =>
  fetch(url + path, { method: 'POST', headers });

test('needs the token, a POST, a source that exists, and no page of another site', async () => {
  expect((await post('/v1/accept', {})).status).toBe(401);
  expect((await fetch(`${url}/v1/accept`, { headers: TOKEN })).status).toBe(404);
  const unknown = await post('/v1/accept?source=etcd');
  expect([unknown.status, await unknown.text()]).toEqual([404, 'there is no source etcd; there are lists\n']);
  expect((await post('/v1/accept?source=a&source=b')).status).toBe(400);
  expect((await post('/v1/accept', { ...TOKEN, origin: 'http://evil.example' })).status).toBe(403);
  expect(server.catalog.count('pod')).toBe(20);
  expect((await post('/v1/accept', { ...TOKEN, origin: url })).status).toBe(200);
  expect(server.catalog.count('pod')).toBe(0);
});

test('status and metrics show what is held, and the command lets it through', async () => {
  const options = ['--admin', url, '--admin-token', 'open'];
  const status = await podns(['status', ...options]);
  expect(status.out).toMatch(/^held: lists takes away 20 of 20 pods of vpc v; until .*Z, or podns accept$/m);
  const text = async (): Promise<string> => (await fetch(`${url}/metrics`, { headers: TOKEN })).text();
  expect(await text()).toContain('podns_held_records{source="lists"} 20\n');
  expect(await text()).toContain('podns_held_lists_total 1\n');
  expect(await text()).toContain('podns_problems{kind="shrink"} 1\n');
  const wrong = await podns(['accept', 'etcd', ...options]);
  expect(wrong).toEqual({ code: 1, out: '', err: 'podns: there is no source etcd; there are lists\n' });
  const done = await podns(['accept', 'lists', ...options]);
  const said = 'accepted: 20 of 20 pods of vpc v are gone, as lists says\n';
  expect(done).toEqual({ code: 0, out: said, err: '' });
  expect(await podns(['accept', ...options])).toEqual({ code: 0, out: 'nothing is held\n', err: '' });
  expect(JSON.parse((await podns(['accept', '-o', 'json', ...options])).out)).toEqual({ accepted: [] });
  expect(await text()).toContain('podns_held_records{source="lists"} 0\n');
});
