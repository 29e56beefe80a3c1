/** Real etcd processes on loopback, each with ports and a data directory of its own, ended by pid. */

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hasTool, required } from '../harness/tools.ts';
import { parseEtcdKey } from '../../src/source/etcd/keys.ts';
import { keyText } from '../../src/model.ts';

/** Why etcd cannot be used here; undefined where it can, or where a missing tool must fail the test. */
export const etcdMissing: string | undefined =
  hasTool('etcd') || required ? undefined : 'missing etcd: apt-get install etcd-server';

async function freePort(): Promise<number> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export class EtcdMember {
  readonly name: string;
  readonly clientPort: number;
  readonly peerPort: number;
  private readonly directory = mkdtempSync(join(tmpdir(), 'podns-etcd-'));
  private process: ChildProcess | undefined;
  private log = '';

  constructor(name: string, clientPort: number, peerPort: number) {
    this.name = name;
    this.clientPort = clientPort;
    this.peerPort = peerPort;
  }

  /** Where it listens, and the command that starts it there, such as `nsenter`. */
  host = '127.0.0.1';
  via: string[] = [];

  get url(): string {
    return `http://${this.host}:${this.clientPort}`;
  }

  get peer(): string {
    return `${this.name}=http://${this.host}:${this.peerPort}`;
  }

  /** Further arguments for the next start. */
  extra: string[] = [];

  /** Resolves when the member answers reads, which it does only with a quorum. */
  async start(cluster: EtcdMember[] = [this], wait = true): Promise<void> {
    const peerUrl = `http://${this.host}:${this.peerPort}`;
    const [command, ...before] = [...this.via, 'etcd'];
    this.process = spawn(
      command!,
      [
        before,
        ['--name', this.name, '--data-dir', join(this.directory, 'data')],
        ['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
        ['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ['--initial-cluster', cluster.map((member) => member.peer).join(',')],
        // The disk of a test machine is slow, and what a power cut would lose is of no interest.
        ['--unsafe-no-fsync', '--heartbeat-interval', '50', '--election-timeout', '500'],
        this.extra,
      ].flat(),
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    this.process.stderr!.on(
      'data',
      (chunk: Buffer) => (this.log = (this.log + chunk.toString()).slice(-4000)),
    );
    if (wait) await this.ready();
  }

  async ready(): Promise<void> {
    for (let i = 0; i < 300; i++) {
      if (this.process?.exitCode !== null) throw new Error(`etcd ended:\n${this.log}`);
      try {
        await this.call('/v3/kv/range', { key: 'AA==' });
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    throw new Error(`etcd did not become ready:\n${this.log}`);
  }

  signal(name: NodeJS.Signals): void {
    this.process?.kill(name);
  }

  async kill(): Promise<void> {
    const child = this.process;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  wipe(): void {
    rmSync(join(this.directory, 'data'), { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }

  async call<Answer = { header: { revision: string } }>(
    path: string,
    body: object,
    token?: string,
  ): Promise<Answer> {
    const headers = token === undefined ? undefined : { authorization: token };
    const signal = AbortSignal.timeout(5000);
    const response = await fetch(this.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers,
      signal,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${path}: ${text}`);
    return JSON.parse(text) as Answer;
  }

  /** Operations of one revision: a key with a value, or without one to delete it. */
  async change(changes: Record<string, object | string | undefined>, token?: string): Promise<string> {
    const success = Object.entries(changes).map(([key, value]) =>
      value === undefined
        ? { request_delete_range: { key: base64(key) } }
        : {
            request_put: {
              key: base64(key),
              value: base64(typeof value === 'string' ? value : JSON.stringify(value)),
            },
          },
    );
    return (await this.call('/v3/kv/txn', { success }, token)).header.revision;
  }

  compact(revision: string): Promise<unknown> {
    return this.call('/v3/kv/compaction', { revision, physical: true });
  }

  /** What is there, read by other code than the one under test: key text → value. */
  async content(prefix = '/podns/', token?: string): Promise<Map<string, string>> {
    interface Range {
      kvs?: { key: string; value: string }[];
    }
    const range_end = base64(prefix.slice(0, -1) + '0');
    const answer = await this.call<Range>('/v3/kv/range', { key: base64(prefix), range_end }, token);
    return new Map(
      (answer.kvs ?? []).map(({ key, value }) => {
        const parsed = parseEtcdKey(prefix, Buffer.from(key, 'base64').toString());
        if (typeof parsed === 'string') throw new Error(parsed);
        return [keyText(parsed), Buffer.from(value, 'base64').toString()];
      }),
    );
  }
}

export async function newMember(name = 'one'): Promise<EtcdMember> {
  return new EtcdMember(name, await freePort(), await freePort());
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

/** A small pod whose address shows its version. */
export function podValue(version: number): object {
  return { ip6: `fd00::${((version >> 16) + 1).toString(16)}:${(version & 0xffff).toString(16)}` };
}
