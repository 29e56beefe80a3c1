/** The TCP transport on node:net (RFC 7766, RFC 9210): connections within limits, and passes that never starve UDP. */
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { Listener, Peer } from '../../answer/peer.ts';
import { handleOf } from '../handle.ts';
import type { Answering, Transport } from '../transport.ts';
import { writeAddress } from '../peer-address.ts';
import { Connection } from './connection.ts';
import type { ConnectionHost } from './connection.ts';
import { newTcpCounters } from './limits.ts';
import { TcpPool } from './pool.ts';
import type { TcpMember, TcpPoolOptions } from './pool.ts';

export interface TcpOptions extends TcpPoolOptions {
  /**
   * What this transport shares with others; without it the transport has a pool of its own, made of the other options.
   */
  pool?: TcpPool;
  /** A listening socket to adopt instead of binding; the transport owns it from `open` on, and closes it. */
  fd?: number;
}

/** What Node reads ahead of a paused connection, beyond one chunk. */
const READ_AHEAD = 16 * 1024;
const CLOSE_GRACE_MS = 5000;

export class TcpTransport implements Transport, TcpMember {
  readonly listener: Listener;
  readonly counters = newTcpCounters();
  readonly #host: ConnectionHost;
  readonly #pool: TcpPool;
  readonly #options: TcpOptions;
  readonly #clients = new Map<string, Set<Connection>>();
  #server: Server | undefined;
  #opening: Promise<number> | undefined;
  #closed: Promise<void> | undefined;

  constructor(listener: Listener, answering: Answering, options: TcpOptions = {}) {
    this.listener = listener;
    this.#options = options;
    this.#pool = options.pool ?? new TcpPool(options);
    this.#host = {
      answering,
      counters: this.counters,
      pool: this.#pool,
      closed: (connection) => this.#forget(connection),
    };
  }

  open(): Promise<number> {
    if (this.#opening !== undefined || this.#closed !== undefined) {
      return Promise.reject(new Error(`the transport of ${this.listener.text} was opened before`));
    }
    this.#opening = this.#open();
    return this.#opening;
  }

  /** Every connection gets what it has asked for and then our FIN; what is left after `graceMs` is cut. */
  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  /**
   * Accepts nothing any more and leaves the listening socket to a successor; serves the connections that there are
   * until they end, for at most so many milliseconds. Then as `close`.
   */
  async retire(milliseconds: number): Promise<void> {
    const server = this.#server;
    if (server !== undefined && this.#closed === undefined) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        timer = setTimeout(resolve, milliseconds);
      });
      clearTimeout(timer);
    }
    await this.close();
  }

  /** Octets of answers that clients have not read, of all connections. */
  get outputTotal(): number {
    return this.#pool.outputTotal;
  }

  /** The listening socket, to be handed to a successor; -1 when there is none. */
  get descriptor(): number {
    return (this.#server === undefined ? undefined : handleOf(this.#server)?.fd) ?? -1;
  }

  /** Closes the connections whose time is over. */
  sweep(): void {
    const now = this.#pool.now();
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
        // A connection that could not be accepted (EMFILE) does not end the others.
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
    const turnAway = (): void => {
      socket.on('error', () => {});
      socket.destroy();
    };
    // The client has reset it meanwhile: nothing was refused.
    if (
      client === undefined ||
      !writeAddress(client, address) ||
      !writeAddress(socket.localAddress ?? '', local)
    )
      return turnAway();
    if (this.#closed !== undefined || !this.#makeRoom(client)) {
      this.counters.refused++;
      return turnAway();
    }
    const peer: Peer = { address, port: socket.remotePort ?? 0, local, listener: this.listener, tcp: true };
    const connection = new Connection(this.#host, socket, peer, client);
    const siblings = this.#clients.get(client);
    if (siblings === undefined) this.#clients.set(client, new Set([connection]));
    else siblings.add(connection);
    this.#pool.opened(this, connection);
  }

  #makeRoom(client: string): boolean {
    const siblings = this.#clients.get(client);
    if (siblings !== undefined && siblings.size >= this.#pool.limits.maxPerClient)
      return this.#evict([siblings]);
    return this.#pool.makeRoom(siblings?.size ?? 0);
  }

  evict(): boolean {
    return this.#evict(this.#clients.values());
  }

  relieve(connections: number): boolean {
    let most: Set<Connection> | undefined;
    for (const each of this.#clients.values()) {
      if (each.size > connections && each.size > (most?.size ?? 0)) most = each;
    }
    return most !== undefined && this.#evict([most], true);
  }

  /** Closes the connection that has been quiet for longest, and waits for nothing unless `waiting` ones may go as well. */
  #evict(among: Iterable<Set<Connection>>, waiting = false): boolean {
    let oldest: Connection | undefined;
    for (const connections of among) {
      for (const connection of connections) {
        if (!(waiting || connection.evictable) || (oldest !== undefined && connection.stamp > oldest.stamp))
          continue;
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
    this.#pool.closed(this);
  }

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
  }
}
