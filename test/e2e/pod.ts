/** A pod as its resolvers see it: the built server behind a tap as the only nameserver, and files of /etc of its own. */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { UdpClients } from '../harness/client.ts';
import { Tap } from './tap.ts';

const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');
const PORT = 5353;

export class Pod {
  readonly folder = mkdtempSync(join(tmpdir(), 'podns-e2e-'));
  readonly tap = new Tap('::1', PORT);
  private server: ChildProcess | undefined;
  private log = '';

  /** Serves this zone to namespace `nextcloud` of VPC `aep`. The zone has a pod `db` there. */
  async start(zone: object, flags: string[] = []): Promise<void> {
    const { folder } = this;
    mkdirSync(join(folder, 'zones'));
    // JSON is YAML.
    writeFileSync(join(folder, 'zones', 'aep.yaml'), JSON.stringify(zone));
    writeFileSync(
      join(folder, 'resolv.conf'),
      'nameserver ::1\nsearch nextcloud.vpc.internal\noptions ndots:1 timeout:5 attempts:2\n',
    );
    writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
    writeFileSync(join(folder, 'hosts'), '127.0.0.1 localhost\n::1 localhost\n');
    expect(existsSync(MAIN), `${MAIN} is not built`).toBe(true);
    const listen = ['--listen', `[::1]:${PORT}@aep/nextcloud`];
    this.server = spawn(
      process.execPath,
      [MAIN, 'serve', '--zones', join(folder, 'zones'), '--admin', 'off', ...listen, ...flags],
      { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    for (const stream of [this.server.stdout!, this.server.stderr!])
      stream.on('data', (data) => (this.log += String(data)));
    await this.ready(this.server);
    await this.tap.open();
  }

  async stop(): Promise<void> {
    const { server } = this;
    if (server !== undefined) {
      await this.tap.close();
      const ended = new Promise((resolve) => server.once('exit', resolve));
      if (server.exitCode === null) {
        server.kill('SIGTERM');
        await ended;
      }
    }
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Asks until there is an answer: the socket is bound a little after the process starts. */
  private async ready(child: ChildProcess): Promise<void> {
    const query = encodeQuery({ name: 'db', type: 'AAAA' });
    for (let attempt = 0; attempt < 200; attempt++) {
      if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}:\n${this.log}`);
      const clients = new UdpClients();
      const answer = clients.ask(query, '::1', '::1', PORT, false).catch(() => undefined);
      const pause = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), 100));
      const first = await Promise.race([answer, pause]);
      await clients.close();
      if (first !== undefined && (first[3]! & 15) === 0) return;
    }
    throw new Error(`serve does not answer:\n${this.log}`);
  }

  /** Runs a command with our files in place of those of /etc; a hang is an error, not a measure. */
  run(command: string[]): Promise<string[]> {
    const { folder } = this;
    const binds = ['resolv.conf', 'nsswitch.conf', 'hosts'].map(
      (file) => `mount --bind ${join(folder, file)} /etc/${file}`,
    );
    const script = [...binds, 'exec "$@"'].join(' && ');
    return new Promise((resolve, reject) => {
      const options = { timeout: 60_000, cwd: folder };
      execFile('unshare', ['-m', 'sh', '-c', script, 'sh', ...command], options, (error, stdout, stderr) => {
        if (error !== null && error.killed === true)
          reject(new Error(`${command.join(' ')} hung: ${stdout}${stderr}`));
        else resolve((stdout + stderr).split('\n').filter((line) => line !== ''));
      });
    });
  }

  /** What a command says, and what it asked for that. */
  async ask(command: string[]): Promise<{ found: string[]; lines: string[]; asked: string[] }> {
    this.tap.asked.length = 0;
    const lines = await this.run(command);
    return { found: addresses(lines), lines, asked: [...this.tap.asked] };
  }
}

/** Addresses of the lines, each once, sorted. */
function addresses(lines: string[]): string[] {
  const found = lines.flatMap(
    (line) => /(?:^|\s|: )((?:[0-9a-f]*:){2,}[0-9a-f.:]*|(?:\d+\.){3}\d+)(?:\s|$)/.exec(line)?.[1] ?? [],
  );
  return [...new Set(found)].sort();
}
