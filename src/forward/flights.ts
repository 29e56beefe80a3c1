/** Questions in flight: equal ones are asked once, and everyone who asked gets the answer. */
import type { Turn, TurnResult } from './turn.ts';

/** A client that waits for a flight. */
export interface Waiter<R> {
  request: R;
  reply: (answer: Uint8Array) => void;
  /** Runs out when an expired answer is better than waiting on. */
  staleTimer: unknown;
}

export interface Flight<R> {
  readonly key: string;
  readonly vpc: string;
  readonly waiters: Set<Waiter<R>>;
  turn: Turn | undefined;
  /** Someone at an upstream's own address asked us the same question meanwhile: that upstream may be asking us. */
  echoed: string;
}

export class Flights<R> {
  private readonly flights = new Map<string, Flight<R>>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.flights.size;
  }

  find(key: string): Flight<R> | undefined {
    return this.flights.get(key);
  }

  /** Registers a flight; `launch` makes its turn, whose result goes to `land` once the flight is over. */
  start(
    key: string,
    vpc: string,
    first: Waiter<R> | undefined,
    launch: (done: (result: TurnResult) => void) => Turn,
    land: (flight: Flight<R>, result: TurnResult) => void,
  ): Flight<R> {
    const waiters = new Set<Waiter<R>>();
    if (first !== undefined) waiters.add(first);
    const flight: Flight<R> = { key, vpc, waiters, turn: undefined, echoed: '' };
    this.flights.set(key, flight);
    flight.turn = launch((result) => {
      this.flights.delete(key);
      land(flight, result);
      if (this.flights.size === 0) this.emptied?.();
    });
    return flight;
  }

  /** Ends all flights without a result and returns them. */
  cancel(): Flight<R>[] {
    const flights = [...this.flights.values()];
    this.flights.clear();
    for (const { turn } of flights) turn?.cancel();
    return flights;
  }

  /** Calls back once, when nothing is in flight. */
  whenEmpty(run: () => void): void {
    if (this.flights.size === 0) run();
    else this.emptied = run;
  }
}
