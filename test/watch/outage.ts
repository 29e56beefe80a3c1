/** What every outage is judged by: queries all the while, and in the end the content of etcd, read by other code. */
import net from 'node:net';
import { expect } from 'vitest';
import { etcdSources } from '../../src/source/etcd/etcd.ts';
import type { ServerOptions } from '../../src/index.ts';
import { encodeQuery } from '../harness/build.ts';
import type { EtcdMember } from '../source/etcd-harness.ts';
import { answerText, eventually, Node, RESERVE } from './nodes.ts';

const PODS = ['left', 'right'] as const;

/** A value for both pods of one version: their addresses tell it. */
export function pair(version: number): Record<string, object> {
  const tail = `${(version >>> 16).toString(16)}:${(version & 0xffff).toString(16)}`;
  return {
    '/podns/v/pod/n/left': { ip6: `fd00::a:${tail}` },
    '/podns/v/pod/n/right': { ip6: `fd00::b:${tail}` },
  };
}

/** Writes the next version wherever somebody takes it, again and again, until `stop`. */
export class PairWriter {
  /** The last one that was taken, and the last that was tried: it may have been taken, too. */
  taken = 0;
  tried = 0;
  private running = true;
  private readonly done: Promise<void>;

  constructor(members: EtcdMember[], pause = 5) {
    this.done = this.write(members, pause);
  }

  async stop(): Promise<void> {
    this.running = false;
    await this.done;
  }

  private async write(members: EtcdMember[], pause: number): Promise<void> {
    for (let n = 0; this.running;) {
      const version = this.tried + 1;
      this.tried = version;
      try {
        await members[n % members.length]!.change(pair(version));
        this.taken = version;
      } catch {
        n++;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Asks for both pods all the time: always of one version, never an older one than before, never one that was not. */
export class Witness {
  version = 0;
  asked = 0;
  /** Every kind of answer besides the usual: `NOERROR 3`, `SERVFAIL 14`. */
  readonly others = new Set<string>();
  faults: string[] = [];
  private running = true;
  private readonly done: Promise<void>;

  constructor(node: Node, writer: { tried: number }) {
    this.done = this.watch(node, writer);
  }

  async end(): Promise<void> {
    this.running = false;
    await this.done;
  }

  async stop(): Promise<void> {
    await this.end();
    expect(this.faults).toEqual([]);
    expect(this.asked).toBeGreaterThan(100);
  }

  private async watch(node: Node, writer: { tried: number }): Promise<void> {
    const queries = PODS.map((name) => encodeQuery({ name, type: 'AAAA', edns: {} }));
    while (this.running) {
      // Both in one turn: no change can come between.
      const answers = queries.map(async (query) =>
        node.server.answer(query, { address: '::1', scope: 'v/n' }),
      );
      const texts = (await Promise.all(answers)).map((octets) => answerText(octets!));
      this.judge(texts, writer.tried);
      await new Promise(setImmediate);
    }
  }

  private judge(texts: string[], most: number): void {
    this.asked++;
    const said = texts.map((text) => /^NOERROR fd00::([ab]):(?:([0-9a-f]+):)?([0-9a-f]+)( \d+)?$/.exec(text));
    const [left, right] = said.map((match) =>
      match === null ? undefined : parseInt(match[2] ?? '0', 16) * 65536 + parseInt(match[3]!, 16),
    );
    for (const [i, match] of said.entries()) {
      if (match === null) this.others.add(texts[i]!);
      else if (match[4] !== undefined) this.others.add(`NOERROR${match[4]}`);
    }
    if (left === undefined && right === undefined) return;
    if (left !== right || left! < this.version || left! > most) {
      this.faults.push(`${texts.join(' beside ')}, after version ${this.version}, of ${most}`);
    }
    this.version = left ?? this.version;
  }
}

/** Between a server and a member: passes on, or holds what comes with the connections open, or refuses. */
export class Proxy {
  mode: 'pass' | 'hold' | 'refuse' = 'pass';
  private readonly sockets = new Set<net.Socket>();
  private readonly server: net.Server;

  constructor({ host, clientPort: port }: EtcdMember) {
    this.server = net.createServer((near) => {
      this.sockets.add(near);
      near.on('error', () => undefined);
      if (this.mode === 'refuse') return near.destroy();
      const far = net.connect({ host, port });
      this.sockets.add(far);
      far.on('error', () => near.destroy());
      far.on('close', () => near.destroy());
      near.on('close', () => far.destroy());
      near.on('data', (chunk) => this.mode === 'pass' && far.write(chunk));
      return far.on('data', (chunk) => this.mode === 'pass' && near.write(chunk));
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.server.address() as net.AddressInfo).port}`;
  }

  /** Breaks all connections; what was held is lost, as packets are. */
  cut(): void {
    for (const socket of this.sockets) socket.destroy();
    this.sockets.clear();
  }

  close(): void {
    this.server.close();
    this.cut();
  }
}

/** A server that watches these endpoints; `lost`: the reasons for which its source was ever lost. */
export async function watching(
  endpoints: string[],
  options: Pick<ServerOptions, 'wallClock' | 'reserve'> = {},
): Promise<{ node: Node; lost: string[] }> {
  const lost: string[] = [];
  const node = new Node({
    reserve: RESERVE,
    ...options,
    config: { staleAfter: 30_000 },
    sources: etcdSources({ endpoints, probeAfter: 200, connectTimeout: 500 }),
    logger: {
      info: () => undefined,
      warn: (details) => {
        const { state, reason } = details as { state?: string; reason?: string };
        if (state === 'lost') lost.push(reason ?? '');
      },
      error: () => undefined,
    },
  });
  await node.start();
  return { node, lost };
}

/** Waits until the server has what etcd has; then compares every pod with etcd's own words. */
export async function expectContent(etcd: EtcdMember, node: Node): Promise<void> {
  const there = await etcd.content();
  const wanted = [...there]
    .filter(([key]) => key.startsWith('pod '))
    .map(([key, value]) => `${key} ${(JSON.parse(value) as { ip6: string }).ip6}`);
  const held = (): string[] =>
    [...node.server.list('pod')].map((each) =>
      each.kind === 'pod' ? `pod ${each.vpc}/${each.namespace}/${each.name} ${each.ip6}` : '',
    );
  const all = wanted.sort().join();
  await eventually(
    () => node.server.readiness().reasons.length === 0 && held().sort().join() === all,
    (same) => same,
  ).catch(() => undefined);
  expect(held().sort()).toEqual(wanted);
  expect(node.server.readiness().reasons).toEqual([]);
}
