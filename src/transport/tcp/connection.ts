/** One TCP client: its frames, its answers, and when it is read, waited for, or cut. */
import type { Socket } from 'node:net';
import type { Peer } from '../../answer/peer.ts';
import { HEADER_LENGTH } from '../../dns/constants.ts';
import { FRAME_MAX, Frames, writeFrame } from '../../dns/frames.ts';
import type { Answering } from '../transport.ts';
import type { TcpCounters } from './limits.ts';
import type { TcpPool } from './pool.ts';
import type { Working } from './pool.ts';

/** Answers that took time are gathered into one write for the rest of the pass, up to this. */
const CORK_MAX = 64 * 1024;
/** Octets that are read and discarded from a client that goes on sending after we have closed. */
const DISCARD_MAX = 256 * 1024;

/** What a connection needs of the transport that it belongs to. */
export interface ConnectionHost {
  readonly answering: Answering;
  readonly counters: TcpCounters;
  readonly pool: TcpPool;
  /** The connection is closed. */
  closed(connection: Connection): void;
}

export class Connection implements Working {
  /** Key of the per-client limit. */
  readonly client: string;
  stamp = 0;
  queued = false;
  readonly #host: ConnectionHost;
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #frames = new Frames();
  /** `ending`: our side is closed, what still comes is thrown away. */
  #state: 'open' | 'ending' | 'closed' = 'open';
  #paused = false;
  /** The client has closed its side, or we are asked to stop: what was asked is answered, then we end. */
  #last = false;
  #deferred = 0;
  /** Messages that were dropped since the last query. */
  #ignored = 0;
  #discarded = 0;
  /** Octets in the pool's `answers` while running, -1 otherwise. */
  #position = -1;
  #corked = false;
  /** This connection's part of the pool's `outputTotal`. */
  #output = 0;
  #activeAt: number;
  #progressAt = 0;
  #partialAt = -1;

  constructor(host: ConnectionHost, socket: Socket, peer: Peer, client: string) {
    this.#host = host;
    this.#socket = socket;
    this.#peer = peer;
    this.client = client;
    this.#activeAt = host.pool.now();
    socket.on('data', (chunk: Buffer) => this.#data(chunk));
    socket.on('end', () => this.finish());
    // ECONNRESET, EPIPE: 'close' follows, which does the work.
    socket.on('error', () => {});
    socket.on('close', () => this.destroy());
  }

  /** True when the client waits for nothing: it may be closed to make room. */
  get evictable(): boolean {
    return this.#deferred === 0 && this.#output === 0 && !this.#frames.unread;
  }

  /**
   * Answers what is at hand, at most `units` worth: a message is one, long messages and answers are more.
   * Returns the units left, which may be a little below 0.
   */
  run(units: number): number {
    const host = this.#host;
    if (this.#state !== 'open') return units;
    let sound = true;
    let moved = false;
    let asked = false;
    this.#position = 0;
    while (units > 0 && this.#frames.unread && !this.#blocked(this.#position)) {
      if (!this.#frames.advance()) break;
      moved = true;
      const length = this.#frames.end - this.#frames.start;
      if (length < HEADER_LENGTH) {
        sound = false;
        break;
      }
      const ignored = this.#ignored;
      units -= 1 + (length >>> 9) + this.#answer();
      asked ||= this.#ignored === ignored;
      if (host.pool.answers.length - this.#position < FRAME_MAX) this.#flush();
    }
    this.#frames.release();
    this.#flush();
    this.#position = -1;
    const now = host.pool.now();
    // What is dropped (responses, mostly) costs no more than a query and keeps no connection open.
    if (asked) {
      this.#activeAt = now;
      this.#ignored = 0;
    }
    if (!this.#frames.partial) this.#partialAt = -1;
    else if (moved || this.#partialAt < 0) this.#partialAt = now;
    if (!sound) this.#cutGently();
    else this.#settle();
    return units;
  }

  /** Answers what was asked, then closes our side. Nothing further is read. */
  finish(): void {
    this.#last = true;
    this.#settle();
  }

  /** Closes at once, whatever is in flight. */
  destroy(): void {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#host.pool.outputTotal -= this.#output;
    this.#output = 0;
    this.#frames.clear();
    this.#socket.destroy();
    this.#host.closed(this);
  }

  /** Closes the connection when a limit of time has passed. */
  check(now: number): void {
    const { counters, pool } = this.#host;
    const { limits } = pool;
    if (this.#output > 0) {
      if (now - this.#progressAt >= limits.writeMs) this.#cut();
    } else if (this.#state === 'ending') {
      if (now - this.#progressAt >= limits.lingerMs) this.destroy();
    } else if (this.#partialAt >= 0 && now - this.#partialAt >= limits.frameMs) {
      // While we do not read, the frame is not the client's to complete.
      if (this.#paused) this.#partialAt = now;
      else this.#cut();
    } else if (this.#deferred > 0) {
      if (now - this.#activeAt >= limits.deferMs) this.#cut();
    } else if (now - this.#activeAt >= limits.idleMs && (!this.#frames.unread || this.#ignored > 0)) {
      counters.idled++;
      this.destroy();
    }
  }

  #data(chunk: Buffer): void {
    if (this.#state === 'open') {
      this.#frames.push(chunk);
      this.#host.pool.offer(this);
      return;
    }
    this.#discarded += chunk.length;
    if (this.#discarded > DISCARD_MAX) this.destroy();
  }

  /** Answers the message at hand; returns the units that its answer costs. */
  #answer(): number {
    const { answering, counters, pool } = this.#host;
    const { scratch } = pool;
    const { packet, start, end } = this.#frames;
    counters.received++;
    try {
      const length = answering.answerNow(packet, start, end, this.#peer, scratch);
      if (length > 0) {
        this.#append(scratch, length);
        counters.answered++;
        return length >>> 11;
      }
      if (length < 0) {
        this.#defer(new Uint8Array(packet.subarray(start, end)));
        return 0;
      }
      counters.dropped++;
      this.#ignored++;
    } catch {
      counters.errors++;
      this.#ignored++;
    }
    return 0;
  }

  #defer(message: Uint8Array): void {
    let waiting = true;
    this.#deferred++;
    this.#host.counters.deferred++;
    try {
      // The peer of a connection never changes.
      this.#host.answering.defer(message, this.#peer, (answer) => {
        if (!waiting) return;
        waiting = false;
        this.#deferred--;
        this.#reply(answer);
      });
    } catch (error) {
      if (waiting) this.#deferred--;
      waiting = false;
      throw error;
    }
  }

  /** An answer that took time: out of order, as soon as it is there (RFC 7766 section 6.2.1.1). */
  #reply(answer: Uint8Array): void {
    if (this.#state !== 'open') return;
    const host = this.#host;
    if (answer.length === 0) {
      host.counters.dropped++;
      this.#settle();
      return;
    }
    host.counters.answered++;
    this.#activeAt = host.pool.now();
    if (this.#position >= 0 && host.pool.answers.length - this.#position >= 2 + answer.length) {
      this.#append(answer, answer.length);
      if (host.pool.answers.length - this.#position < FRAME_MAX) this.#flush();
      return;
    }
    // Not reading bounds what can be asked; many long answers at once are bounded here.
    if (this.#output + answer.length > 2 * host.pool.limits.maxOutput) return this.#cut();
    const frame = Buffer.allocUnsafe(2 + answer.length);
    writeFrame(answer, answer.length, frame, 0);
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(this.#uncork);
    }
    this.#write(frame);
    if (this.#output >= CORK_MAX) this.#uncork();
  }

  readonly #uncork = (): void => {
    this.#corked = false;
    if (this.#state === 'closed') return;
    this.#socket.uncork();
    this.#account();
    this.#settle();
  };

  #append(answer: Uint8Array, length: number): void {
    this.#position = writeFrame(answer, length, this.#host.pool.answers, this.#position);
  }

  /** Hands the answers of this pass to the system in one write. */
  #flush(): void {
    const length = this.#position;
    if (length <= 0) return;
    this.#position = 0;
    const bytes = Buffer.allocUnsafe(length);
    bytes.set(
      length === this.#host.pool.answers.length
        ? this.#host.pool.answers
        : this.#host.pool.answers.subarray(0, length),
    );
    this.#write(bytes);
  }

  #write(bytes: Buffer): void {
    this.#socket.write(bytes, this.#written);
    this.#account();
  }

  readonly #written = (): void => {
    if (this.#state === 'closed') return;
    this.#account();
    this.#settle();
  };

  /** Asks the socket how much is unread; less than before, or the first octets, count as progress. */
  #account(): void {
    const output = this.#socket.writableLength;
    if (output < this.#output || this.#output === 0) this.#progressAt = this.#host.pool.now();
    this.#host.pool.outputTotal += output - this.#output;
    this.#output = output;
  }

  /** True when nothing more may be asked of us now; `more` octets of answers are on their way to the socket. */
  #blocked(more: number): boolean {
    const { limits, outputTotal } = this.#host.pool;
    const output = this.#output + more;
    if (output >= limits.maxOutput || this.#deferred >= limits.maxDeferred) return true;
    return this.#output > 0 && outputTotal >= limits.maxOutputTotal;
  }

  /** Decides what comes next: another pass, waiting, reading on, or the end. */
  #settle(): void {
    if (this.#state !== 'open' || this.#position >= 0) return;
    if (this.#frames.unread) {
      this.#pause();
      if (!this.queued && !this.#blocked(0)) this.#host.pool.enqueue(this);
    } else if (this.#last) {
      if (this.#deferred === 0) this.#end();
      else this.#pause();
    } else if (this.#blocked(0)) {
      this.#pause();
    } else if (this.#paused) {
      this.#paused = false;
      this.#socket.resume();
    }
  }

  #pause(): void {
    if (this.#paused) return;
    this.#paused = true;
    this.#socket.pause();
  }

  /** Closes our side when the answers have left, and waits a little for the client to close its own. */
  #end(): void {
    this.#state = 'ending';
    this.#progressAt = this.#host.pool.now();
    this.#frames.clear();
    this.#socket.end();
    // Closing with octets unread would reset the connection, and take our last answers from the client.
    this.#socket.resume();
  }

  #cutGently(): void {
    this.#host.counters.cut++;
    this.#end();
  }

  #cut(): void {
    this.#host.counters.cut++;
    this.destroy();
  }
}
