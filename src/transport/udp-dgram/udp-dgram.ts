/**
 * The UDP transport on node:dgram: answers on the main thread, for systems and listeners without batched system calls.
 */
import type { RemoteInfo, Socket } from 'node:dgram';
import { copyPeer, type Listener, type Peer } from '../../answer/peer.ts';
import type { Answering, Transport, TransportCounters } from '../transport.ts';
import { writeAddress } from '../peer-address.ts';
import { DgramSockets } from './sockets.ts';
import type { DgramOptions } from './sockets.ts';

export interface DgramCounters extends TransportCounters {
  /** Answers that the system did not take (EPERM, ENETUNREACH, EMSGSIZE, a full queue); not in `answered`. */
  sendErrors: number;
  /** Errors that a socket reported, and addresses of a wildcard that could not be bound. */
  socketErrors: number;
}

/**
 * Octets that are read of a packet, as in the batch transport: a message that does not end before counts as broken.
 */
const PACKET_MAX = 4096;
/** Answers over UDP end at 1232 octets. */
const OUT_LENGTH = 4096;
/** Answers waiting for a full send queue; beyond it they are dropped, as the system would. */
const SENDING_MAX = 1024;
const CLOSE_GRACE_MS = 5000;

export class DgramTransport implements Transport {
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
  readonly #sockets: DgramSockets;
  #state: 'new' | 'open' | 'draining' | 'closed' = 'new';
  readonly #in = Buffer.allocUnsafeSlow(PACKET_MAX);
  #out = Buffer.allocUnsafeSlow(OUT_LENGTH);
  /** Sends that the system has not finished: while there are any, `#out` belongs to one of them. */
  #sending = 0;
  /** Deferred queries whose answer is awaited. */
  #pending = 0;
  #closed: Promise<void> | undefined;
  #drained: (() => void) | undefined;

  constructor(listener: Listener, answering: Answering, options: DgramOptions = {}) {
    this.listener = listener;
    this.#answering = answering;
    this.#sockets = new DgramSockets(listener, options, {
      serve: (socket) => this.#serve(socket),
      failed: () => this.counters.socketErrors++,
    });
  }

  async open(): Promise<number> {
    if (this.#state !== 'new') throw new Error(`the transport of ${this.listener.text} was opened before`);
    this.#state = 'open';
    try {
      return await this.#sockets.open();
    } catch (error) {
      this.#state = 'closed';
      throw error;
    }
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
    this.#sockets.quiet();
  }

  /** Reads again after `quiet`: the successor has ended. */
  resume(): void {
    if (this.#state === 'open') this.#sockets.resume();
  }

  /** The bound sockets, address → file descriptor, to be handed to a successor; see `DgramOptions.fds`. */
  descriptors(): Map<string, number> {
    return this.#sockets.descriptors();
  }

  /** Checks the interfaces now: binds new addresses, closes the sockets of those that went. */
  rescan(): Promise<void> {
    return this.#sockets.rescan();
  }

  #serve(socket: Socket): void {
    const local = new Uint8Array(16);
    writeAddress(socket.address().address, local);
    const peer: Peer = { address: new Uint8Array(16), port: 0, local, listener: this.listener, tcp: false };
    socket.on('message', (packet, from) => this.#receive(socket, peer, packet, from));
  }

  #receive(socket: Socket, peer: Peer, whole: Buffer, from: RemoteInfo): void {
    const counters = this.counters;
    counters.received++;
    // Nothing can be sent to port 0: it is forged, and dgram would throw.
    if (from.port === 0 || !writeAddress(from.address, peer.address)) {
      counters.dropped++;
      return;
    }
    peer.port = from.port;
    // Each comes in memory of its own: to copy it costs less than to look into that.
    const packet = whole.length > PACKET_MAX ? whole.subarray(0, PACKET_MAX) : whole;
    this.#in.set(packet);
    if (this.#sending > 0) this.#out = Buffer.allocUnsafeSlow(OUT_LENGTH);
    let length: number;
    try {
      length = this.#answering.answerNow(this.#in, 0, packet.length, peer, this.#out);
      if (length < 0) return this.#defer(socket, packet, peer, from);
    } catch {
      counters.errors++;
      return;
    }
    if (length === 0) counters.dropped++;
    else this.#send(socket, this.#out, length, from.port, from.address);
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
      // Each packet has memory of its own.
      this.#answering.defer(packet, copyPeer(peer), (answer) => {
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
    this.#sockets.unfollow();
    if (this.#state === 'open') {
      if (graceMs > 0) await untilNothingComes(() => this.counters.received);
      this.#state = 'draining';
      await this.#sockets.settle();
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
    await this.#sockets.close();
  }
}

/** Passes of the event loop after which a queue that was full is empty, and the end of waiting under a flood. */
const LAST_PASSES = 256;

/** Resolves when the event loop brings nothing any more; `received` counts what it has brought. */
export async function untilNothingComes(received: () => number): Promise<void> {
  // The first pass may end before the sockets were polled, so a single quiet one proves nothing.
  for (let pass = 0, quiet = 0; pass < LAST_PASSES && quiet < 2; pass++) {
    const before = received();
    await new Promise((resolve) => setImmediate(resolve));
    quiet = received() === before ? quiet + 1 : 0;
  }
}
