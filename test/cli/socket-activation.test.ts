/** Sockets of a systemd socket unit: bound by somebody else, given to `serve` as descriptors from 3 on. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { InheritedSockets } from '../../src/transport/inherited.ts';
import { loadSystem } from '../../src/transport/syscalls.ts';
import { bindDescriptor } from '../../src/transport/udp-batch/socket.ts';
import { freePort } from '../harness/free-port.ts';
import { skipAloud } from '../harness/tools.ts';
import { podns } from './harness.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const { system, reason } = loadSystem();

let folder: string;
let children: ChildProcess[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-activation-'));
  writeFileSync(
    join(folder, 'a.yaml'),
    'vpc: aep\nnamespaces: { shop: { pods: { db: { ip6: "fdfd::7" } } } }\n',
  );
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null) continue;
    child.kill('SIGTERM');
    await once(child, 'close');
  }
  children = [];
  rmSync(folder, { recursive: true });
});

/** The process learns its own id only when it runs, as LISTEN_PID wants it. */
function serve(
  args: string[],
  fds: number[],
  environment: Record<string, string> = {},
): { text: () => string; child: ChildProcess } {
  const command = `LISTEN_PID=$$ LISTEN_FDS=${fds.length} exec '${process.execPath}' '${MAIN}' serve --zones . --admin off ${args.join(' ')}`;
  const child = spawn('sh', ['-c', command], {
    cwd: folder,
    env: { PATH: process.env['PATH'], ...environment },
    stdio: ['ignore', 'pipe', 'pipe', ...fds],
  });
  children.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream!.on('data', (octets: Buffer) => (text += octets.toString()));
  return { text: () => text, child };
}

async function sockets(): Promise<{ port: number; fds: number[] }> {
  const port = await freePort('127.0.0.1');
  const fds = (['udp', 'tcp'] as const).map((protocol) =>
    bindDescriptor(system!, '127.0.0.1', port, { protocol, shared: false }),
  );
  return { port, fds };
}

if (system === undefined) skipAloud('socket activation', reason);
describe.skipIf(system === undefined)('serve with sockets of its own', () => {
  test.each([0, 1, 2])('answers on them over UDP and TCP, %i workers', async (workers) => {
    const { port, fds } = await sockets();
    const listen = `127.0.0.1:${port}@aep/shop`;
    const { text } = serve(['--listen', listen, '--workers', String(workers)], fds);
    // The port is taken by this process: without the sockets the server could not bind it.
    await expect.poll(text, { timeout: 20_000 }).toContain('dig ');
    for (const protocol of [[], ['--tcp']]) {
      const asked = await podns(['query', 'db', '--short', '--server', `127.0.0.1:${port}`, ...protocol], {
        folder,
      });
      expect(asked).toMatchObject({ out: 'fdfd::7\n', code: 0 });
    }
    for (const fd of fds) system!.close(fd);
  });

  test('says which of them no listener names', async () => {
    const { port, fds } = await sockets();
    const own = await freePort('127.0.0.1');
    const { text } = serve(['--listen', `127.0.0.1:${own}@aep/shop`], fds);
    await expect.poll(text, { timeout: 20_000 }).toContain('dig ');
    expect(text()).toContain(`passed the socket udp 127.0.0.1:${port}, which no --listen names`);
    expect(text()).toContain(`passed the socket tcp 127.0.0.1:${port}, which no --listen names`);
    for (const fd of fds) system!.close(fd);
  });

  test('ends with 78 where a descriptor is no socket', async () => {
    const { text, child } = serve([], [1]);
    const [code] = (await once(child, 'close')) as [number];
    expect({ code, text: text() }).toEqual({
      code: 78,
      text: expect.stringMatching(/^podns: socket activation: /),
    });
  });
});

test.each([
  [{}, []],
  [{ LISTEN_FDS: '2', LISTEN_PID: '8' }, []],
  [{ LISTEN_FDS: '0', LISTEN_PID: '7' }, []],
  [{ LISTEN_FDS: 'x', LISTEN_PID: '7' }, []],
])('sockets of others are left alone: %o', (environment, left) => {
  expect(new InheritedSockets(environment, 7).left).toEqual(left);
});

test('more sockets than a unit can name are refused', () => {
  expect(() => new InheritedSockets({ LISTEN_FDS: '5000', LISTEN_PID: '7' }, 7)).toThrow('more than 4096');
});
