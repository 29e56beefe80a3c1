/** `/metrics` as a whole: every answer counted once, names of CoreDNS that its dashboards ask for, and promtool's word. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import { DURATION_BOUNDS, durationPlace, sizePlace, SIZE_BOUNDS } from '../../src/answer/counts.ts';
import { ServerCore } from '../../src/server.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { Upstream } from '../harness/upstream.ts';
import { TcpClient, UdpClient, until } from '../transport/clients.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };
const PAGE = fileURLToPath(new URL('../../docs/observability.md', import.meta.url));
const BEGIN = '<!-- metrics -->';
const END = '<!-- /metrics -->';
const PACKAGING = fileURLToPath(new URL('../../packaging', import.meta.url));

/** Queries of published dashboards for CoreDNS, their selectors left out: each must find data. */
const DASHBOARD = `
coredns_panics_total
coredns_dns_responses_total by rcode
coredns_forward_responses_total by rcode
coredns_dns_request_duration_seconds_bucket by server, zone, le
coredns_forward_request_duration_seconds_bucket by to, le
coredns_dns_requests_total by type
coredns_dns_requests_total by zone
coredns_dns_requests_total by proto
coredns_dns_requests_total by family
coredns_forward_requests_total by to
coredns_plugin_enabled by name
coredns_dns_request_size_bytes_bucket by server, zone, proto, le
coredns_dns_response_size_bytes_bucket by server, zone, proto, le
coredns_cache_hits_total by type
coredns_cache_misses_total
coredns_cache_entries by type
coredns_build_info by version
process_resident_memory_bytes
process_cpu_seconds_total`;

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}

function samplesOf(text: string): Sample[] {
  return [...text.matchAll(/^([a-z_0-9]+)(?:\{(.*)\})? (\S+)$/gm)].map(([, name, labels, value]) => ({
    name: name!,
    labels: Object.fromEntries(
      [...(labels ?? '').matchAll(/([a-z_]+)="([^"]*)"/g)].map(([, k, v]) => [k, v]),
    ),
    value: Number(value),
  }));
}

function sum(samples: readonly Sample[], name: string, labels: Record<string, string> = {}): number {
  return samples
    .filter((sample) => sample.name === name)
    .filter((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
    .reduce((all, { value }) => all + value, 0);
}

/** Asks over UDP and TCP, names here and outside, twice; an inventory, and a client whose pod never comes. */
async function scraped(workers: number): Promise<string> {
  const upstream = new Upstream();
  await upstream.open();
  closing.push(upstream);
  const server = new ServerCore({
    config: { workers, upstreams: [`127.0.0.1:${upstream.port}`], podHold: 20 },
    reserve: RESERVE,
  });
  closing.push({ close: () => server.close(0) });
  await server.apply({
    put: [{ kind: 'pod', vpc: 'aep', namespace: 'web', name: 'db', ip6: 'fdfd:1a8::1' }],
  });
  const { port, udp } = await server.listen('127.0.0.1:0@aep/web');
  const client = await UdpClient.open('127.0.0.1', port);
  closing.push(client);
  const names = ['db', 'nothing', 'a.example', 'a.example'];
  for (const [id, name] of names.entries()) {
    client.send(encodeQuery({ id, name, type: 'AAAA' }));
    await client.received(id + 1);
  }
  await until(() => udp.counters.answered === names.length);
  const tcp = await TcpClient.open('127.0.0.1', port);
  closing.push(tcp);
  for (const [id, name] of ['db', 'nothing', '_pods.web.vpc.internal'].entries()) {
    tcp.send(encodeQuery({ id, name, type: name.startsWith('_') ? 'TXT' : 'A' }));
    await tcp.received(id + 1);
  }
  const scoped = await server.listen('127.0.0.1:0@aep');
  const stranger = await UdpClient.open('127.0.0.1', scoped.port);
  closing.push(stranger);
  stranger.send(encodeQuery({ id: 9, name: 'db', type: 'AAAA' }));
  await stranger.received(1);
  const facts = { readiness: () => server.readiness() };
  const admin = createAdmin({ bind: '127.0.0.1:0', facts, routes: serverRoutes(server, 'test') });
  closing.push({ close: () => admin.close() });
  const address = await admin.open();
  return (await fetch(`http://${address}/metrics`)).text();
}

const unavailableReason = batchUnavailableReason();

describe.each([
  ['worker threads', 1, unavailableReason],
  ['the main thread', 0, undefined],
])('with %s', (title, workers, reason) => {
  if (reason !== undefined) {
    skipAloud(`every answer is counted with ${title}`, reason);
    return;
  }
  let text = '';
  let samples: Sample[] = [];
  beforeAll(async () => {
    text = await scraped(workers);
    samples = samplesOf(text);
  });

  test('every answer is counted once, by rcode, transport, protocol and class', () => {
    const transport = workers === 1 ? 'batch' : 'dgram';
    const answers = (labels: Record<string, string>) => sum(samples, 'podns_answers_total', labels);
    expect(answers({})).toBe(8);
    expect(answers({ proto: 'udp', transport })).toBe(5);
    expect(answers({ proto: 'tcp', transport: 'tcp' })).toBe(3);
    expect(answers({ rcode: 'NXDOMAIN', class: 'local' })).toBe(2);
    expect(answers({ class: 'forwarded', rcode: 'NOERROR' })).toBe(2);
    // The inventory over TCP, and the client whose pod is not known.
    expect(answers({ class: 'deferred', transport: 'tcp', rcode: 'NOERROR' })).toBe(1);
    expect(answers({ class: 'deferred', proto: 'udp', rcode: 'SERVFAIL' })).toBe(1);
    expect(sum(samples, 'coredns_dns_responses_total')).toBe(8);
    expect(sum(samples, 'coredns_dns_responses_total', { plugin: 'forward' })).toBe(2);
    expect(sum(samples, 'coredns_dns_requests_total')).toBe(8);
    expect(sum(samples, 'coredns_dns_requests_total', { type: 'AAAA', proto: 'udp' })).toBe(5);
    expect(sum(samples, 'coredns_dns_requests_total', { type: 'TXT', proto: 'tcp' })).toBe(1);
    for (const name of ['request_duration_seconds', 'request_size_bytes', 'response_size_bytes'])
      expect(sum(samples, `coredns_dns_${name}_count`)).toBe(8);
    const octets = sum(samples, 'coredns_dns_response_size_bytes_sum');
    expect(octets).toBeGreaterThan(8 * 20);
    expect(octets).toBeLessThan(8 * 512);
    expect(sum(samples, 'podns_deferred_duration_seconds_count', { class: 'deferred' })).toBe(2);
    expect(sum(samples, 'podns_deferred_duration_seconds_count', { class: 'forwarded' })).toBe(1);
  });

  test('queries and failures of a VPC, holds and connections are counted', () => {
    expect(sum(samples, 'podns_vpc_queries_total', { vpc: 'aep' })).toBe(8);
    expect(sum(samples, 'podns_vpc_failures_total', { vpc: 'aep', rcode: 'NXDOMAIN' })).toBe(2);
    expect(sum(samples, 'podns_vpc_failures_total', { vpc: 'aep', rcode: 'SERVFAIL' })).toBe(1);
    expect(sum(samples, 'podns_holds_total', { reason: 'pod' })).toBe(1);
    expect(sum(samples, 'podns_holds_expired_total')).toBe(1);
    expect(sum(samples, 'podns_tcp_connections')).toBe(1);
    expect(sum(samples, 'podns_tcp_accepted_total')).toBe(1);
    expect(sum(samples, 'podns_event_loop_active_seconds_total')).toBeGreaterThan(0);
  });

  test.each(DASHBOARD.trim().split('\n'))("CoreDNS's dashboards find %s", (query) => {
    const [name, by = ''] = query.split(' by ') as [string, string?];
    const found = samples.filter((sample) => sample.name === name);
    expect(found).not.toEqual([]);
    for (const label of by.split(', ').filter((word) => word !== ''))
      expect(found.every((sample) => label in sample.labels)).toBe(true);
  });

  const missing = missingTools(['promtool']);
  if (missing !== undefined) skipAloud('promtool finds nothing wrong', missing);
  test.skipIf(missing !== undefined)('promtool finds nothing wrong', () => {
    const ran = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' });
    expect(`${ran.stdout}${ran.stderr}`.trim()).toBe('');
    expect(ran.status).toBe(0);
  });

  test('every metric of the rules and of the dashboard is there, or comes with what it counts', () => {
    const rules = readFileSync(`${PACKAGING}/prometheus/podns.rules.yml`, 'utf8');
    const dashboard = JSON.parse(readFileSync(`${PACKAGING}/grafana/podns.json`, 'utf8')) as {
      panels: { targets: { expr: string }[] }[];
    };
    const exprs = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)).join('\n');
    const asked = new Set(`${rules}${exprs}`.match(/\b(?:podns|coredns|process)_[a-z_]+\b/g));
    const known = new Set([...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name!));
    const unknown = [...asked].filter((name) => !known.has(name.replace(/_(bucket|sum|count)$/, '')));
    expect(asked.size).toBeGreaterThan(20);
    expect(unknown.filter((name) => !known.has(name))).toEqual([]);
  });
});

test('docs/observability.md has every metric with its text; `vitest run test/admin -u` writes it anew', async () => {
  const text = await scraped(0);
  const types = new Map([...text.matchAll(/^# TYPE (\S+) (\S+)$/gm)].map(([, name, type]) => [name!, type!]));
  const rows = [...text.matchAll(/^# HELP (\S+) (.*)$/gm)].map(
    ([, name, help]) => `| \`${name}\` | ${types.get(name!)} | ${help!.replaceAll('|', '\\|')} |`,
  );
  const table = ['| metric | kind | what and why |', '| --- | --- | --- |', ...rows.sort()].join('\n');
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.split(BEGIN)[0]!, page.split(END)[1]!];
  const written = await format(`${before}${BEGIN}\n\n${table}\n\n${END}${after}`, {
    ...(await resolveConfig(PAGE)),
    parser: 'markdown',
  });
  await expect(written).toMatchFileSnapshot(PAGE);
});

describe('what is packaged for Prometheus', () => {
  const missing = missingTools(['promtool']);
  if (missing !== undefined) skipAloud('has rules that fire when they should', missing);
  test.skipIf(missing !== undefined)('has rules that fire when they should', () => {
    const folder = `${PACKAGING}/prometheus`;
    execFileSync('promtool', ['check', 'rules', `${folder}/podns.rules.yml`]);
    const ran = spawnSync('promtool', ['test', 'rules', 'podns.rules.test.yml'], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(`${ran.stdout}${ran.stderr}`).toContain('SUCCESS');
    expect(ran.status).toBe(0);
  });
});

test('places of sizes and times are those of their bounds', () => {
  for (const [i, bound] of SIZE_BOUNDS.entries()) {
    expect(sizePlace(bound)).toBe(i);
    expect(sizePlace(bound + 1)).toBe(i + 1);
  }
  for (const [i, bound] of DURATION_BOUNDS.entries()) {
    expect(durationPlace(bound * 1000)).toBe(i);
    expect(durationPlace(bound * 1000 * 1.1)).toBe(i + 1);
  }
  expect(durationPlace(0)).toBe(0);
  expect(durationPlace(1e6)).toBe(DURATION_BOUNDS.length);
});
