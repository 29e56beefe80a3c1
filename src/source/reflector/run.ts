/** Drives the reflector's state machine with a real dialect, clock and sink: one loop, one event at a time. */

import { setImmediate } from 'node:timers/promises';
import { holdingClock, type Clock } from '../../base/clock.ts';
import { StreamError, type Dialect, type StreamEvent } from './dialect.ts';
import { ProblemBook } from './problems.ts';
import { INITIAL, type Effect, type ReflectorEvent } from './state.ts';
import { step } from './reflector.ts';
import { keyOf, keyText, type ResumePoint, type Sink, type Source } from '../../model.ts';

export interface ReflectorOptions {
  dialect: Dialect;
  sink: Sink;
  clock?: Clock;
  /** In [0, 1). */
  random?: () => number;
  /** The sink has the state of this revision from an earlier run. */
  resume?: string;
}

export interface Reflector {
  /** Ends the back-off, if one is running. */
  retryNow(): void;
  /** After it resolves the sink is not called again. */
  close(): Promise<void>;
}

/** Two and a half of the longest silence that the protocol allows, 15 s. */
export const STALL_AFTER = 37_500;
const BACKOFF_FIRST = 100;
const BACKOFF_MOST = 5_000;
/** Milliseconds of work in one piece before the event loop gets a turn. */
const TURN = 4;

/** Full jitter: anything between nothing and the doubled ceiling. Milliseconds. */
export function backoff(attempt: number, random: () => number): number {
  return Math.min(BACKOFF_MOST, BACKOFF_FIRST * 2 ** Math.min(attempt, 10)) * random();
}

/**
 * Starts at once. The sink is called from one place only, in order, and a commit is awaited before anything that
 * follows it; meanwhile the stream is not read.
 */
export function runReflector(options: ReflectorOptions): Reflector {
  const run = new Run(options);
  const done = run.loop();
  return {
    retryNow: () => run.wake?.(),
    close: async () => {
      run.closing = true;
      run.interrupt?.();
      run.wake?.();
      await done;
    },
  };
}

/** A source made of a dialect: what `watch.ts`, `etcd.ts` and `kraud.ts` give out. */
export function reflectorSource(
  name: string,
  dialect: Dialect,
  options: { clock?: Clock; random?: () => number; family?: string; vpcs?: readonly string[] } = {},
): Source {
  let reflector: Reflector | undefined;
  return {
    name,
    family: options.family,
    vpcs: options.vpcs,
    start(sink, point?: ResumePoint) {
      if (reflector !== undefined) return;
      const resume = point !== undefined && dialect.resume?.(point) === true ? point.revision : undefined;
      reflector = runReflector({ dialect, sink, clock: options.clock, random: options.random, resume });
    },
    proof: (revision) => dialect.proof?.(revision),
    reload() {
      reflector?.retryNow();
    },
    async close() {
      await reflector?.close();
      await dialect.close?.();
    },
  };
}

/** What a wait for the next batch ended with. */
type Heard =
  { batch: StreamEvent[] } | { end: true } | { error: unknown } | { stalled: true } | { aborted: true };

class Run {
  closing = false;
  wake: (() => void) | undefined;
  interrupt: (() => void) | undefined;
  private state = INITIAL;
  private readonly effects: Effect[] = [];
  private readonly dialect: Dialect;
  private readonly sink: Sink;
  private readonly clock: Clock;
  private readonly random: () => number;
  private readonly problems: ProblemBook;
  private delay = 0;
  /** When the event loop last had a turn, as far as we know: batches may follow each other without one. */
  private turnSince = 0;
  /** When the octets of the current batch came; not by the given clock, because it is only measured. */
  private received = 0;

  constructor(options: ReflectorOptions) {
    this.dialect = options.dialect;
    this.sink = options.sink;
    this.clock = options.clock ?? holdingClock;
    this.random = options.random ?? Math.random;
    if (options.resume !== undefined) this.state = { ...INITIAL, resume: options.resume };
    this.problems = new ProblemBook(options.sink);
  }

  async loop(): Promise<void> {
    await this.dispatch({ type: 'start' });
    while (!this.closing && this.state.phase !== 'ended') {
      if (this.state.phase === 'waiting') {
        await this.sleep(this.delay);
        if (!this.closing) await this.dispatch({ type: 'timer' });
      } else {
        await this.converse();
      }
    }
    await this.dispatch({ type: 'close' });
  }

  /** One connection, from its start to its end. */
  private async converse(): Promise<void> {
    const controller = new AbortController();
    const iterator = this.dialect.connect(this.state.resume, controller.signal)[Symbol.asyncIterator]();
    let next: Promise<IteratorResult<StreamEvent[]>> | undefined;
    try {
      while (this.isConversing()) {
        next = iterator.next();
        const heard = await this.hear(next, () => controller.abort());
        if ('batch' in heard) {
          this.received = this.dialect.heard ?? performance.now();
          await this.take(heard.batch);
        } else if ('end' in heard) await this.lose(new StreamError('retry', 'the stream ended'));
        else if ('error' in heard) await this.lose(heard.error);
        else if ('stalled' in heard) await this.dispatch({ type: 'stall', reason: this.stallReason() });
      }
    } finally {
      controller.abort();
      // Whatever the connection still has to say about its end is of no interest.
      await next?.catch(() => undefined);
      await iterator.return?.().catch(() => undefined);
    }
  }

  private isConversing(): boolean {
    const phase = this.state.phase;
    return !this.closing && phase !== 'waiting' && phase !== 'ended';
  }

  /** What came at once becomes visible at once where that is cheaper; never later than the next turn. */
  private async take(batch: StreamEvent[]): Promise<void> {
    const { sink } = this;
    const several = batch.length > 1;
    if (several) sink.gather(true);
    try {
      for (const event of batch) {
        if (!this.isConversing()) return;
        const pending = this.dispatch(event);
        if (pending !== undefined) await pending;
        if (this.clock.now() - this.turnSince <= TURN) continue;
        if (several) sink.gather(false);
        await setImmediate();
        if (several) sink.gather(true);
        this.turnSince = this.clock.now();
      }
    } catch (error) {
      // A sink that throws breaks its contract; what it holds now is unknown, and a full list settles it.
      const reason = `a change could not be applied: ${error instanceof Error ? error.message : String(error)}`;
      await this.dispatch({ type: 'malformed', reason });
    } finally {
      if (several) sink.gather(false);
    }
  }

  private async lose(error: unknown): Promise<void> {
    if (error instanceof StreamError) {
      const { failure, message, retryAfter } = error;
      await this.dispatch({ type: 'lost', failure, reason: message, retryAfter });
    } else {
      await this.dispatch({ type: 'lost', failure: 'retry', reason: whyLost(error), retryAfter: 0 });
    }
  }

  /**
   * The next batch, or why there is none. A race of promises would be shorter, but each would hold the one after
   * it: the collector then takes whole lists for alive, and spends more on them than all the rest does.
   */
  private async hear(next: Promise<IteratorResult<StreamEvent[]>>, abort: () => void): Promise<Heard> {
    const limit = this.dialect.stallAfter ?? STALL_AFTER;
    let givenUp: Heard | undefined;
    const giveUp = (heard: Heard): void => {
      givenUp ??= heard;
      // The dialect ends soon then.
      abort();
    };
    const timer = limit > 0 ? this.clock.setTimeout(() => giveUp({ stalled: true }), limit) : undefined;
    this.interrupt = () => giveUp({ aborted: true });
    try {
      const result = await next;
      return givenUp ?? (result.done === true ? { end: true } : { batch: result.value });
    } catch (error) {
      return givenUp ?? { error };
    } finally {
      this.clock.clearTimeout(timer);
      this.interrupt = undefined;
    }
  }

  private stallReason(): string {
    return `nothing was heard for ${(this.dialect.stallAfter ?? STALL_AFTER) / 1000} s`;
  }

  private sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.clock.setTimeout(() => this.wake?.(), milliseconds);
      this.wake = () => {
        this.clock.clearTimeout(timer);
        this.wake = undefined;
        resolve();
      };
    });
  }

  /** A promise only where there is something to wait for. */
  private dispatch(event: ReflectorEvent): Promise<void> | undefined {
    this.effects.length = 0;
    this.state = step(this.state, event, this.clock.now(), this.effects);
    return this.perform(0);
  }

  private perform(from: number): Promise<void> | undefined {
    for (let i = from; i < this.effects.length; i++) {
      const effect = this.effects[i]!;
      if (effect.type !== 'commit') {
        this.performOne(effect);
        continue;
      }
      const pending = this.sink.commit();
      if (pending !== undefined) return this.goOn(pending, i + 1);
      this.problems.endList();
    }
    return undefined;
  }

  private async goOn(pending: Promise<void>, from: number): Promise<void> {
    await pending;
    this.problems.endList();
    await this.perform(from);
  }

  private performOne(effect: Exclude<Effect, { type: 'commit' }>): void {
    switch (effect.type) {
      case 'begin':
        if (effect.full) this.problems.beginList();
        this.sink.begin(effect.full, effect.revision, effect.at, this.received);
        return;
      case 'put':
        if (this.problems.any) this.problems.clear(keyText(keyOf(effect.resource)));
        this.sink.put(effect.resource, effect.place, effect.revision, effect.stamp);
        return;
      case 'delete':
        if (this.problems.any) this.problems.clear(keyText(effect.key));
        this.sink.delete(effect.key);
        return;
      case 'keep':
        this.sink.keep(effect.key, effect.stamp);
        return;
      case 'rollback':
        this.sink.rollback();
        return;
      case 'bookmark':
        this.sink.bookmark(effect.revision);
        return;
      case 'state':
        this.sink.state(effect.state, effect.reason, effect.since);
        return;
      case 'resumed':
        this.sink.resumed();
        return;
      case 'problem':
        this.problems.report(effect.scope, effect.problems);
        return;
      case 'wait':
        this.delay = effect.atLeast + backoff(effect.attempt, this.random);
        return;
      case 'connect':
      case 'disconnect':
        // The loop follows the machine's phase.
        return;
    }
  }
}

/** Node says "aborted" where the other end closed the connection in the middle. */
function whyLost(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return /^(The operation was )?aborted$/.test(error.message)
    ? 'the other end closed the connection in the middle of the stream'
    : error.message;
}
