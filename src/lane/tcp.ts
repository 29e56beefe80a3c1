/** The TCP lane on node:net (RFC 7766, RFC 9210): connections within limits, and turns that never starve UDP. */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Listener, Peer } from '../answer/peer.ts';
import { handleOf } from './handle.ts';
import type { Answering, Lane } from './lane.ts';
import { writeAddress } from './peer-address.ts';
import { Connection } from './tcp-connection.ts';
import type { ConnectionHost } from './tcp-host.ts';
import { TCP_LIMITS } from './tcp-limits.ts';
import type { TcpCounters, TcpLimits } from './tcp-limits.ts';

export interface TcpOptions {
  limits?: Partial<TcpLimits>;
  /** A listening socket to adopt instead of binding; the lane owns it from `open` on, and closes it. */
  fd?: number;
  /** Milliseconds, monotonic. */
  now?: () => number;
  /** Milliseconds between two looks at the limits of time while there are connections; 0: only `sweep()`. */
  sweepMs?: number;
}

/** Units of work (a short message is one) between two polls of the event loop, where UDP has its turn. */
const TURN_UNITS = 128;
/** … and of one connection before the next one has its turn. */
const SLICE_UNITS = 64;
/** What Node reads ahead of a paused connection, beyond one chunk. */
const READ_AHEAD = 16 * 1024;
const CLOSE_GRACE_MS = 5000;

export class TcpLane implements Lane {
  readonly listener: Listener;
  readonly counters: TcpCounters = {
    received: 0,
    answered: 0,
    dropped: 0,
    deferred: 0,
    errors: 0,
    connections: 0,
    accepted: 0,
    refused: 0,
    evicted: 0,
    idled: 0,
    cut: 0,
  };
  readonly #host: ConnectionHost<Connection>;
  readonly #limits: TcpLimits;
  readonly #now: () => number;
  readonly #options: TcpOptions;
  readonly #clients = new Map<string, Set<Connection>>();
  /** Connections with work at hand, in the order in which they are served. */
  #queue: Connection[] = [];
  #units = TURN_UNITS;
  #turn: NodeJS.Immediate | undefined;
  #stamp = 0;
  #server: Server | undefined;
  #opening: Promise<number> | undefined;
  #closed: Promise<void> | undefined;
  #sweepTimer: NodeJS.Timeout | undefined;

  constructor(listener: Listener, answering: Answering, options: TcpOptions = {}) {
    this.listener = listener;
    this.#options = options;
    this.#limits = { ...TCP_LIMITS, ...options.limits };
    this.#now = options.now ?? (() => performance.now());
    this.#host = {
      answering,
      counters: this.counters,
      limits: this.#limits,
      scratch: Buffer.allocUnsafeSlow(65_535),
      turn: Buffer.allocUnsafeSlow(128 * 1024),
      outputTotal: 0,
      now: this.#now,
      offer: (connection) => this.#offer(connection),
      enqueue: (connection) => this.#enqueue(connection),
      closed: (connection) => this.#forget(connection),
    };
  }

  open(): Promise<number> {
    if (this.#opening !== undefined || this.#closed !== undefined) {
      return Promise.reject(new Error(`the lane of ${this.listener.text} was opened before`));
    }
    this.#opening = this.#open();
    return this.#opening;
  }

  /** Every connection gets what it has asked for and then our FIN; what is left after `graceMs` is cut. */
  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  /** Octets of answers that clients have not read, of all connections. */
  get outputTotal(): number {
    return this.#host.outputTotal;
  }

  /** The listening socket, to be handed to a successor; -1 when there is none. */
  get descriptor(): number {
    return (this.#server === undefined ? undefined : handleOf(this.#server)?.fd) ?? -1;
  }

  /** Closes the connections whose time is over. */
  sweep(): void {
    const now = this.#now();
    for (const connections of this.#clients.values()) {
      for (const connection of connections) connection.check(now);
    }
  }

  #open(): Promise<number> {
    const server = createServer({ allowHalfOpen: true, noDelay: true, highWaterMark: READ_AHEAD });
    server.on('connection', (socket) => this.#accept(socket));
    this.#server = server;
    const { address, port } = this.listener;
    const { fd } = this.#options;
    return new Promise((resolve, reject) => {
      const fail = (error: Error): void => {
        this.#server = undefined;
        reject(error);
      };
      server.once('error', fail);
      server.once('listening', () => {
        server.off('error', fail);
        // A connection that could not be accepted (EMFILE) is not the end of the others.
        server.on('error', () => this.counters.refused++);
        resolve((server.address() as AddressInfo).port);
      });
      if (fd !== undefined) server.listen({ fd, exclusive: true });
      else server.listen({ host: address, port, ipv6Only: address.includes(':'), exclusive: true });
    });
  }

  #accept(socket: Socket): void {
    this.counters.accepted++;
    const client = socket.remoteAddress;
    const address = new Uint8Array(16);
    const local = new Uint8Array(16);
    if (
      client === undefined ||
      this.#closed !== undefined ||
      !writeAddress(client, address) ||
      !writeAddress(socket.localAddress ?? '', local) ||
      !this.#makeRoom(client)
    ) {
      this.counters.refused++;
      socket.on('error', () => {});
      socket.destroy();
      return;
    }
    const peer: Peer = { address, port: socket.remotePort ?? 0, local, listener: this.listener, tcp: true };
    const connection = new Connection(this.#host, socket, peer, client);
    connection.stamp = ++this.#stamp;
    const siblings = this.#clients.get(client);
    if (siblings === undefined) this.#clients.set(client, new Set([connection]));
    else siblings.add(connection);
    this.counters.connections++;
    this.#startSweeping();
  }

  #makeRoom(client: string): boolean {
    const siblings = this.#clients.get(client);
    if (siblings !== undefined && siblings.size >= this.#limits.maxPerClient) return this.#evict([siblings]);
    return this.counters.connections < this.#limits.maxConnections || this.#evict(this.#clients.values());
  }

  /** Closes the connection that has been quiet for longest and is owed nothing. */
  #evict(among: Iterable<Set<Connection>>): boolean {
    let oldest: Connection | undefined;
    for (const connections of among) {
      for (const connection of connections) {
        if (!connection.evictable || (oldest !== undefined && connection.stamp > oldest.stamp)) continue;
        oldest = connection;
      }
    }
    if (oldest === undefined) return false;
    this.counters.evicted++;
    oldest.destroy();
    return true;
  }

  #forget(connection: Connection): void {
    const siblings = this.#clients.get(connection.client);
    if (siblings === undefined || !siblings.delete(connection)) return;
    if (siblings.size === 0) this.#clients.delete(connection.client);
    this.counters.connections--;
    if (this.counters.connections === 0) {
      clearInterval(this.#sweepTimer);
      this.#sweepTimer = undefined;
    }
  }

  #startSweeping(): void {
    const every = this.#options.sweepMs ?? 500;
    if (this.#sweepTimer !== undefined || every <= 0) return;
    this.#sweepTimer = setInterval(() => this.sweep(), every);
    this.#sweepTimer.unref();
  }

  #offer(connection: Connection): void {
    connection.stamp = ++this.#stamp;
    if (connection.queued) return;
    if (this.#units <= 0 || this.#queue.length > 0) this.#enqueue(connection);
    else this.#slice(connection);
    // The allowance is filled up between two polls only, so UDP is never behind more than one of them.
    if (this.#units <= 0) this.#turn ??= setImmediate(this.#serve);
  }

  #enqueue(connection: Connection): void {
    if (connection.queued) return;
    connection.queued = true;
    this.#queue.push(connection);
    this.#turn ??= setImmediate(this.#serve);
  }

  #slice(connection: Connection): void {
    const slice = Math.min(this.#units, SLICE_UNITS);
    this.#units -= slice - connection.run(slice);
  }

  readonly #serve = (): void => {
    this.#turn = undefined;
    this.#units = TURN_UNITS;
    const queue = this.#queue;
    this.#queue = [];
    let next = 0;
    while (next < queue.length && this.#units > 0) {
      const connection = queue[next++]!;
      connection.queued = false;
      // Puts itself at the end of the new queue when there is more.
      this.#slice(connection);
    }
    if (next < queue.length) this.#queue = queue.slice(next).concat(this.#queue);
    if (this.#queue.length > 0) this.#turn ??= setImmediate(this.#serve);
  };

  async #close(graceMs: number): Promise<void> {
    await this.#opening?.catch(() => {});
    const server = this.#server;
    if (server === undefined) return;
    const done = new Promise<void>((resolve) => server.close(() => resolve()));
    const all = [...this.#clients.values()].flatMap((connections) => [...connections]);
    for (const connection of all) connection.finish();
    const timer = setTimeout(() => all.forEach((connection) => connection.destroy()), graceMs);
    await done;
    clearTimeout(timer);
    clearImmediate(this.#turn);
  }
}
