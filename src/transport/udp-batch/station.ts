/** One socket at one worker: what the thread is told, what was counted, and which answers are awaited. */
import { ANSWER_COUNTS } from '../../answer/counts.ts';
import type { Listener, Peer } from '../../answer/peer.ts';
import { AF_INET } from '../syscalls.ts';
import type { System } from '../syscalls.ts';
import type { WorkerCounters } from '../transport.ts';
import * as count from './control.ts';
import { Tally } from './control.ts';
import { FairShare } from './fair-share.ts';
import type { Bound } from './socket.ts';

/** What a worker is told. */
export interface StationData {
  number: number;
  listener: Listener;
  bound: Bound;
  tally: SharedArrayBuffer;
}

/** One socket as the main thread sees it. */
export class Station {
  /** Unique at its worker, from 1. */
  readonly number: number;
  readonly listener: Listener;
  readonly bound: Bound;
  readonly tally = new Tally();
  /** The main thread's part of the counts. */
  readonly counters = { answered: 0, dropped: 0, sendErrors: 0, errors: 0 };
  /** Packets whose answer is awaited. */
  pending = 0;
  /** Called whenever `pending` falls to 0. */
  onIdle: () => void = () => {};

  constructor(number: number, listener: Listener, bound: Bound) {
    this.number = number;
    this.listener = listener;
    this.bound = bound;
  }

  get data(): StationData {
    const { number, listener, bound, tally } = this;
    return { number, listener, bound, tally: tally.memory };
  }
}

/** One socket as its worker sees it. */
export class Post {
  readonly number: number;
  readonly fd: number;
  readonly family: number;
  /** Each packet carries the address that it was sent to. */
  readonly wildcard: boolean;
  readonly tally: Tally;
  readonly counts: Float64Array;
  readonly answers: Float64Array;
  /** The sender of the packet at hand; reused. */
  readonly peer: Peer;
  readonly fairShare: FairShare;

  constructor({ number, bound, listener, tally }: StationData, system: System) {
    this.fairShare = new FairShare(system);
    this.number = number;
    this.fd = bound.fd;
    this.family = bound.family;
    this.wildcard = bound.wildcard;
    this.tally = new Tally(tally);
    this.counts = this.tally.counts;
    this.answers = this.tally.answers;
    const address = new Uint8Array(16);
    if (bound.family === AF_INET) address.fill(0xff, 10, 12);
    this.peer = { address, port: 0, local: Uint8Array.from(bound.local), listener, tcp: false };
  }
}

/** The sum over stations of one worker, which was replaced `restarts` times. */
export function countersOf(stations: readonly Station[], restarts: number): WorkerCounters {
  const sum = (place: number): number => stations.reduce((all, { tally }) => all + tally.counts[place], 0);
  const main = (key: keyof Station['counters']): number =>
    stations.reduce((all, { counters }) => all + counters[key], 0);
  return {
    received: sum(count.RECEIVED),
    answered: sum(count.ANSWERED) + main('answered'),
    dropped: sum(count.DROPPED) + main('dropped'),
    deferred: sum(count.DEFERRED),
    errors: sum(count.ERRORS) + main('errors'),
    restarts,
    overflows: sum(count.OVERFLOWS),
    sendErrors: sum(count.SEND_ERRORS) + main('sendErrors'),
    receiveErrors: sum(count.RECEIVE_ERRORS),
    batches: sum(count.BATCHES),
    shed: sum(count.SHED),
    answers: Float64Array.from({ length: ANSWER_COUNTS }, (_, place) =>
      stations.reduce((all, { tally }) => all + tally.answers[place], 0),
    ),
  };
}
