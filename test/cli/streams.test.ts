/** Nobody reads the log or the standard output of `serve`: it serves on, ends when it is told to, and says what was lost. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdirSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { freePort } from '../harness/free-port.ts';
import { parseWire } from '../harness/wire.ts';
import { UdpClient } from '../transport/clients.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
/** Files with faults, each 100, which is all that is said of a file; as many as are listed one by one. */
const BAD_FILES = 10;
/** Deep, so that the places of the faults are more text than pipe and process keep. */
const ZONES = join(...Array<string>(6).fill('z'.repeat(240)));

let folder = '';
let child: ChildProcess | undefined;
let port = 0;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podns-streams-'));
  mkdirSync(join(folder, ZONES), { recursive: true });
  port = await freePort('127.0.0.1');
});
afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function writeZones(bad: number): void {
  const write = (vpc: string, pods: string): void =>
    writeFileSync(
      join(folder, ZONES, `${vpc}.yaml`),
      `vpc: ${vpc}\nnamespaces: { web: { pods: { ${pods} } } }\n`,
    );
  write('aep', 'db: { ip6: "fdfd:1a8::1" }');
  const wrong = Array.from(
    { length: 100 },
    (_, i) => `x${i}: { ip6: "no address ${'-'.repeat(60)}" }`,
  ).join();
  for (let i = 0; i < bad; i++) write(`v${i}`, wrong);
}

function serve(
  workers: number,
  stdio: ('pipe' | 'ignore' | number)[],
): Promise<[number | null, string | null]> {
  const args = ['--listen', `127.0.0.1:${port}@aep/web`, '--workers', String(workers), '--admin', 'off'];
  args.push('--zones', ZONES, '--log-level', 'debug');
  child = spawn(process.execPath, [MAIN, 'serve', ...args], { cwd: folder, stdio });
  return new Promise((resolve) => child!.once('exit', (code, signal) => resolve([code, signal])));
}

/** Asks until there is an answer with a record. */
async function answered(): Promise<void> {
  for (;;) {
    const client = await UdpClient.open('127.0.0.1', port);
    client.send(encodeQuery({ id: 1, name: 'db', type: 'AAAA' }));
    const patience = new Promise<Buffer[]>((resolve) => setTimeout(() => resolve([]), 200));
    const [answer] = await Promise.race([client.received(1), patience]);
    await client.close();
    if (answer !== undefined && parseWire(answer).answer[0]?.text === 'fdfd:1a8::1') return;
  }
}

test.each([0, 1])('a log that is full keeps it from nothing, %i workers', async (workers) => {
  writeZones(BAD_FILES);
  const path = join(folder, 'log');
  execFileSync('mkfifo', [path]);
  const log = openSync(path, constants.O_RDWR);
  try {
    const ended = serve(workers, ['ignore', 'ignore', log]);
    await answered();
    child!.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  } finally {
    closeSync(log);
  }
});

test('log lines that nobody has read are counted, and the count is said when they are read again', async () => {
  writeZones(BAD_FILES);
  const ended = serve(0, ['ignore', 'ignore', 'pipe']);
  await answered();
  let log = '';
  const said = new Promise<number>((resolve) => {
    child!.stderr!.on('data', (text: Buffer) => {
      log += text.toString();
      const lost = /"lines":(\d+),"msg":"log lines were lost/.exec(log)?.[1];
      if (lost !== undefined) resolve(Number(lost));
    });
  });
  const lost = await said;
  const read = log.split('\n').filter((line) => line.includes('no address')).length;
  expect(read).toBeGreaterThan(0);
  expect(read + lost).toBeGreaterThanOrEqual(100 * BAD_FILES);
  for (const line of log.trim().split('\n')) expect(() => JSON.parse(line) as unknown).not.toThrow();
  child!.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('without a reader of its standard output it goes on, and says so', async () => {
  writeZones(0);
  const ended = serve(0, ['ignore', 'pipe', 'pipe']);
  child!.stdout!.destroy();
  let log = '';
  await new Promise<void>((resolve) => {
    child!.stderr!.on('data', (text: Buffer) => {
      log += text.toString();
      if (log.includes('standard output has no reader any more; podns continues')) resolve();
    });
  });
  await answered();
  child!.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});

test('without a reader of either it goes on', async () => {
  writeZones(1);
  const ended = serve(0, ['ignore', 'pipe', 'pipe']);
  child!.stdout!.destroy();
  child!.stderr!.destroy();
  await answered();
  child!.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
