import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import * as sys from '../../src/transport/syscalls.ts';
import { BatchMessages } from '../../src/transport/udp-batch/messages.ts';
import { bindSocket } from '../../src/transport/udp-batch/socket.ts';

const script = fileURLToPath(new URL('udp-batch-process.mjs', import.meta.url));
const usable = sys.loadSystem().system !== undefined;

/** Runs the script until it serves, does `then`, and resolves with how it ended; a hang fails by the time-out. */
async function run(way: string, then: (pid: number) => void = () => {}) {
  const child = spawn(process.execPath, [script, way], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const ended = once(child, 'exit') as Promise<[number | null, string | null]>;
  try {
    const [first] = (await once(child.stdout, 'data')) as [Buffer];
    then(child.pid!);
    const [code, signal] = await ended;
    return { port: Number(first.toString()), code, signal, errors };
  } finally {
    child.kill('SIGKILL');
  }
}

async function portIsFree(port: number): Promise<void> {
  const socket = createSocket('udp4');
  socket.bind({ port, address: '127.0.0.1', exclusive: true });
  await once(socket, 'listening');
  socket.close();
}

describe.skipIf(!usable)('a process with blocked workers ends, and its port is free', () => {
  it.each([
    ['exit', 7],
    ['throw', 1],
    ['reject', 1],
    ['close', 0],
    ['quiet', 7],
  ])('by %s', async (way, code) => {
    const end = await run(way);
    expect(end).toMatchObject({ code, signal: null });
    await portIsFree(end.port);
  });

  it.each([
    ['term-handler', 7, null],
    ['term-close', 0, null],
    ['term', null, 'SIGTERM'],
  ])('by %s', async (way, code, signal) => {
    const end = await run(way, (pid) => process.kill(pid, 'SIGTERM'));
    expect(end).toMatchObject({ code, signal });
    await portIsFree(end.port);
  });
});

describe('a thread with a server ends, its port is free, and the process goes on', () => {
  it.each([
    ['terminate', []],
    ['exit', []],
    ['throw', ['uncaught']],
    ['close', []],
  ])('by %s', async (way, said) => {
    const child = spawn(
      process.execPath,
      [fileURLToPath(new URL('server-thread.mjs', import.meta.url)), way],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let out = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    try {
      expect(await once(child, 'close')).toEqual([0, null]);
    } finally {
      child.kill('SIGKILL');
    }
    const [port, kind, ...rest] = out.trim().split('\n');
    expect([kind, ...rest]).toEqual(['dgram', ...said, 'gone']);
    await portIsFree(Number(port));
  });
});

describe.skipIf(!usable)('system calls', () => {
  it('go by number past a C library that loops over messages', async () => {
    const system = sys.bindCalls(koffi as unknown as Parameters<typeof sys.bindCalls>[0], true);
    const { fd, port } = bindSocket(system, '127.0.0.1', 0, false);
    const client = createSocket('udp4');
    client.connect(port, '127.0.0.1');
    await once(client, 'connect');
    const answered = once(client, 'message');
    client.send('three');
    const messages = new BatchMessages(system);
    messages.use(sys.AF_INET, false);
    messages.prepare();
    expect(system.recvmmsg(fd, messages.receiveVector, 64, sys.MSG_WAITFORONE, 0)).toBe(1);
    expect(messages.inputLength(0)).toBe(5);
    messages.bytes.set(Buffer.from('four'), messages.outputAt(0));
    messages.stage(0, 0, 4);
    expect(system.sendmmsg(fd, messages.sendVector, 1, 0)).toBe(1);
    expect(String((await answered)[0])).toBe('four');
    expect(system.recvmmsg(fd, messages.receiveVector, 64, sys.MSG_DONTWAIT, 0)).toBe(-1);
    expect(system.errno()).toBe(sys.EAGAIN);
    client.close();
    system.close(fd);
  });

  it('report errors in the form that Node gives them', () => {
    const { system } = sys.loadSystem();
    expect(() => bindSocket(system!, '127.0.0.256', 53, false)).toThrow('bind EINVAL 127.0.0.256:53');
    expect(() => bindSocket(system!, 'fe80::1%absent0', 53, false)).toThrow(
      'bind ENODEV [fe80::1%absent0]:53',
    );
    expect(sys.systemError('bind', sys.EADDRINUSE, 'x')).toMatchObject({ code: 'EADDRINUSE', errno: -98 });
  });
});

describe('without koffi', () => {
  it('the reason is told and nothing is thrown', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-'));
    try {
      cpSync(
        fileURLToPath(new URL('../../dist/transport/syscalls.js', import.meta.url)),
        join(folder, 'syscalls.mjs'),
      );
      const main = join(folder, 'main.mjs');
      writeFileSync(main, `import { loadSystem } from './syscalls.mjs'; console.log(loadSystem().reason);`);
      const child = spawn(process.execPath, [main], { stdio: ['ignore', 'pipe', 'inherit'] });
      const [reason] = (await once(child.stdout, 'data')) as [Buffer];
      expect(reason.toString()).toMatch(/^koffi is not usable: Cannot find module 'koffi'/);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
