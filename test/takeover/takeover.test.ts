/** Takeovers under load: nothing is lost, whatever the successor changes, and wherever it, or its predecessor, ends. */
import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { createConnection, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prove, Succeeding } from '../../prove/takeover.mjs';
import { TcpLoad, UdpLoad } from '../../prove/load.mjs';
import { loadSystem } from '../../src/transport/syscalls.ts';
import { freePort } from '../harness/free-port.ts';
import { skipAloud } from '../harness/tools.ts';
import { podns } from '../cli/harness.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const AT_STEP = fileURLToPath(new URL('at-step.mjs', import.meta.url));
const { system, reason } = loadSystem();
if (system === undefined) skipAloud('takeovers', reason);

let folder = '';
let servers: Succeeding;
let port = 0;
let flags: string[] = [];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podns-take-'));
  writeFileSync(
    join(folder, 'aep.yaml'),
    'vpc: aep\nnamespaces: { shop: { pods: { db: { ip6: "fdfd::7" } } } }\n',
  );
  servers = new Succeeding(folder);
  port = await freePort('127.0.0.1');
  flags = ['--zones', '.', '--state', 'state', '--admin', 'off', '--listen', `127.0.0.1:${port}@aep/shop`];
});
afterEach(() => {
  servers.kill();
  rmSync(folder, { recursive: true });
});

const atStep = (step: string, signal = 'SIGKILL'): Record<string, string> => ({
  NODE_OPTIONS: `--import ${AT_STEP}`,
  AT_STEP: step,
  SIGNAL: signal,
});
const untold = { servfail: 0, other: 0, resets: 0 };

/** Load from before the work until after it. */
async function underLoad(
  work: () => Promise<void>,
): Promise<{ udp: UdpLoad['counts']; tcp: TcpLoad['counts'] }> {
  const udp = new UdpLoad('db');
  const tcp = new TcpLoad('db');
  await tcp.start(port, 5);
  await udp.start(port, 500);
  await work();
  return { udp: await udp.stop(), tcp: await tcp.stop() };
}

async function answer(server = `127.0.0.1:${port}`): Promise<string> {
  return (await podns(['query', 'db', '--short', '--server', server])).out;
}

describe.skipIf(system === undefined)('a takeover', { timeout: 120_000 }, () => {
  it('loses nothing: three, changes of workers, of listeners and of zones', async () => {
    const report = await prove({
      port,
      rate: 2000,
      connections: 20,
      takeovers: 3,
      reloads: 1,
      workers: 1,
      configurations: 1,
    });
    for (const counts of [report.udp, report.tcp]) {
      expect(counts).toMatchObject({ ...untold, lost: 0, closed: 0 });
      expect(counts.answered).toBe(counts.sent);
      expect(counts.sent).toBeGreaterThan(1000);
    }
    expect(report.endings).toEqual(Array.from({ length: 6 }, () => ({ code: 0, signal: null })));
  });

  it('that fails before the successor reads a socket leaves the running process as it was', async () => {
    await servers.start(flags);
    const { udp, tcp } = await underLoad(async () => {
      for (const step of ['connected', 'restored', 'whole', 'received'])
        expect(await servers.takeover(flags, atStep(step)), step).toEqual({ code: null, signal: 'SIGKILL' });
    });
    expect(udp).toMatchObject({ ...untold, lost: 0 });
    expect(tcp).toMatchObject({ ...untold, lost: 0, closed: 0 });
    expect(await servers.takeover(flags)).toBeUndefined();
    expect(await answer()).toBe('fdfd::7\n');
  });

  it('that fails later takes with it what the successor has just read, and the other one goes on', async () => {
    await servers.start(flags);
    const { udp } = await underLoad(async () => {
      for (const step of ['serving', 'alone'])
        expect(await servers.takeover(flags, atStep(step)), step).toEqual({ code: null, signal: 'SIGKILL' });
    });
    expect(udp).toMatchObject({ ...untold });
    // As much as a worker has at hand, at most, for each of the two.
    expect(udp.lost).toBeLessThanOrEqual(8);
    expect(await answer()).toBe('fdfd::7\n');
    // The saved view is written again.
    expect(await servers.takeover(flags)).toBeUndefined();
    expect((await servers.end()).slice(-1)).toEqual([{ code: 0, signal: null }]);
  });

  it('from a process that ends in the middle becomes a start', async () => {
    await servers.start(flags);
    const old = servers.serving;
    // Stopped, so that there is time to end the other one.
    const taken = servers.takeover(flags, atStep('restored', 'SIGSTOP'));
    await expect.poll(() => servers.text, { timeout: 30_000 }).toContain('begins to take over');
    const successor = /process (\d+), podns [^,]+, begins/.exec(servers.text)![1]!;
    await expect.poll(() => stateOf(successor), { timeout: 30_000 }).toBe('T');
    old.kill('SIGKILL');
    process.kill(Number(successor), 'SIGCONT');
    expect(await taken).toBeUndefined();
    expect(servers.text).toContain('this process serves in its place');
    expect(await answer()).toBe('fdfd::7\n');
  });

  it('from a process that is stopped is given up', async () => {
    await servers.start(flags);
    servers.serving.kill('SIGSTOP');
    expect(await servers.takeover(flags)).toEqual({ code: 1, signal: null });
    expect(servers.text).toContain('the other process is silent for 10 s; the running process goes on');
    servers.serving.kill('SIGCONT');
    await expect.poll(() => servers.text).toContain('failed, this process goes on');
    expect(await answer()).toBe('fdfd::7\n');
    expect(await servers.takeover(flags)).toBeUndefined();
  });

  it('waits for a source that the running process does not have, and is given up without it', async () => {
    await servers.start(flags);
    const nobody = `http://127.0.0.1:${await freePort('127.0.0.1')}/`;
    const failed = await servers.takeover([...flags, '--watch', nobody, '--takeover-patience', '500ms']);
    expect(failed).toEqual({ code: 1, signal: null });
    expect(servers.text).toMatch(/have delivered nothing in 0\.5 s: watch:http:\S+/);
    expect(await answer()).toBe('fdfd::7\n');
  });

  it('without a process to take over from is a start', async () => {
    expect(await servers.takeover(flags)).toBeUndefined();
    expect(servers.text).toContain('this one starts without');
    expect(await answer()).toBe('fdfd::7\n');
    expect(statSync(join(folder, 'state/takeover.sock')).mode & 0o777).toBe(0o600);
  });

  it('is refused across a version of the protocol, with a reason, and the running process goes on', async () => {
    await servers.start(flags);
    const reply = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(join(folder, 'state/takeover.sock'));
      const hello = Buffer.from(JSON.stringify({ type: 'hello', protocol: 99, version: '9.9.9', pid: 1 }));
      const head = Buffer.of(0x4a, 0, 0, 0, hello.length);
      socket.write(Buffer.concat([head, hello]));
      let text = '';
      socket.setEncoding('utf8').on('data', (some: string) => (text += some));
      socket.on('end', () => resolve(text.slice(5))).on('error', reject);
    });
    expect(JSON.parse(reply)).toEqual({
      type: 'refusal',
      reason: expect.stringMatching(/speaks version 99 of the protocol, and this podns 1; stop this process/),
    });
    expect(await answer()).toBe('fdfd::7\n');
    expect(await servers.takeover(flags)).toBeUndefined();
  });
});

describe.skipIf(system === undefined || process.getuid?.() !== 0)('another user', { timeout: 60_000 }, () => {
  const NOBODY = 65534;
  const PEER = fileURLToPath(new URL('peer.mjs', import.meta.url));
  /** Runs `peer.mjs` as somebody else; resolves with what it printed. */
  async function asNobody(...args: string[]): Promise<string> {
    const child = spawn(process.execPath, [PEER, ...args], { uid: NOBODY, gid: NOBODY, cwd: '/' });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (some: string) => (text += some));
    await once(child, 'close');
    return text;
  }

  it('gets nothing, even where it can open the socket', async () => {
    await servers.start(flags);
    const path = join(folder, 'state/takeover.sock');
    chmodSync(folder, 0o755);
    chmodSync(join(folder, 'state'), 0o755);
    chmodSync(path, 0o666);
    expect(await asNobody('ask', path)).toBe('closed after 0 octets\n');
    expect(servers.text).toContain(`of user ${NOBODY} asked for a takeover`);
    expect(await answer()).toBe('fdfd::7\n');
  });

  it('cannot pose as the running process', async () => {
    chmodSync(folder, 0o777);
    const path = join(folder, 'forged.sock');
    const forger = asNobody('listen', path);
    await expect.poll(() => existsSync(path), { timeout: 20_000 }).toBe(true);
    expect(await servers.takeover([...flags, '--takeover-socket', path])).toEqual({ code: 1, signal: null });
    expect(servers.text).toContain(`of user ${NOBODY}, not of the user of this one`);
    expect(await forger).toBe('closed after 0 octets\n');
  });
});

describe.skipIf(system === undefined)('what a successor gets', { timeout: 60_000 }, () => {
  it('is the admin listener too, by TCP and by a unix socket, and the time since which problems stand', async () => {
    for (const admin of [`127.0.0.1:${await freePort('127.0.0.1')}`, `unix:${folder}/admin.sock`]) {
      const own = new Succeeding(folder);
      const set = changed(flags, { off: admin });
      try {
        await own.start([...set, '--listen', `127.0.0.3:${port}@globex`]);
        const ask = (): ReturnType<typeof podns> =>
          podns(['problems', '-o', 'json', '--admin', admin], { folder });
        const since = (text: string): unknown =>
          (JSON.parse(text) as { problems: { since: string }[] }).problems.map((problem) => problem.since);
        await expect.poll(async () => since((await ask()).out), { timeout: 10_000 }).toHaveLength(1);
        const before = since((await ask()).out);
        expect(await own.takeover([...set, '--listen', `127.0.0.3:${port}@globex`])).toBeUndefined();
        await expect.poll(async () => since((await ask()).out), { timeout: 10_000 }).toEqual(before);
        // The old one has ended, and its socket file is the new one's.
        expect((await podns(['status', '--admin', admin], { folder })).code).toBe(0);
        expect(await own.end()).toEqual([
          { code: 0, signal: null },
          { code: 0, signal: null },
        ]);
      } finally {
        own.kill();
      }
    }
    expect(existsSync(join(folder, 'admin.sock'))).toBe(false);
  });

  it('are the records, which are not stale for a moment, though the control plane is gone', async () => {
    const source = await startSource();
    const set = changed(flags, { '--zones': '--watch', '.': source.url });
    await servers.start(set);
    expect(await answer()).toBe('fdfd::9\n');
    await source.close();
    const asked = async (): Promise<string> =>
      (await podns(['query', 'db', '--server', `127.0.0.1:${port}`])).out;
    expect(await asked()).not.toMatch(/stale/i);
    expect(await servers.takeover([...set, '--stale-after', '1h'])).toBeUndefined();
    expect(await answer()).toBe('fdfd::9\n');
    expect(await asked()).not.toMatch(/stale/i);
  });
});

describe.skipIf(system === undefined)('podns upgrade', { timeout: 60_000 }, () => {
  it('tells what came of it, and leaves the new process running', async () => {
    await servers.start(flags);
    const { out, code } = await command(['upgrade', ...flags]);
    expect(code).toBe(0);
    const pid = Number(/^process (\d+) has taken over$/m.exec(out)![1]);
    expect(pid).not.toBe(servers.serving.pid);
    expect(await answer()).toBe('fdfd::7\n');
    const failed = await command([
      ...['upgrade', ...flags, '--zones', 'nowhere', '--takeover-patience', '500ms'],
    ]);
    expect(failed.code).toBe(1);
    expect(failed.out).toContain('delivered nothing in 0.5 s: zones:nowhere');
    expect(await answer()).toBe('fdfd::7\n');
    process.kill(pid, 'SIGTERM');
    await expect.poll(() => existsSync(join(folder, 'state/takeover.sock')), { timeout: 10_000 }).toBe(false);
  });
});

function changed(words: string[], by: Record<string, string>): string[] {
  return words.map((word) => by[word] ?? word);
}

/** Runs a command whose children may go on writing where it did. */
async function command(args: string[]): Promise<{ out: string; code: number | null }> {
  const log = join(folder, `out-${randomUUID()}`);
  const fd = openSync(log, 'w');
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: folder,
    env: { PATH: process.env['PATH'] },
    stdio: ['ignore', fd, fd],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  closeSync(fd);
  return { out: readFileSync(log, 'utf8'), code };
}

/** A control plane with one pod. */
async function startSource(): Promise<{ url: string; close(): Promise<void> }> {
  const pod = { kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'db', aid: 'p1', ip6: 'fdfd::9' };
  const whole = { names: [], overlays: [], ports: [], ready: true, ...pod };
  const lines = [
    { type: 'snapshot', revision: '1' },
    { type: 'put', revision: '1', object: whole },
    { type: 'synced', revision: '1' },
  ];
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    for (const line of lines) response.write(`${JSON.stringify(line)}\n`);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: own } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${own}/v1/watch`,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** `T` while a process is stopped. */
function stateOf(pid: string): string {
  return /\) (\w)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8'))![1]!;
}
