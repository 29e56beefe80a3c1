/** One socket at one worker: what the thread is told of it, what was counted, and what is still owed on it. */
import { ANSWER_COUNTS } from '../../answer/counts.ts';
import type { Listener } from '../../answer/peer.ts';
import type { WorkerCounters } from '../transport.ts';
import * as count from './control.ts';
import { Tally } from './control.ts';
import type { Bound } from './socket.ts';

/** What a worker is told. */
export interface StationData {
  number: number;
  listener: Listener;
  bound: Bound;
  tally: SharedArrayBuffer;
}

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
    answers: Float64Array.from({ length: ANSWER_COUNTS }, (_, place) =>
      stations.reduce((all, { tally }) => all + tally.answers[place], 0),
    ),
  };
}
