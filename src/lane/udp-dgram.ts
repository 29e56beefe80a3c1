/** The UDP lane on node:dgram: one socket an address, for systems and listeners without batched system calls. */
import type { RemoteInfo, Socket } from 'node:dgram';
import type { Listener, Peer } from '../answer/peer.ts';
import { handleOf } from './handle.ts';
import { interfaceAddresses, wildcardFamily } from './interfaces.ts';
import type { Interfaces } from './interfaces.ts';
import type { Answering, Lane, LaneCounters } from './lane.ts';
import { untilNothingComes } from './last-turns.ts';
import { writeAddress } from './peer-address.ts';
import { bindUdp } from './udp-bind.ts';

export interface DgramCounters extends LaneCounters {
  /** Answers that the system did not take (EPERM, ENETUNREACH, EMSGSIZE, a full queue); not in `answered`. */
  sendErrors: number;
  /** Errors that a socket reported, and addresses of a wildcard that could not be bound. */
  socketErrors: number;
}

export interface DgramOptions {
  /** Octets asked of the system for each receive queue; it may grant less. Default 1 MiB. */
  receiveBuffer?: number;
  /** A bound UDP socket to adopt instead of binding; the lane owns it from `open` on, and closes it. */
  fd?: number;
  /** The same for several addresses, canonical text (with scope) → descriptor; those not named are bound. */
  fds?: ReadonlyMap<string, number>;
  /** Milliseconds between two looks at the interfaces, for wildcard listeners. Default 5000; 0: never. */
  rescanMs?: number;
  interfaces?: Interfaces;
}

interface Bound {
  socket: Socket;
  address: string;
  peer: Peer;
}

/** Queries are far smaller; what exceeds this is dropped. */
const PACKET_MAX = 4096;
/** Answers over UDP end at 1232 octets. */
const OUT_LENGTH = 4096;
/** Answers waiting for a full send queue; beyond it they are dropped, as the system would. */
const SENDING_MAX = 1024;
const CLOSE_GRACE_MS = 5000;
/** With port 0 a wildcard needs one number that is free on every address. */
const PORT_ATTEMPTS = 8;

/**
 * A wildcard address becomes one socket for each address of its family, followed as addresses come and go: an
 * answer must leave from the address that was asked, and node:dgram can neither tell nor set it. So only
 * addresses that the interfaces show are served (127.0.0.1, not all of 127/8). An adopted wildcard socket is
 * served as it is, and the system chooses the source.
 */
export class DgramLane implements Lane {
  readonly listener: Listener;
  readonly counters: DgramCounters = {
    received: 0,
    answered: 0,
    dropped: 0,
    deferred: 0,
    errors: 0,
    sendErrors: 0,
    socketErrors: 0,
  };
  readonly #answering: Answering;
  readonly #options: DgramOptions;
  readonly #bound = new Map<string, Bound>();
  #port: number;
  #state: 'new' | 'open' | 'draining' | 'closed' = 'new';
  #out = Buffer.allocUnsafeSlow(OUT_LENGTH);
  /** Sends that the system has not finished: while there are any, `#out` belongs to one of them. */
  #sending = 0;
  /** Deferred queries whose answer is awaited. */
  #pending = 0;
  #rescanTimer: NodeJS.Timeout | undefined;
  #rescanning: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(listener: Listener, answering: Answering, options: DgramOptions = {}) {
    this.listener = listener;
    this.#answering = answering;
    this.#options = options;
    this.#port = listener.port;
  }

  async open(): Promise<number> {
    if (this.#state !== 'new') throw new Error(`the lane of ${this.listener.text} was opened before`);
    this.#state = 'open';
    const family = wildcardFamily(this.listener.address);
    try {
      if (this.#options.fd !== undefined || family === 0) {
        await this.#bind(this.listener.address, this.#options.fd);
      } else {
        await this.#bindAll(family);
        this.#followInterfaces();
      }
    } catch (error) {
      this.#state = 'closed';
      await this.#closeSockets();
      throw error;
    }
    return this.#port;
  }

  /**
   * While deferred answers are awaited, what can be answered at once still is: an open socket that stays silent
   * costs a client its time-out. What would need time is dropped.
   */
  close(graceMs: number = CLOSE_GRACE_MS): Promise<void> {
    this.#closed ??= this.#close(graceMs);
    return this.#closed;
  }

  /** Stops reading and leaves the sockets bound, for a successor that reads the same sockets. */
  quiet(): void {
    clearInterval(this.#rescanTimer);
    for (const { socket } of this.#bound.values()) handleOf(socket)?.recvStop?.();
  }

  /** The bound sockets, address → file descriptor, to be handed to a successor; see `DgramOptions.fds`. */
  descriptors(): Map<string, number> {
    const all = new Map<string, number>();
    for (const { socket, address } of this.#bound.values()) {
      const fd = handleOf(socket)?.fd ?? -1;
      if (fd >= 0) all.set(address, fd);
    }
    return all;
  }

  /** Looks at the interfaces now: binds new addresses, closes the sockets of those that went. */
  rescan(): Promise<void> {
    this.#rescanning ??= this.#rescan().finally(() => (this.#rescanning = undefined));
    return this.#rescanning;
  }

  async #rescan(): Promise<void> {
    const family = wildcardFamily(this.listener.address);
    if (family === 0 || this.#options.fd !== undefined || this.#state !== 'open') return;
    const wanted = interfaceAddresses(family, this.#options.interfaces);
    if (wanted === null) return;
    for (const [address, { socket }] of this.#bound) {
      if (wanted.includes(address)) continue;
      this.#bound.delete(address);
      socket.close();
    }
    for (const address of wanted) {
      if (this.#bound.has(address)) continue;
      // Addresses still in duplicate address detection cannot be bound yet: the next look tries again.
      await this.#bind(address).catch(() => this.counters.socketErrors++);
    }
  }

  #followInterfaces(): void {
    const every = this.#options.rescanMs ?? 5000;
    if (every <= 0) return;
    this.#rescanTimer = setInterval(() => void this.rescan(), every);
    this.#rescanTimer.unref();
  }

  async #bindAll(family: 4 | 6): Promise<void> {
    const wanted = interfaceAddresses(family, this.#options.interfaces) ?? [];
    for (let attempt = 1; ; attempt++) {
      let last: unknown = Object.assign(new Error(`no address of any interface for ${this.listener.text}`), {
        code: 'EADDRNOTAVAIL',
      });
      try {
        for (const address of wanted) {
          try {
            await this.#bind(address, this.#options.fds?.get(address));
          } catch (error) {
            const { code } = error as NodeJS.ErrnoException;
            if (code === 'EADDRINUSE' || code === 'EACCES') throw error;
            this.counters.socketErrors++;
            last = error;
          }
        }
        if (this.#bound.size > 0) return;
        throw last;
      } catch (error) {
        const taken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE';
        if (this.listener.port !== 0 || !taken || attempt === PORT_ATTEMPTS) throw error;
        await this.#closeSockets();
        this.#port = 0;
      }
    }
  }

  async #bind(address: string, fd: number | undefined = this.#options.fds?.get(address)): Promise<void> {
    const socket = await bindUdp(address, this.#port, fd);
    if (this.#state === 'open') return this.#serve(socket, address);
    socket.close();
    throw new Error(`the lane of ${this.listener.text} was closed while it opened`);
  }

  #serve(socket: Socket, address: string): void {
    socket.on('error', () => this.counters.socketErrors++);
    try {
      socket.setRecvBufferSize(this.#options.receiveBuffer ?? 1 << 20);
    } catch {
      this.counters.socketErrors++;
    }
    const local = new Uint8Array(16);
    const own = socket.address();
    writeAddress(own.address, local);
    this.#port = own.port;
    const peer: Peer = { address: new Uint8Array(16), port: 0, local, listener: this.listener, tcp: false };
    const bound: Bound = { socket, address, peer };
    this.#bound.set(address, bound);
    socket.on('message', (packet, from) => this.#receive(bound, packet, from));
  }

  #receive(bound: Bound, packet: Buffer, from: RemoteInfo): void {
    const counters = this.counters;
    counters.received++;
    const peer = bound.peer;
    // Nothing can be sent to port 0: it is forged, and dgram would throw.
    if (from.port === 0 || packet.length > PACKET_MAX || !writeAddress(from.address, peer.address)) {
      counters.dropped++;
      return;
    }
    peer.port = from.port;
    if (this.#sending > 0) this.#out = Buffer.allocUnsafeSlow(OUT_LENGTH);
    let length: number;
    try {
      length = this.#answering.respond(packet, peer, this.#out);
      if (length < 0) return this.#defer(bound.socket, packet, peer, from);
    } catch {
      counters.errors++;
      return;
    }
    if (length === 0) counters.dropped++;
    else this.#send(bound.socket, this.#out, length, from.port, from.address);
  }

  #defer(socket: Socket, packet: Buffer, peer: Peer, from: RemoteInfo): void {
    if (this.#state !== 'open') {
      this.counters.dropped++;
      return;
    }
    const { port, address } = from;
    let waiting = true;
    this.#pending++;
    this.counters.deferred++;
    const settle = (): void => {
      waiting = false;
      this.#pending--;
      this.#checkDrained();
    };
    try {
      this.#answering.defer(packet, peer, (answer) => {
        if (!waiting) return;
        if (answer.length === 0) this.counters.dropped++;
        else this.#send(socket, Buffer.from(answer), answer.length, port, address);
        settle();
      });
    } catch (error) {
      if (waiting) settle();
      throw error;
    }
  }

  /** `bytes` stay untouched until they are sent. */
  #send(socket: Socket, bytes: Buffer, length: number, port: number, address: string): void {
    if (this.#sending >= SENDING_MAX) {
      this.counters.sendErrors++;
      return;
    }
    this.#sending++;
    try {
      socket.send(bytes, 0, length, port, address, this.#sent);
    } catch {
      // Closed meanwhile: its address vanished.
      this.#sending--;
      this.counters.sendErrors++;
    }
  }

  readonly #sent = (error: Error | null): void => {
    this.#sending--;
    if (error === null) this.counters.answered++;
    else this.counters.sendErrors++;
    this.#checkDrained();
  };

  #checkDrained(): void {
    if (this.#pending === 0 && this.#sending === 0) this.#drained?.();
  }

  async #close(graceMs: number): Promise<void> {
    clearInterval(this.#rescanTimer);
    if (this.#state === 'open') {
      if (graceMs > 0) await untilNothingComes(() => this.counters.received);
      this.#state = 'draining';
      await this.#rescanning;
      if (this.#pending > 0 || this.#sending > 0) {
        let timer: NodeJS.Timeout | undefined;
        await new Promise<void>((resolve) => {
          this.#drained = resolve;
          timer = setTimeout(resolve, graceMs);
        });
        clearTimeout(timer);
      }
    }
    this.#state = 'closed';
    await this.#closeSockets();
  }

  async #closeSockets(): Promise<void> {
    const closing = [...this.#bound.values()];
    this.#bound.clear();
    await Promise.all(closing.map(({ socket }) => new Promise<void>((done) => socket.close(done))));
  }
}
