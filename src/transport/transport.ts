/**
 * The contract of a transport: it moves packets between sockets and the answering code, and knows nothing of names.
 *
 * A transport owns its sockets: it binds in `open`, which rejects with the system's error (`EADDRINUSE`, `EACCES`,
 * `EADDRNOTAVAIL`) and leaves nothing open then; it closes them in `close`, which resolves when the last answer
 * has left. A throw on a packet never leaves the transport: it is counted and the packet is dropped.
 */
import type { Listener, Peer } from '../answer/peer.ts';

/** What answers packets for transports on the main thread. */
export interface Answering {
  /**
   * Answers `packet[start … end)` at once. Returns the octets written to `out` (from 0), 0 when the packet is dropped
   * without an answer, or -1 when it needs time: then call `defer` with the same octets and peer.
   * Never keeps `peer` or `out`, and never reads `packet` later. Memory that was `packet` before costs least: a new one
   * has to be looked into.
   */
  answerNow(packet: Uint8Array, start: number, end: number, peer: Peer, out: Uint8Array): number;
  /**
   * Answers later (hold, outside names, TXT inventories). Keeps `packet` and `peer`, which nobody changes from now on.
   * `reply` is called at most once, maybe before `defer` returns; its bytes are valid only during the call. No bytes:
   * there will be no answer, and the transport waits for none.
   */
  defer(packet: Uint8Array, peer: Peer, reply: (answer: Uint8Array) => void): void;
}

/** Numbers a transport counts; monotonic. */
export interface TransportCounters {
  received: number;
  answered: number;
  dropped: number;
  deferred: number;
  /** Packets on which our own code threw: always a bug, never fatal. */
  errors: number;
}

/** What TCP counts of connections; the number of those that are open is no sum. */
export interface ConnectionCounters {
  connections: number;
  accepted: number;
  /** Closed at once, because there was no room. */
  refused: number;
  /** Closed to make room for others. */
  evicted: number;
  /** Closed after `tcp_idle`. */
  idled: number;
  /** Closed because the client read or wrote too slowly, or broke the format. */
  cut: number;
}

/** What is counted of one worker thread and its successors, in memory that it shares with the main thread. */
export interface WorkerCounters extends TransportCounters {
  /** Workers that died and were replaced. */
  restarts: number;
  /** Deferred packets that found the ring full and were answered with SERVFAIL. */
  overflows: number;
  /** Answers that the system did not take; not in `answered`. */
  sendErrors: number;
  receiveErrors: number;
  /** Receives that brought packets. */
  batches: number;
  /** Packets left unanswered because their senders ask far more than others while the socket's queue is long. */
  shed: number;
  /** What the worker itself has answered, see answer/counts; what the main thread has answered for it is not in it. */
  answers: Float64Array;
}

export interface Transport {
  readonly listener: Listener;
  readonly counters: TransportCounters & Partial<ConnectionCounters>;
  /** Where threads serve: each one's counts, those of the main thread for it with them; `counters` is their sum. */
  readonly workers?: readonly WorkerCounters[];
  /** Binds and starts. Resolves with the bound port (useful when 0 was asked for). */
  open(): Promise<number>;
  /** Stops accepting, lets answers in flight leave (bounded by `graceMs`), closes the sockets. */
  close(graceMs?: number): Promise<void>;
}
