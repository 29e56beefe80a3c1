/** Questions in flight: equal ones are asked once, and everyone who asked gets the answer. */
import type { Question } from './question.ts';
import type { Turn, TurnResult } from './resolution.ts';

/** A client that waits for a flight. */
export interface Waiter<R> {
  request: R;
  reply: (answer: Uint8Array) => void;
  /** Runs out when an expired answer is better than waiting on. */
  staleTimer: unknown;
  /** It has been given an expired answer. Its place is taken until the flight is over. */
  isServed: boolean;
}

export interface Flight<R> {
  readonly key: string;
  /** Equal for questions that differ in DO and CD alone. */
  readonly alike: string;
  readonly question: Question;
  readonly tenant: number;
  readonly waiters: Set<Waiter<R>>;
  turn: Turn | undefined;
  /** What it brings is for those that wait, and not kept: the VPC has gone, or asks others by now. */
  disowned: boolean;
  /** Someone at an upstream's own address asked us the same question meanwhile: that upstream may be asking us. */
  echoed: string;
  /** Ends it with this. */
  finish(result: TurnResult): void;
}

export class Flights<R> {
  /** Those that may be joined. */
  private readonly flights = new Map<string, Flight<R>>();
  private readonly disowned = new Set<Flight<R>>();
  private readonly kin = new Map<string, Set<Flight<R>>>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.flights.size + this.disowned.size;
  }

  find(key: string): Flight<R> | undefined {
    return this.flights.get(key);
  }

  /** Those in the air with this `alike`. */
  alike(alike: string): ReadonlySet<Flight<R>> | undefined {
    return this.kin.get(alike);
  }

  /** Registers a flight; `launch` makes its turn, whose result goes to `land` once the flight is over. */
  start(
    parts: Pick<Flight<R>, 'key' | 'alike' | 'question' | 'tenant'>,
    first: Waiter<R> | undefined,
    launch: (done: (result: TurnResult) => void) => Turn,
    land: (flight: Flight<R>, result: TurnResult) => void,
  ): Flight<R> {
    const waiters = new Set<Waiter<R>>();
    if (first !== undefined) waiters.add(first);
    const finish = (result: TurnResult): void => {
      flight.turn?.cancel();
      if (!this.disowned.delete(flight)) this.flights.delete(flight.key);
      this.part(flight);
      land(flight, result);
      if (this.size === 0) this.emptied?.();
    };
    const flight: Flight<R> = { ...parts, waiters, turn: undefined, disowned: false, echoed: '', finish };
    this.flights.set(flight.key, flight);
    const kin = this.kin.get(flight.alike) ?? new Set();
    this.kin.set(flight.alike, kin.add(flight));
    flight.turn = launch(finish);
    return flight;
  }

  /** Nobody joins the flights of this VPC any more, and what they bring is not kept. */
  disown(tenant: number): void {
    for (const [key, flight] of this.flights) {
      if (flight.tenant !== tenant) continue;
      this.flights.delete(key);
      this.part(flight);
      flight.disowned = true;
      this.disowned.add(flight);
    }
  }

  /** Ends all flights without a result and returns them. */
  cancel(): Flight<R>[] {
    const flights = [...this.flights.values(), ...this.disowned];
    this.flights.clear();
    this.disowned.clear();
    this.kin.clear();
    for (const { turn } of flights) turn?.cancel();
    return flights;
  }

  private part(flight: Flight<R>): void {
    const kin = this.kin.get(flight.alike);
    kin?.delete(flight);
    if (kin?.size === 0) this.kin.delete(flight.alike);
  }

  /** Calls back once, when nothing is in flight. */
  whenEmpty(run: () => void): void {
    if (this.size === 0) run();
    else this.emptied = run;
  }
}
