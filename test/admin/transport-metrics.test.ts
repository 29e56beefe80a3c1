/** `/metrics` of the transports: which one serves UDP, and the counts of each worker. */
import { afterEach, describe, expect, test } from 'vitest';
import { createAdmin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import { ServerCore } from '../../src/server.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { UdpClient, until } from '../transport/clients.ts';

const RESERVE = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 24 };
const CLIENTS = 32;

const closing: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

/** A server that has answered one query for `db`, and one for nothing, of each of many clients; its metrics. */
async function metricsAfterQueries(workers: number): Promise<{ text: string; listener: string }> {
  const server = new ServerCore({ config: { workers, forward: 'off' }, reserve: RESERVE });
  closing.push({ close: () => server.close(0) });
  await server.apply({
    put: [{ kind: 'pod', vpc: 'aep', namespace: 'web', name: 'db', ip6: 'fdfd:1a8::1' }],
  });
  const { port, udp, listener } = await server.listen('127.0.0.1:0@aep/web');
  for (let i = 0; i < CLIENTS; i++) {
    const client = await UdpClient.open('127.0.0.1', port);
    closing.push(client);
    for (const name of ['db', 'nothing']) client.send(encodeQuery({ id: i, name, type: 'AAAA' }));
    await client.received(2);
  }
  await until(() => udp.counters.answered === 2 * CLIENTS);
  const facts = { readiness: () => server.readiness() };
  const admin = createAdmin({ bind: '127.0.0.1:0', facts, routes: serverRoutes(server, 'test') });
  closing.push({ close: () => admin.close() });
  const address = await admin.open();
  return { text: await (await fetch(`http://${address}/metrics`)).text(), listener: listener.text };
}

/** Values of a metric by its labels, the listener's left out: `worker="0"`. */
function valuesOf(text: string, name: string, listener: string): Record<string, number> {
  const values: Record<string, number> = {};
  for (const [, labels, value] of text.matchAll(new RegExp(`^${name}\\{([^}]*)\\} (\\d+)$`, 'gm')))
    values[labels!.replace(`listener="${listener}"`, '').replace(/^,/, '')] = Number(value);
  return values;
}

const sum = (values: Record<string, number>): number =>
  Object.values(values).reduce((all, one) => all + one, 0);

describe('the metrics of transports', () => {
  const unavailableReason = batchUnavailableReason();
  if (unavailableReason !== undefined)
    skipAloud('count each worker of the batch transport', unavailableReason);
  test.skipIf(unavailableReason !== undefined)('count each worker of the batch transport', async () => {
    const { text, listener } = await metricsAfterQueries(2);
    const values = (name: string): Record<string, number> => valuesOf(text, name, listener);
    expect(values('podns_udp_transport')).toEqual({ 'kind="batch"': 1 });
    const received = values('podns_worker_received_total');
    expect(Object.keys(received)).toEqual(['worker="0"', 'worker="1"']);
    expect(sum(received)).toBe(2 * CLIENTS);
    expect(values('podns_packets_received_total')).toEqual({ 'proto="udp"': 2 * CLIENTS, 'proto="tcp"': 0 });
    // The kernel spreads clients over sockets by their addresses: 32 on one side happen once in billions.
    for (const count of Object.values(received)) expect(count).toBeGreaterThan(0);
    expect(values('podns_worker_answered_total')).toEqual(received);
    expect(values('podns_worker_answers_total')).toEqual({
      'worker="0",rcode="NOERROR"': received['worker="0"']! / 2,
      'worker="0",rcode="NXDOMAIN"': received['worker="0"']! / 2,
      'worker="1",rcode="NOERROR"': received['worker="1"']! / 2,
      'worker="1",rcode="NXDOMAIN"': received['worker="1"']! / 2,
    });
    for (const none of [
      'dropped',
      'deferred',
      'errors',
      'overflows',
      'send_errors',
      'receive_errors',
      'restarts',
    ])
      expect(values(`podns_worker_${none}_total`)).toEqual({ 'worker="0"': 0, 'worker="1"': 0 });
    expect(sum(values('podns_worker_batches_total'))).toBeGreaterThan(0);
  });

  test('say that node:dgram serves, and know no workers then', async () => {
    const { text, listener } = await metricsAfterQueries(0);
    expect(valuesOf(text, 'podns_udp_transport', listener)).toEqual({ 'kind="dgram"': 1 });
    expect(valuesOf(text, 'podns_worker_received_total', listener)).toEqual({});
    expect(valuesOf(text, 'podns_packets_received_total', listener)).toMatchObject({
      'proto="udp"': 2 * CLIENTS,
    });
  });
});
