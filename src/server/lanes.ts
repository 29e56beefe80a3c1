/** Opens the lanes of each listener: UDP by batches where the system can, else by node:dgram; and TCP beside it. */
import type { WorkerData } from '../answer/worker.ts';
import type { Listener } from '../answer/peer.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import { bindEarly } from '../lane/early-bind.ts';
import type { Answering, Lane, LaneCounters } from '../lane/lane.ts';
import { formatListen, parseListen } from '../lane/listen.ts';
import type { Listen } from '../lane/listen.ts';
import { TcpLane } from '../lane/tcp.ts';
import { BatchLane, batchLaneHindrance } from '../lane/udp-batch.ts';
import { DgramLane } from '../lane/udp-dgram.ts';
import type { Shelf } from '../shelf/shelf.ts';
import type { TrieMemory } from '../trie/memory.ts';
import { Readers } from '../trie/readers.ts';

export interface LaneOptions {
  memory: TrieMemory;
  /** Answers of upstreams, for the workers. */
  shelf: Shelf;
  settings: AnswerSettings;
  answering: Answering;
  /** Threads for UDP, 0 for none. */
  workers: number;
  /** Milliseconds and numbers of TCP connections. */
  tcp: { idleMs: number; connections: number; client: number };
  warn(text: string): void;
}

type UdpKind = 'batch' | 'dgram';

export interface OpenListener {
  listener: Listener;
  /** As bound; a port of 0 replaced. */
  port: number;
  udp: Lane;
  tcp: Lane;
  udpKind: UdpKind;
}

/** A port of 0 is free for UDP before it is tried for TCP; another is taken when it is not. */
const PORT_ATTEMPTS = 5;
/** The module that workers load is compiled code also when this file is not. */
const WORKER_MODULE = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/answer/worker.js' : '../answer/worker.js',
  import.meta.url,
).href;

export class Lanes {
  readonly listeners: OpenListener[] = [];
  private readonly options: LaneOptions;
  private readonly readers: Readers;
  private nextId = 0;
  private warned = false;

  constructor(options: LaneOptions) {
    this.options = options;
    this.readers = new Readers(options.memory);
  }

  /** A listener that no socket belongs to, for answers without one. */
  virtual(listen: Pick<Listen, 'address' | 'port' | 'vpc' | 'namespace'>): Listener {
    return { id: this.nextId++, text: formatListen(listen), ...listen };
  }

  /** Rejects with the system's error and leaves nothing open then. */
  async open(listen: string | Listen): Promise<OpenListener> {
    const asked = typeof listen === 'string' ? parseListen(listen) : listen;
    for (let attempt = 1; ; attempt++) {
      const listener = this.virtual(asked);
      const kind = this.udpKind();
      const { lane: udp, port } = await openLane('udp', listener, (fd) => this.udpLane(kind, listener, fd));
      // Both lanes share the listener, so that explanations name the port that was really bound.
      listener.port = port;
      listener.text = formatListen(listener);
      let tcp: Lane;
      try {
        const opened = await openLane('tcp', listener, (fd) => this.tcpLane(listener, fd));
        tcp = opened.lane;
        if (opened.isEarly)
          this.options.warn(`${listener.text} is bound, but answers only once an interface has its address`);
      } catch (error) {
        await udp.close(0);
        if (asked.port === 0 && attempt < PORT_ATTEMPTS) continue;
        throw error;
      }
      const open: OpenListener = { listener, port, udp, tcp, udpKind: kind };
      this.listeners.push(open);
      return open;
    }
  }

  async close(graceMs?: number): Promise<void> {
    const open = this.listeners.splice(0);
    await Promise.all(open.flatMap(({ udp, tcp }) => [udp.close(graceMs), tcp.close(graceMs)]));
  }

  /** Sums over all lanes of a transport. */
  counters(transport: 'udp' | 'tcp'): LaneCounters {
    const sum: LaneCounters = { received: 0, answered: 0, dropped: 0, deferred: 0, errors: 0 };
    for (const open of this.listeners) {
      const { counters } = open[transport];
      for (const key of Object.keys(sum) as (keyof LaneCounters)[]) sum[key] += counters[key];
    }
    return sum;
  }

  private udpKind(): UdpKind {
    const hindrance = this.options.workers === 0 ? '' : batchLaneHindrance();
    if (hindrance === undefined) return 'batch';
    if (hindrance !== '' && !this.warned) {
      this.warned = true;
      this.options.warn(`UDP is answered by node:dgram, several times dearer: ${hindrance}`);
    }
    return 'dgram';
  }

  /** The batch lane binds an address that comes later by itself, and is given no `fd`. */
  private udpLane(kind: UdpKind, listener: Listener, fd: number | undefined): Lane {
    const { answering, workers } = this.options;
    if (kind === 'dgram') return new DgramLane(listener, answering, fd === undefined ? {} : { fd });
    return new BatchLane(listener, answering, {
      workers,
      module: WORKER_MODULE,
      attach: () => {
        const reader = this.readers.take();
        const { memory, settings, shelf } = this.options;
        const data: WorkerData = { memory, shelf: shelf.memory, reader, settings };
        const detach = (): void => {
          shelf.readerEnded(reader);
          this.readers.release(reader);
        };
        return { data, detach };
      },
      onProblem: (text) => this.options.warn(text),
    });
  }

  private tcpLane(listener: Listener, fd: number | undefined): Lane {
    const { idleMs, connections, client } = this.options.tcp;
    return new TcpLane(listener, this.options.answering, {
      ...(fd === undefined ? {} : { fd }),
      limits: { idleMs, maxConnections: connections, maxPerClient: client },
    });
  }
}

/** Opens what `make` makes; on a socket that is bound early where no interface has the address yet. */
async function openLane(
  transport: 'udp' | 'tcp',
  listener: Listener,
  make: (fd: number | undefined) => Lane,
): Promise<{ lane: Lane; port: number; isEarly: boolean }> {
  const lane = make(undefined);
  try {
    return { lane, port: await lane.open(), isEarly: false };
  } catch (error) {
    const fd = bindEarly(error, listener.address, listener.port, transport);
    if (fd === undefined) throw error;
    const early = make(fd);
    return { lane: early, port: await early.open(), isEarly: true };
  }
}
