/**
 * Opens the transports of each listener: the batch transport for UDP if the system allows it, else node:dgram; and TCP.
 */
import { threadModule } from '../locations.ts';
import type { WorkerData } from '../answer/worker.ts';
import type { Listener } from '../answer/peer.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import { bindFreely } from '../transport/udp-batch/socket.ts';
import type { VpcCounts } from '../answer/vpc-counts.ts';
import { boundAddress, type BoundSockets } from '../transport/inherited.ts';
import { wildcardFamily } from '../transport/interfaces.ts';
import { loadSystem } from '../transport/syscalls.ts';
import type { Answering, Transport } from '../transport/transport.ts';
import { formatListen, parseListen } from '../transport/listen.ts';
import type { Listen } from '../transport/listen.ts';
import { TcpTransport } from '../transport/tcp/tcp.ts';
import { TcpPool } from '../transport/tcp/pool.ts';
import { BatchTransport, batchUnavailableReason } from '../transport/udp-batch/udp-batch.ts';
import { Crew } from '../transport/udp-batch/crew.ts';
import { DgramTransport } from '../transport/udp-dgram/udp-dgram.ts';
import type { DgramOptions } from '../transport/udp-dgram/sockets.ts';
import type { SharedCache } from '../shared-cache/shared-cache.ts';
import type { TrieMemory } from '../trie/memory.ts';
import { Readers } from '../trie/memory.ts';
import type { Logger } from './logger.ts';
import type { Recorder } from './recorder.ts';

export interface TransportOptions {
  memory: TrieMemory;
  /** The shared cache, which workers read. */
  sharedCache: SharedCache;
  settings: AnswerSettings;
  /** The memory that a thread records into, from its start to its end; undefined where nothing is recorded. */
  recorder: Pick<Recorder, 'take' | 'release'> | undefined;
  answering: Answering;
  /** Worker threads for UDP, for all listeners together; 0 for none. */
  workers: number;
  /** The idle time in milliseconds, and the maximum of TCP connections in all and per client. */
  tcp: { idleMs: number; connections: number; client: number };
  logger: Pick<Logger, 'info' | 'warn'>;
  /** Sockets that are bound already, for the listeners whose address they have. */
  inherited?: BoundSockets | undefined;
  /** Where a worker counts the queries of VPCs. */
  vpcCounts?: () => { counts: VpcCounts; giveBack: () => void };
}

type UdpKind = 'batch' | 'dgram';
type UdpTransport = Transport & {
  /** The bound sockets, which stay the transport's. */
  descriptors(): readonly number[] | ReadonlyMap<string, number>;
  /** Reads no socket any more, and leaves them bound. */
  quiet(): void | Promise<void>;
  resume(): void;
};

/** A socket of a listener, for a successor: one of several for UDP. */
export interface ListenerSocket {
  protocol: 'udp' | 'tcp';
  /** Of the listener; a socket of a wildcard listener may have one of its addresses. */
  address: string;
  port: number;
  fd: number;
}

export interface OpenListener {
  listener: Listener;
  /** The bound port; a port of 0 is replaced by the real one. */
  port: number;
  udp: UdpTransport;
  tcp: TcpTransport;
  udpKind: UdpKind;
  /**
   * Answers the queries of this listener within `graceMs`, and closes its sockets; other listeners are not affected.
   */
  close(graceMs?: number): Promise<void>;
}

/** With port 0 the system picks a free UDP port; if it is taken for TCP, podns tries another one, this many times. */
const PORT_ATTEMPTS = 5;

export class Transports {
  readonly listeners: OpenListener[] = [];
  private readonly options: TransportOptions;
  private readonly readers: Readers;
  private readonly pool: TcpPool;
  private crew: Crew | undefined;
  /** Numbers of closed listeners, for reuse. */
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

  /** A listener without a socket, for `answer`. */
  virtual(listen: Pick<Listen, 'address' | 'port' | 'vpc' | 'namespace'>): Listener {
    return { id: this.freeIds.pop() ?? this.nextId++, text: formatListen(listen), ...listen };
  }

  /**
   * Binds both sockets. Rejects with a BindError, and then leaves nothing open. Queries that arrive before the threads
   * have started wait for them.
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

  /** Starts the threads before there is a socket, so that they load while the view is read. */
  staff(): void {
    if (this.udpKind() !== 'batch') return;
    try {
      (this.crew ??= this.hire()).start();
    } catch {
      // `open` tries again, and tells the system's error with its listener.
    }
  }

  /** Like `open`, but resolves only when the listener is served. */
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

  /** Resolves when threads serve all bound sockets; rejects if a thread cannot start. */
  async ready(): Promise<void> {
    await this.crew?.ready();
  }

  /** Waits for answers in flight to leave, for at most `graceMs`. */
  async close(graceMs?: number): Promise<void> {
    await Promise.all([...this.listeners].map((open) => open.close(graceMs)));
    await this.crew?.close();
    this.crew = undefined;
  }

  /** Every socket, for a successor; they stay this process's. */
  sockets(): ListenerSocket[] {
    return this.listeners.flatMap(({ listener: { address }, port, udp, tcp }) => [
      ...[...udp.descriptors().values()].map((fd) => ({ protocol: 'udp' as const, address, port, fd })),
      { protocol: 'tcp' as const, address, port, fd: tcp.descriptor },
    ]);
  }

  /** Reads no UDP socket any more, once what was read is answered; TCP is served as before. */
  async quiet(): Promise<void> {
    await Promise.all(this.listeners.map(async ({ udp }) => udp.quiet()));
  }

  /** Reads again after `quiet`. */
  resume(): void {
    for (const { udp } of this.listeners) udp.resume();
  }

  /** After `quiet`: accepts no connection, and serves those that there are for at most so long. */
  async retire(milliseconds: number): Promise<void> {
    await Promise.all(this.listeners.map(({ tcp }) => tcp.retire(milliseconds)));
  }

  private async bind(listener: Listener): Promise<OpenListener> {
    const udpKind = this.udpKind();
    const inherited = (protocol: 'udp' | 'tcp'): number[] =>
      this.options.inherited?.take(protocol, listener.address, listener.port) ?? [];
    const udpFds = inherited('udp');
    const { transport: udp, port } = await openTransport('udp', listener, (fd) =>
      this.udpTransport(udpKind, listener, fd === undefined ? udpFds : [fd]),
    );
    // Both transports share the listener object, so that explanations name the port that is really bound.
    listener.port = port;
    listener.text = formatListen(listener);
    let tcp: TcpTransport;
    try {
      const [tcpFd] = inherited('tcp');
      const opened = await openTransport('tcp', listener, (fd) => this.tcpTransport(listener, fd ?? tcpFd));
      tcp = opened.transport;
      if (opened.isEarly)
        this.options.logger.warn(
          {},
          `${listener.text} is bound, but no interface has its address yet; it answers once one has`,
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
        `node:dgram answers UDP, several times slower than the batch transport: ${unavailableReason}`,
      );
    }
    return 'dgram';
  }

  /** `fds`: sockets that are bound already, inherited or early; the batch transport binds a missing address early itself. */
  private udpTransport(kind: UdpKind, listener: Listener, fds: readonly number[]): UdpTransport {
    if (kind === 'batch') return new BatchTransport(listener, (this.crew ??= this.hire()), { fds });
    return new DgramTransport(listener, this.options.answering, dgramSockets(listener, fds));
  }

  private hire(): Crew {
    const { answering, memory, settings, sharedCache, workers, logger, recorder, vpcCounts } = this.options;
    return new Crew(answering, {
      workers,
      module: threadModule('answers').href,
      attach: () => {
        const reader = this.readers.take();
        const record = recorder?.take();
        const lent = vpcCounts?.();
        const data: WorkerData = { memory, sharedCache: sharedCache.memory, reader, settings };
        if (lent !== undefined) data.vpcCounts = lent.counts.memory;
        if (record !== undefined) data.record = record;
        const detach = (): void => {
          lent?.giveBack();
          sharedCache.readerEnded(reader);
          this.readers.release(reader);
          if (record !== undefined) recorder?.release(record);
        };
        return { data, detach };
      },
      onProblem: (text) => logger.warn({}, text),
    });
  }

  private tcpTransport(listener: Listener, fd: number | undefined): TcpTransport {
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

  constructor(protocol: 'udp' | 'tcp', { address, port }: Pick<Listen, 'address' | 'port'>, cause: unknown) {
    const { message, code = '' } = cause as NodeJS.ErrnoException;
    super(`${protocol === 'udp' ? 'UDP' : 'TCP'}: ${message}`, { cause });
    this.code = code;
    this.protocol = protocol;
    this.address = address;
    this.port = port;
  }
}

/** Opens the transport that `make` creates; if no interface has the address yet, on a socket that is bound early. */
async function openTransport<T extends { open(): Promise<number> }>(
  protocol: 'udp' | 'tcp',
  listener: Listener,
  make: (fd: number | undefined) => T,
): Promise<{ transport: T; port: number; isEarly: boolean }> {
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

/** Of a wildcard listener there may be one socket for each address, and new addresses are followed. */
function dgramSockets(listener: Listener, fds: readonly number[]): DgramOptions {
  const { system } = loadSystem();
  const [fd, ...more] = fds;
  if (fd === undefined) return {};
  if (wildcardFamily(listener.address) === 0 || system === undefined) return { fd, more };
  const own = fds.map((each) => [boundAddress(system, each).address, each] as const);
  if (own.some(([address]) => wildcardFamily(address) !== 0)) return { fd, more };
  return { fds: new Map(own) };
}
