/** Opens the transports of each listener: UDP by batches where the system can, else by node:dgram; and TCP beside it. */
import type { WorkerData } from '../answer/worker.ts';
import type { Listener } from '../answer/peer.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { VpcCounts } from '../answer/vpc-counts.ts';
import { bindFreely } from '../transport/freebind.ts';
import type { Answering, Transport } from '../transport/transport.ts';
import { formatListen, parseListen } from '../transport/listen.ts';
import type { Listen } from '../transport/listen.ts';
import { TcpTransport } from '../transport/tcp/tcp.ts';
import { TcpPool } from '../transport/tcp/pool.ts';
import { BatchTransport, batchUnavailableReason } from '../transport/udp-batch/udp-batch.ts';
import { Crew } from '../transport/udp-batch/crew.ts';
import { DgramTransport } from '../transport/udp-dgram/udp-dgram.ts';
import type { SharedCache } from '../shared-cache/shared-cache.ts';
import type { TrieMemory } from '../trie/memory.ts';
import { Readers } from '../trie/readers.ts';
import type { Logger } from './logger.ts';

export interface TransportOptions {
  memory: TrieMemory;
  /** Answers of upstreams, for the workers. */
  sharedCache: SharedCache;
  settings: AnswerSettings;
  answering: Answering;
  /** Threads for UDP in all, 0 for none. */
  workers: number;
  /** Milliseconds and numbers of TCP connections. */
  tcp: { idleMs: number; connections: number; client: number };
  logger: Pick<Logger, 'info' | 'warn'>;
  /** Where a worker counts the queries of VPCs. */
  vpcCounts?: () => { counts: VpcCounts; giveBack: () => void };
}

type UdpKind = 'batch' | 'dgram';

export interface OpenListener {
  listener: Listener;
  /** As bound; a port of 0 replaced. */
  port: number;
  udp: Transport;
  tcp: Transport;
  udpKind: UdpKind;
  /** Answers what was asked here, within `graceMs`, and closes the sockets; others do not notice. */
  close(graceMs?: number): Promise<void>;
}

/** A port of 0 is free for UDP before it is tried for TCP; another is taken when it is not. */
const PORT_ATTEMPTS = 5;
/** The module that workers load is compiled code also when this file is not. */
const WORKER_MODULE = new URL(
  import.meta.url.endsWith('.ts') ? '../../dist/answer/worker.js' : '../answer/worker.js',
  import.meta.url,
).href;

export class Transports {
  readonly listeners: OpenListener[] = [];
  private readonly options: TransportOptions;
  private readonly readers: Readers;
  private readonly pool: TcpPool;
  private crew: Crew | undefined;
  /** Numbers of listeners that were closed. */
  private readonly freeIds: number[] = [];
  private nextId = 0;
  private warned = false;

  constructor(options: TransportOptions) {
    const { memory, tcp } = options;
    this.options = options;
    this.readers = new Readers(memory);
    const { idleMs, connections, client } = tcp;
    this.pool = new TcpPool({ limits: { idleMs, maxConnections: connections, maxPerClient: client } });
  }

  /** A listener that no socket belongs to, for answers without one. */
  virtual(listen: Pick<Listen, 'address' | 'port' | 'vpc' | 'namespace'>): Listener {
    return { id: this.freeIds.pop() ?? this.nextId++, text: formatListen(listen), ...listen };
  }

  /**
   * Binds both sockets. Rejects with a BindError and leaves nothing open then. What is asked from now on waits until
   * the threads have started.
   */
  async open(listen: string | Listen): Promise<OpenListener> {
    const asked = typeof listen === 'string' ? parseListen(listen) : listen;
    for (let attempt = 1; ; attempt++) {
      const listener = this.virtual(asked);
      try {
        return await this.bind(listener);
      } catch (error) {
        this.freeIds.push(listener.id);
        const isTcp = error instanceof BindError && error.protocol === 'tcp';
        if (asked.port !== 0 || !isTcp || attempt === PORT_ATTEMPTS) throw error;
      }
    }
  }

  /** As `open`, and resolves when it is served. */
  async listen(listen: string | Listen): Promise<OpenListener> {
    const open = await this.open(listen);
    try {
      await this.ready();
    } catch (error) {
      await open.close(0);
      throw error;
    }
    return open;
  }

  /** Resolves when there are threads behind all sockets that are bound; rejects when one could not start. */
  async ready(): Promise<void> {
    await this.crew?.ready();
  }

  /** Lets the answers that are under way leave, for at most `graceMs`. */
  async close(graceMs?: number): Promise<void> {
    await Promise.all([...this.listeners].map((open) => open.close(graceMs)));
    await this.crew?.close();
    this.crew = undefined;
  }

  private async bind(listener: Listener): Promise<OpenListener> {
    const udpKind = this.udpKind();
    const { transport: udp, port } = await openTransport('udp', listener, (fd) =>
      this.udpTransport(udpKind, listener, fd),
    );
    // Both transports share the listener, so that explanations name the port that was really bound.
    listener.port = port;
    listener.text = formatListen(listener);
    let tcp: Transport;
    try {
      const opened = await openTransport('tcp', listener, (fd) => this.tcpTransport(listener, fd));
      tcp = opened.transport;
      if (opened.isEarly)
        this.options.logger.warn(
          {},
          `${listener.text} is bound, but answers only once an interface has its address`,
        );
    } catch (error) {
      await udp.close(0);
      throw error;
    }
    let closed: Promise<void> | undefined;
    const close = (graceMs?: number): Promise<void> => (closed ??= this.shut(open, graceMs));
    const open: OpenListener = { listener, port, udp, tcp, udpKind, close };
    this.listeners.push(open);
    this.options.logger.info({ listener: listener.text, udp: udpKind }, `listening on ${listener.text}`);
    return open;
  }

  private async shut(open: OpenListener, graceMs: number | undefined): Promise<void> {
    this.listeners.splice(this.listeners.indexOf(open), 1);
    await Promise.all([open.udp.close(graceMs), open.tcp.close(graceMs)]);
    this.freeIds.push(open.listener.id);
  }

  private udpKind(): UdpKind {
    const unavailableReason = this.options.workers === 0 ? '' : batchUnavailableReason();
    if (unavailableReason === undefined) return 'batch';
    if (unavailableReason !== '' && !this.warned) {
      this.warned = true;
      this.options.logger.warn(
        {},
        `UDP is answered by node:dgram, several times dearer: ${unavailableReason}`,
      );
    }
    return 'dgram';
  }

  /** The batch transport binds an address that comes later by itself, and is given no `fd`. */
  private udpTransport(kind: UdpKind, listener: Listener, fd: number | undefined): Transport {
    if (kind === 'batch') return new BatchTransport(listener, (this.crew ??= this.hire()));
    return new DgramTransport(listener, this.options.answering, fd === undefined ? {} : { fd });
  }

  private hire(): Crew {
    const { answering, memory, settings, sharedCache, workers, logger, vpcCounts } = this.options;
    return new Crew(answering, {
      workers,
      module: WORKER_MODULE,
      attach: () => {
        const reader = this.readers.take();
        const lent = vpcCounts?.();
        const data: WorkerData = { memory, sharedCache: sharedCache.memory, reader, settings };
        if (lent !== undefined) data.vpcCounts = lent.counts.memory;
        const detach = (): void => {
          lent?.giveBack();
          sharedCache.readerEnded(reader);
          this.readers.release(reader);
        };
        return { data, detach };
      },
      onProblem: (text) => logger.warn({}, text),
    });
  }

  private tcpTransport(listener: Listener, fd: number | undefined): Transport {
    const { pool } = this;
    return new TcpTransport(listener, this.options.answering, fd === undefined ? { pool } : { pool, fd });
  }
}

/** A socket could not be bound. `code` is the system's, `cause` its error. */
export class BindError extends Error {
  override readonly name = 'BindError';
  readonly code: string;
  readonly protocol: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;

  constructor(protocol: 'udp' | 'tcp', { address, port }: Listener, cause: unknown) {
    const { message, code = '' } = cause as NodeJS.ErrnoException;
    super(`${protocol === 'udp' ? 'UDP' : 'TCP'}: ${message}`, { cause });
    this.code = code;
    this.protocol = protocol;
    this.address = address;
    this.port = port;
  }
}

/** Opens what `make` makes; on a socket that is bound early where no interface has the address yet. */
async function openTransport(
  protocol: 'udp' | 'tcp',
  listener: Listener,
  make: (fd: number | undefined) => Transport,
): Promise<{ transport: Transport; port: number; isEarly: boolean }> {
  try {
    const transport = make(undefined);
    try {
      return { transport, port: await transport.open(), isEarly: false };
    } catch (error) {
      const fd = bindFreely(error, listener.address, listener.port, protocol);
      if (fd === undefined) throw error;
      const early = make(fd);
      return { transport: early, port: await early.open(), isEarly: true };
    }
  } catch (error) {
    throw new BindError(protocol, listener, error);
  }
}
