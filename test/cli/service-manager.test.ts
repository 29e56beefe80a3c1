/** What systemd is told: by the command itself, over a real datagram socket. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { serviceManager, watchdogInterval } from '../../src/cli/service-manager.ts';
import { AF_UNIX, loadSystem, SOCK_DGRAM, SOCK_NONBLOCK } from '../../src/transport/syscalls.ts';
import { freePort } from '../harness/free-port.ts';
import { skipAloud } from '../harness/tools.ts';
import { Served } from './served.ts';

const { system, reason } = loadSystem();
const folders: string[] = [];
const descriptors: number[] = [];

afterEach(() => {
  for (const fd of descriptors.splice(0)) system!.close(fd);
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function folderOf(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podns-notify-'));
  folders.push(folder);
  return folder;
}

/** Binds a datagram socket at `name`, a path or `@name`; `received` gives the messages so far. */
function listenAt(name: string): { received: () => string[] } {
  const fd = system!.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  descriptors.push(fd);
  const address = new Uint8Array(new ArrayBuffer(110));
  new Uint16Array(address.buffer, 0, 1)[0] = AF_UNIX;
  address.set(Buffer.from(name), 2);
  if (name.startsWith('@')) address[2] = 0;
  expect(system!.bind(fd, system!.pin(address.buffer), 2 + Buffer.byteLength(name))).toBe(0);
  const message = new Uint8Array(new ArrayBuffer(2048));
  const messages: string[] = [];
  return {
    received: () => {
      for (;;) {
        const length = system!.read(fd, system!.pin(message.buffer), message.length);
        if (length < 0) return messages;
        messages.push(Buffer.from(message.slice(0, length)).toString());
      }
    },
  };
}

if (system === undefined) skipAloud('messages to the service manager', reason);
describe.skipIf(system === undefined)('the service manager', () => {
  const environmentOf = (folder: string) => ({
    NOTIFY_SOCKET: join(folder, 'notify'),
    WATCHDOG_USEC: '100000',
  });

  test('is told that the server is ready, alive, reloading and ending', async () => {
    const folder = folderOf();
    const { received } = listenAt(join(folder, 'notify'));
    writeFileSync(
      join(folder, 'a.yaml'),
      'vpc: aep\nnamespaces: { shop: { pods: { db: { ip6: "fdfd::1" } } } }\n',
    );
    const args = ['--zones', '.', '--admin', 'off', '--listen', '127.0.0.1:0@aep/shop'];
    const served = new Served(args, folder, environmentOf(folder));
    await expect.poll(received, { timeout: 10_000 }).toContainEqual(expect.stringMatching(/^READY=1\n/));
    expect(received()[0]).toMatch(/^READY=1\nSTATUS=1 pods of 1 VPCs on 127\.0\.0\.1:\d+@aep\/shop$/);
    await expect.poll(received, { timeout: 10_000 }).toContain('WATCHDOG=1');
    served.child.kill('SIGHUP');
    await expect.poll(received, { timeout: 10_000 }).toContain('RELOADING=1');
    const readies = (): number => received().filter((message) => message.startsWith('READY=1')).length;
    await expect.poll(readies, { timeout: 10_000 }).toBe(2);
    served.child.kill('SIGTERM');
    expect((await served.ended).code).toBe(0);
    const all = received().filter((message) => message !== 'WATCHDOG=1');
    expect(all.map((message) => message.split('=')[0])).toEqual(['READY', 'RELOADING', 'READY', 'STOPPING']);
  });

  test(
    'is told which process is the main one after a takeover, and that it is alive',
    { timeout: 60_000 },
    async () => {
      const folder = folderOf();
      const { received } = listenAt(join(folder, 'notify'));
      writeFileSync(
        join(folder, 'a.yaml'),
        'vpc: aep\nnamespaces: { shop: { pods: { db: { ip6: "fdfd::1" } } } }\n',
      );
      const port = await freePort('127.0.0.1');
      const args = [
        '--zones',
        '.',
        '--admin',
        'off',
        '--state',
        's',
        '--listen',
        `127.0.0.1:${port}@aep/shop`,
      ];
      const old = new Served(args, folder, environmentOf(folder));
      await expect.poll(received, { timeout: 20_000 }).toContainEqual(expect.stringMatching(/^READY=1\n/));
      // What is started beside the main process is not told of the watchdog.
      const { NOTIFY_SOCKET } = environmentOf(folder);
      const own = new Served(['--takeover', ...args], folder, { NOTIFY_SOCKET });
      const told = new RegExp(`^MAINPID=${own.child.pid}\\nREADY=1\\nSTATUS=1 pods`);
      // Read all the time: the system queues only ten messages.
      await expect.poll(received, { timeout: 20_000 }).toContainEqual(expect.stringMatching(told));
      await expect.poll(() => (received(), old.child.exitCode), { timeout: 20_000 }).toBe(0);
      const all = received();
      expect(all).not.toContain('STOPPING=1');
      const before = received().filter((message) => message === 'WATCHDOG=1').length;
      const beats = (): number => received().filter((message) => message === 'WATCHDOG=1').length;
      await expect.poll(beats, { timeout: 10_000 }).toBeGreaterThan(before);
      own.child.kill('SIGTERM');
      expect((await own.ended).code).toBe(0);
    },
  );

  test('has an abstract name too', () => {
    const name = `@podns-test-${process.pid}`;
    const { received } = listenAt(name);
    const manager = serviceManager({ NOTIFY_SOCKET: name }, (text) => expect.unreachable(text));
    manager.ready('two\nlines');
    manager.close();
    expect(received()).toEqual(['READY=1\nSTATUS=two lines']);
  });

  test('that is not there is a warning, and the server goes on', async () => {
    const folder = folderOf();
    writeFileSync(join(folder, 'a.yaml'), 'vpc: aep\n');
    const args = ['--zones', '.', '--admin', 'off', '--listen', '127.0.0.1:0'];
    const served = new Served(args, folder, environmentOf(folder));
    await served.until('err', /cannot tell the service manager at .*notify: sendto ENOENT/);
    await served.until('out', 'DNS');
    served.child.kill('SIGTERM');
    expect((await served.ended).code).toBe(0);
  });

  test.each(['relative/path', `/${'x'.repeat(120)}`])('has a path that can be one: %s', (path) => {
    const warnings: string[] = [];
    serviceManager({ NOTIFY_SOCKET: path }, (text) => warnings.push(text)).ready('');
    expect(warnings.join()).toContain('must be an absolute path or @name');
  });
});

test('without NOTIFY_SOCKET nobody is told', () => {
  const manager = serviceManager({}, (text) => expect.unreachable(text));
  manager.ready('');
  manager.reloading();
  manager.stopping();
  manager.close();
});

test.each([
  [{}, 0],
  [{ WATCHDOG_USEC: '30000000' }, 15_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '7' }, 15_000],
  [{ WATCHDOG_USEC: '30000000', WATCHDOG_PID: '8' }, 0],
  [{ WATCHDOG_USEC: 'soon' }, 0],
])('the watchdog of %o is fed each %i ms', (environment, interval) => {
  expect(watchdogInterval(environment, 7)).toBe(interval);
});
