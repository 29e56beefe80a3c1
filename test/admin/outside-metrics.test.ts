/** Outside names in `/metrics` and in the status: hits, misses, upstreams that fail. */
import { afterEach, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import type { Status } from '../../src/admin/status.ts';
import { statusText } from '../../src/cli/commands/status.ts';
import { ServerCore } from '../../src/server.ts';
import { encodeQuery } from '../harness/build.ts';
import { Upstream } from '../harness/upstream.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

test('queries are counted by how they went, and status names the upstreams', async () => {
  const upstream = new Upstream();
  await upstream.open();
  closing.push(upstream);
  const server = new ServerCore({
    config: { workers: 0, upstreams: [`127.0.0.1:${upstream.port}`] },
    reserve: RESERVE,
  });
  closing.push({ close: () => server.close(0) });
  await server.apply({
    put: [{ kind: 'pod', vpc: 'aep', namespace: 'web', name: 'db', ip6: 'fdfd:1a8::1' }],
  });
  const client = { address: '127.0.0.1', port: 4000, scope: 'aep/web', local: '127.0.0.9', tcp: true };
  for (const name of ['a.example', 'A.example', 'b.example', 'db'])
    await server.answer(encodeQuery({ name, type: 'AAAA' }), client);
  // Without recursion desired the cache is not read.
  await server.answer(encodeQuery({ name: 'a.example', type: 'AAAA', flags: '' }), client);

  const facts = { readiness: () => server.readiness() };
  const admin = createAdmin({ bind: '127.0.0.1:0', facts, routes: serverRoutes(server, 'test') });
  closing.push({ close: () => admin.close() });
  const address = await admin.open();
  const metrics = await (await fetch(`http://${address}/metrics`)).text();
  const value = (line: string): number =>
    Number(
      metrics
        .split('\n')
        .find((l) => l.startsWith(`${line} `))
        ?.split(' ')
        .at(-1),
    );
  expect(value('podns_outside_queries_total{result="hit"}')).toBe(1);
  expect(value('podns_outside_queries_total{result="miss"}')).toBe(2);
  expect(value('podns_outside_queries_total{result="not_desired"}')).toBe(1);
  expect(value('podns_upstream_messages_total{kind="sent"}')).toBe(2);
  expect(value('podns_outside_cache_entries')).toBe(2);
  expect(value(`podns_upstream_failing{upstream="127.0.0.1:${upstream.port}"}`)).toBe(0);

  const status = (await (await fetch(`http://${address}/v1/status`)).json()) as Status;
  expect(status.outside).toMatchObject({
    defaults: [`127.0.0.1:${upstream.port}`],
    problem: '',
    waiting: 0,
    cache: { entries: 2, hits: 1, misses: 2 },
  });
  expect(statusText(status)).toContain(`to 127.0.0.1:${upstream.port} (`);
  expect(statusText(status)).toContain('2 cached, 1 hits, 2 misses');
});
