/**
 * What the TCP transports of a server share: the limits of all connections, the memory of one pass of the event loop,
 * and the passes themselves, so that a further listener costs neither memory nor a share of UDP's time.
 */
import { TCP_LIMITS } from './limits.ts';
import type { TcpLimits } from './limits.ts';

export interface TcpPoolOptions {
  limits?: Partial<TcpLimits>;
  /** Milliseconds, monotonic. */
  now?: () => number;
  /** Milliseconds between two checks of the time limits while there are connections; 0: only `sweep()`. */
  sweepMs?: number;
}

/** A connection as a pass sees it. */
export interface Working {
  /** Set at the last activity, from one counter: the smallest is the oldest. */
  stamp: number;
  /** True while it waits to be run. */
  queued: boolean;
  /** Does what is at hand, at most `units` worth; returns the units left. */
  run(units: number): number;
}

/** A transport that has connections. */
export interface TcpMember {
  readonly counters: { connections: number };
  /** Closes the connection that has been quiet for longest and waits for nothing; false when all wait. */
  evict(): boolean;
  /**
   * Closes the connection of the client with the most that has been quiet for longest, though it waits; false when no
   * client has more than `connections`.
   */
  relieve(connections: number): boolean;
  /** Closes the connections whose time is over. */
  sweep(): void;
}

/** Units of work (a short message is one) between two polls of the event loop, where UDP is served. */
const PASS_UNITS = 128;
/** … and of one connection before the next one is run; less where many wait, because a newcomer waits for them all. */
const SLICE_UNITS = 64;
const SLICE_LEAST = 4;
/** Units of all connections that wait, until the first of them has its next turn: below a tenth of a second. */
const ROUND_UNITS = 4096;

export class TcpPool {
  readonly limits: TcpLimits;
  readonly now: () => number;
  /** One answer; shared, for the time of an `answerNow`. */
  readonly scratch = Buffer.allocUnsafeSlow(65_535);
  /** The answers of one pass; shared, for the time of a `run`. */
  readonly answers = Buffer.allocUnsafeSlow(128 * 1024);
  /** Octets of unread answers of all connections. */
  outputTotal = 0;
  #connections = 0;
  readonly #members = new Set<TcpMember>();
  readonly #sweepMs: number;
  #sweepTimer: NodeJS.Timeout | undefined;
  /** Connections with work at hand, in the order in which they are served. */
  #queue: Working[] = [];
  /** How many waited when this pass began. */
  #waiting = 0;
  #units = PASS_UNITS;
  #pass: NodeJS.Immediate | undefined;
  #stamp = 0;

  constructor({ limits, now, sweepMs = 500 }: TcpPoolOptions = {}) {
    this.limits = { ...TCP_LIMITS, ...limits };
    const { performance } = globalThis;
    this.now = now ?? (() => performance.now());
    this.#sweepMs = sweepMs;
  }

  /**
   * True when a client that has `connections` may open one more. At the limit a transport with the most connections
   * gives one up that waits for nothing, else one of a client that has more than the newcomer then has.
   */
  makeRoom(connections: number): boolean {
    if (this.#connections < this.limits.maxConnections) return true;
    // The listener whose clients open many pays for them, and not another one.
    const bySize = [...this.#members].sort((a, b) => b.counters.connections - a.counters.connections);
    return (
      bySize.some((member) => member.evict()) || bySize.some((member) => member.relieve(connections + 1))
    );
  }

  opened(member: TcpMember, connection: Working): void {
    connection.stamp = ++this.#stamp;
    this.#connections++;
    member.counters.connections++;
    this.#members.add(member);
    if (this.#sweepTimer !== undefined || this.#sweepMs <= 0) return;
    this.#sweepTimer = setInterval(() => {
      for (const each of this.#members) each.sweep();
    }, this.#sweepMs);
    this.#sweepTimer.unref();
  }

  closed(member: TcpMember): void {
    this.#connections--;
    if (--member.counters.connections === 0) this.#members.delete(member);
    if (this.#connections > 0) return;
    clearInterval(this.#sweepTimer);
    this.#sweepTimer = undefined;
  }

  /** Has `run` called now, or in a later pass when this one has done enough. */
  offer(connection: Working): void {
    connection.stamp = ++this.#stamp;
    if (connection.queued) return;
    if (this.#units <= 0 || this.#queue.length > 0) this.enqueue(connection);
    else this.#slice(connection);
    // The allowance is refilled between two polls only, so UDP never waits for more than one of them.
    if (this.#units <= 0) this.#pass ??= setImmediate(this.#serve);
  }

  /** Has `run` called in a later pass. */
  enqueue(connection: Working): void {
    if (connection.queued) return;
    connection.queued = true;
    this.#queue.push(connection);
    this.#pass ??= setImmediate(this.#serve);
  }

  #slice(connection: Working): void {
    const fair = Math.floor(ROUND_UNITS / (this.#waiting + 1));
    const slice = Math.min(this.#units, SLICE_UNITS, Math.max(SLICE_LEAST, fair));
    this.#units -= slice - connection.run(slice);
  }

  readonly #serve = (): void => {
    this.#pass = undefined;
    this.#units = PASS_UNITS;
    const queue = this.#queue;
    this.#waiting = queue.length;
    this.#queue = [];
    let next = 0;
    while (next < queue.length && this.#units > 0) {
      const connection = queue[next++]!;
      connection.queued = false;
      // Puts itself at the end of the new queue when there is more.
      this.#slice(connection);
    }
    if (next < queue.length) this.#queue = queue.slice(next).concat(this.#queue);
    if (this.#queue.length > 0) this.#pass ??= setImmediate(this.#serve);
  };
}
