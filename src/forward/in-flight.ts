/** Questions in flight: equal ones are asked once, and every client that asked gets the answer. */
import { keysAlike } from './cache/keys.ts';
import type { Question } from './question.ts';
import type { Resolution, ResolutionResult } from './resolution.ts';

/** A client that waits for a pending question. */
export interface Waiter<R> {
  request: R;
  reply: (answer: Uint8Array) => void;
  /** Runs out when an expired answer is better than waiting on. */
  staleTimer: unknown;
  /** It has been given an expired answer. Its place is taken until the pending question is over. */
  isServed: boolean;
}

export interface PendingQuestion<R> {
  readonly key: string;
  readonly question: Question;
  readonly tenant: number;
  readonly waiters: Waiter<R>[];
  resolution: Resolution | undefined;
  /** Its result is for those that wait, and is not kept: the VPC has gone, or has other upstreams now. */
  disowned: boolean;
  /** A client at an upstream's own address asked us the same question meanwhile: that upstream may be asking us. */
  echoed: string;
  /** Ends it with this. */
  finish(result: ResolutionResult): void;
}

/**
 * Where a map leads to, emptied with its entry. V8 gives a map new tables as entries come and go, and each old table leads
 * to the next: one of them that has grown old keeps all entries since, until a full collection finds them.
 */
interface Place<R> {
  pending: PendingQuestion<R> | undefined;
}

export class InFlight<R> {
  /** Those that may be joined. */
  private readonly inFlight = new Map<string, Place<R>>();
  private readonly disowned = new Set<PendingQuestion<R>>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.inFlight.size + this.disowned.size;
  }

  find(key: string): PendingQuestion<R> | undefined {
    return this.inFlight.get(key)?.pending;
  }

  /** Those that differ from the question with this key in DO and CD alone, and that one. */
  alike(key: string): PendingQuestion<R>[] {
    return keysAlike(key).flatMap((each) => this.find(each) ?? []);
  }

  /**
   * Registers a pending question; `launch` makes its resolution, whose result goes to `conclude` once the pending
   * question is over.
   */
  start(
    parts: Pick<PendingQuestion<R>, 'key' | 'question' | 'tenant'>,
    first: Waiter<R> | undefined,
    launch: (done: (result: ResolutionResult) => void) => Resolution,
    conclude: (pending: PendingQuestion<R>, result: ResolutionResult) => void,
  ): PendingQuestion<R> {
    const finish = (result: ResolutionResult): void => {
      pending.resolution?.cancel();
      if (!this.disowned.delete(pending)) this.remove(pending.key);
      conclude(pending, result);
      if (this.size === 0) this.emptied?.();
    };
    const pending: PendingQuestion<R> = {
      ...parts,
      waiters: first === undefined ? [] : [first],
      resolution: undefined,
      disowned: false,
      echoed: '',
      finish,
    };
    this.inFlight.set(pending.key, { pending });
    pending.resolution = launch(finish);
    return pending;
  }

  /** The questions in flight of this VPC are not joined any more, and their results are not kept. */
  detach(tenant: number): void {
    for (const [key, { pending }] of this.inFlight) {
      if (pending?.tenant !== tenant) continue;
      this.remove(key);
      pending.disowned = true;
      this.disowned.add(pending);
    }
  }

  /** Ends all questions in flight without a result and returns them. */
  cancel(): PendingQuestion<R>[] {
    const joinable = [...this.inFlight.values()].flatMap(({ pending }) => pending ?? []);
    const inFlight = [...joinable, ...this.disowned];
    this.inFlight.clear();
    this.disowned.clear();
    for (const { resolution } of inFlight) resolution?.cancel();
    return inFlight;
  }

  private remove(key: string): void {
    const place = this.inFlight.get(key);
    if (place !== undefined) place.pending = undefined;
    this.inFlight.delete(key);
  }

  /** Calls back once, when nothing is in flight. */
  whenEmpty(run: () => void): void {
    if (this.size === 0) run();
    else this.emptied = run;
  }
}
