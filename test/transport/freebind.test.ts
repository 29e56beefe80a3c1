/** A listener on an address that this host gets later: it binds, waits, and answers once the address is there. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { batchUnavailableReason } from '../../src/transport/udp-batch/udp-batch.ts';
import { Served } from '../cli/served.ts';
import { encodeQuery } from '../harness/build.ts';
import { enterNamespace } from '../harness/netns.ts';
import { skipAloud } from '../harness/tools.ts';
import { parseWire } from '../harness/wire.ts';
import { TcpClient, UdpClient } from './clients.ts';

const PORT = 53;
const unavailableReason = batchUnavailableReason() ?? (await enterNamespace([]));

let folder = '';
let served: Served | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-early-'));
  mkdirSync(join(folder, 'zones'));
  const zone = { vpc: 'aep', namespaces: { web: { pods: { db: { ip6: 'fdfd:1a8::1' } } } } };
  writeFileSync(join(folder, 'zones', 'aep.yaml'), JSON.stringify(zone));
});
afterEach(async () => {
  served?.child.kill('SIGKILL');
  await served?.ended;
  rmSync(folder, { recursive: true });
});

function ip(...words: string[]): void {
  execFileSync('ip', words);
}

/**
 * As a resolver does, on a new socket each time: one that was connected while the system was still busy with the
 * address may have a route that leads nowhere for ever.
 */
async function ask(
  open: typeof UdpClient | typeof TcpClient,
  address: string,
  query: Buffer,
): Promise<Buffer> {
  for (;;) {
    // A connected client hears only what leaves from the address it asked.
    const client = await open.open(address, PORT);
    client.send(query);
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), 300);
    });
    const answers = await Promise.race([client.received(1), patience]);
    clearTimeout(timer);
    await client.close();
    if (answers !== undefined) return answers[0]!;
  }
}

async function answersFrom(address: string): Promise<void> {
  for (const open of [UdpClient, TcpClient]) {
    // What a worker answers, and what the main thread does on the worker's socket.
    const answer = await ask(open, address, encodeQuery({ id: 1, name: 'db', type: 'AAAA' }));
    expect(parseWire(answer).answer.map(({ text }) => text)).toEqual(['fdfd:1a8::1']);
    const later = await ask(open, address, encodeQuery({ id: 2, name: '_whoami.vpc.internal', type: 'TXT' }));
    expect(later.readUInt16BE(0)).toBe(2);
  }
}

if (unavailableReason !== undefined)
  skipAloud('a listener on an address that comes later', unavailableReason);
describe.skipIf(unavailableReason !== undefined)('a listener on an address that comes later', () => {
  test.each([
    ['fd00::53', 'batch', 1],
    ['fd00::54', 'batch', 2],
    ['fd00::55', 'dgram', 0],
    ['10.0.1.53', 'batch', 1],
    ['10.0.1.55', 'dgram', 0],
  ])('%s, %s transport, %i workers', async (address, _, workers) => {
    const isSix = address.includes(':');
    const text = isSix ? `[${address}]:${PORT}` : `${address}:${PORT}`;
    served = new Served(
      ['--listen', `${text}@aep/web`, '--workers', String(workers), '--admin', 'off', '--forward', 'off'],
      folder,
    );
    expect(await served.address()).toBe(text);
    await served.until(
      'err',
      `${text}@aep/web is bound, but no interface has its address yet; it answers once one has`,
    );
    ip('addr', 'add', `${address}/${isSix ? 128 : 32}`, 'dev', 'lo', ...(isSix ? ['nodad'] : []));
    await answersFrom(address);
    // It may go and come again.
    ip('addr', 'del', `${address}/${isSix ? 128 : 32}`, 'dev', 'lo');
    ip('addr', 'add', `${address}/${isSix ? 128 : 32}`, 'dev', 'lo', ...(isSix ? ['nodad'] : []));
    await answersFrom(address);
    served.child.kill('SIGTERM');
    expect(await served.ended).toEqual({ code: 0, signal: null });
  });

  test('a loopback that is not there never comes: that is an error', async () => {
    ip('addr', 'del', '::1/128', 'dev', 'lo');
    for (const workers of [0, 1]) {
      served = new Served(
        ['--listen', `[::1]:${PORT}@aep/web`, '--workers', String(workers), '--admin', 'off'],
        folder,
      );
      expect(await served.ended).toEqual({ code: 69, signal: null });
      expect(served.err).toContain(`[::1]:${PORT}@aep/web: no interface of this host has this address`);
    }
    ip('addr', 'add', '::1/128', 'dev', 'lo', 'nodad');
  });
});
