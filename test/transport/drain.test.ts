/** The served program is told to end under load: what was asked before is answered, and nothing hangs. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { untilNothingComes } from '../../src/transport/udp-dgram/udp-dgram.ts';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { encodeQuery } from '../harness/build.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { TcpClient, UdpClient, until } from './clients.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const CLIENTS = 4;
/** Before the signal; fewer than the smallest receive queue holds. */
const IN_FLIGHT = 200;

let folder = '';
let child: ChildProcess | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-drain-'));
  mkdirSync(join(folder, 'zones'));
  const zone = { vpc: 'aep', namespaces: { web: { pods: { db: { ip6: 'fdfd:1a8::1' } } } } };
  writeFileSync(join(folder, 'zones', 'aep.yaml'), JSON.stringify(zone));
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

async function serve(workers: number) {
  const options = [
    '--listen',
    '127.0.0.1:0@aep/web',
    '--forward',
    'off',
    '--admin',
    'off',
    '--log-level',
    'warn',
  ];
  child = spawn(process.execPath, [MAIN, 'serve', ...options, '--workers', String(workers)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout!.on('data', (text) => (out += String(text)));
  child.stderr!.on('data', (text) => (err += String(text)));
  const ended = new Promise<{ code: number | null; signal: string | null }>((resolve) =>
    child!.on('close', (code, signal) => resolve({ code, signal })),
  );
  await until(() => out.includes('try:') || child!.exitCode !== null);
  const port = Number(/^ {2}DNS {4}127\.0\.0\.1:(\d+)/m.exec(out)?.[1]);
  expect(port, out + err).toBeGreaterThan(0);
  return { port, ended, errors: () => err };
}

/** Mostly what a worker answers, now and then what only the main thread can. */
function query(id: number): Buffer {
  return id % 50 === 49
    ? encodeQuery({ id, name: '_whoami.vpc.internal', type: 'TXT' })
    : encodeQuery({ id, name: 'db', type: 'AAAA' });
}

function answered(clients: UdpClient[]): number {
  return clients.reduce((sum, client) => sum + client.messages.length, 0);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const unavailableReason = batchUnavailableReason();
const LANES: [string, number][] = [['dgram', 0]];
if (unavailableReason === undefined) LANES.unshift(['batch, one worker', 1], ['batch, two workers', 2]);
else skipAloud('SIGTERM under load on the batch transport', unavailableReason);

describe.each(LANES)('SIGTERM under load, %s', (_, workers) => {
  test('every query over UDP that was sent before is answered, and the end is 0', async () => {
    const { port, ended, errors } = await serve(workers);
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => UdpClient.open('127.0.0.1', port)),
    );
    let over = false;
    void ended.then(() => (over = true));
    let before = 0;
    // Goes on after the signal, so that the server has to end under load.
    for (let id = 0; !over && id < 60_000; id++) {
      for (const client of clients) client.send(query(id));
      if (id === 400) {
        // Sent is what the kernel has: the signal is there at once, and would overtake what is not.
        await Promise.all(clients.map((client) => client.flushed()));
        child!.kill('SIGTERM');
        before = id + 1;
      }
      if (id % 8 === 7 || before > 0) await turn();
      // What the system drops from a full queue is not the server's to answer.
      while (before === 0 && CLIENTS * (id + 1) - answered(clients) > IN_FLIGHT) await turn();
    }
    expect(await ended).toEqual({ code: 0, signal: null });
    // The last answers may still lie in the clients' own queues.
    await untilNothingComes(() => answered(clients));
    for (const client of clients) {
      const ids = new Set(client.messages.map((answer) => answer.readUInt16BE(0)));
      const missing = Array.from({ length: before }, (_, id) => id).filter((id) => !ids.has(id));
      expect(missing).toEqual([]);
      expect(ids.size).toBe(client.messages.length);
      for (const answer of client.messages) expect(parseWire(answer).rcode).toBe(0);
      await client.close();
    }
    expect(errors()).toBe('');
  });

  test('every query over TCP that was read is answered, and the connection is ended, not reset', async () => {
    const { port, ended, errors } = await serve(workers);
    const clients = await Promise.all(
      Array.from({ length: CLIENTS }, () => TcpClient.open('127.0.0.1', port)),
    );
    for (let id = 0; id < 400; id++) for (const client of clients) client.send(query(id));
    // The first answers are there, the others are on their way.
    await Promise.all(clients.map((client) => client.received(1)));
    child!.kill('SIGTERM');
    for (const client of clients) {
      await client.ended;
      const ids = client.messages.map((answer) => answer.readUInt16BE(0)).filter((id) => id % 50 !== 49);
      // In order, from the first on: nothing in between is missing.
      expect(ids).toEqual(
        Array.from({ length: 400 }, (_, id) => id)
          .filter((id) => id % 50 !== 49)
          .slice(0, ids.length),
      );
      client.socket.end();
      expect(await client.closed).toBe('');
    }
    expect(await ended).toEqual({ code: 0, signal: null });
    expect(errors()).toBe('');
  });
});
