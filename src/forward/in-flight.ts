/** Questions in flight: equal ones are asked once, and every client that asked gets the answer. */
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
  /** Equal for questions that differ in DO and CD alone. */
  readonly alike: string;
  readonly question: Question;
  readonly tenant: number;
  readonly waiters: Set<Waiter<R>>;
  resolution: Resolution | undefined;
  /** Its result is for those that wait, and is not kept: the VPC has gone, or has other upstreams now. */
  disowned: boolean;
  /** A client at an upstream's own address asked us the same question meanwhile: that upstream may be asking us. */
  echoed: string;
  /** Ends it with this. */
  finish(result: ResolutionResult): void;
}

export class InFlight<R> {
  /** Those that may be joined. */
  private readonly inFlight = new Map<string, PendingQuestion<R>>();
  private readonly disowned = new Set<PendingQuestion<R>>();
  private readonly kin = new Map<string, Set<PendingQuestion<R>>>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.inFlight.size + this.disowned.size;
  }

  find(key: string): PendingQuestion<R> | undefined {
    return this.inFlight.get(key);
  }

  /** Those in the air with this `alike`. */
  alike(alike: string): ReadonlySet<PendingQuestion<R>> | undefined {
    return this.kin.get(alike);
  }

  /**
   * Registers a pending question; `launch` makes its resolution, whose result goes to `conclude` once the pending
   * question is over.
   */
  start(
    parts: Pick<PendingQuestion<R>, 'key' | 'alike' | 'question' | 'tenant'>,
    first: Waiter<R> | undefined,
    launch: (done: (result: ResolutionResult) => void) => Resolution,
    conclude: (pending: PendingQuestion<R>, result: ResolutionResult) => void,
  ): PendingQuestion<R> {
    const waiters = new Set<Waiter<R>>();
    if (first !== undefined) waiters.add(first);
    const finish = (result: ResolutionResult): void => {
      pending.resolution?.cancel();
      if (!this.disowned.delete(pending)) this.inFlight.delete(pending.key);
      this.part(pending);
      conclude(pending, result);
      if (this.size === 0) this.emptied?.();
    };
    const pending: PendingQuestion<R> = {
      ...parts,
      waiters,
      resolution: undefined,
      disowned: false,
      echoed: '',
      finish,
    };
    this.inFlight.set(pending.key, pending);
    const kin = this.kin.get(pending.alike) ?? new Set();
    this.kin.set(pending.alike, kin.add(pending));
    pending.resolution = launch(finish);
    return pending;
  }

  /** The questions in flight of this VPC are not joined any more, and their results are not kept. */
  detach(tenant: number): void {
    for (const [key, pending] of this.inFlight) {
      if (pending.tenant !== tenant) continue;
      this.inFlight.delete(key);
      this.part(pending);
      pending.disowned = true;
      this.disowned.add(pending);
    }
  }

  /** Ends all questions in flight without a result and returns them. */
  cancel(): PendingQuestion<R>[] {
    const inFlight = [...this.inFlight.values(), ...this.disowned];
    this.inFlight.clear();
    this.disowned.clear();
    this.kin.clear();
    for (const { resolution } of inFlight) resolution?.cancel();
    return inFlight;
  }

  private part(pending: PendingQuestion<R>): void {
    const kin = this.kin.get(pending.alike);
    kin?.delete(pending);
    if (kin?.size === 0) this.kin.delete(pending.alike);
  }

  /** Calls back once, when nothing is in flight. */
  whenEmpty(run: () => void): void {
    if (this.size === 0) run();
    else this.emptied = run;
  }
}
