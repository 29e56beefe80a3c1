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
  readonly tenant: number;
  readonly waiters: Set<Waiter<R>>;
  turn: Turn | undefined;
  /** What it brings is for those that wait, and not kept: the VPC has gone, or asks others by now. */
  disowned: boolean;
  /** Someone at an upstream's own address asked us the same question meanwhile: that upstream may be asking us. */
  echoed: string;
}

export class Flights<R> {
  /** Those that may be joined. */
  private readonly flights = new Map<string, Flight<R>>();
  private readonly disowned = new Set<Flight<R>>();
  private emptied: (() => void) | undefined;

  get size(): number {
    return this.flights.size + this.disowned.size;
  }

  find(key: string): Flight<R> | undefined {
    return this.flights.get(key);
  }

  /** Registers a flight; `launch` makes its turn, whose result goes to `land` once the flight is over. */
  start(
    key: string,
    tenant: number,
    first: Waiter<R> | undefined,
    launch: (done: (result: TurnResult) => void) => Turn,
    land: (flight: Flight<R>, result: TurnResult) => void,
  ): Flight<R> {
    const waiters = new Set<Waiter<R>>();
    if (first !== undefined) waiters.add(first);
    const flight: Flight<R> = { key, tenant, waiters, turn: undefined, disowned: false, echoed: '' };
    this.flights.set(key, flight);
    flight.turn = launch((result) => {
      if (!this.disowned.delete(flight)) this.flights.delete(key);
      land(flight, result);
      if (this.size === 0) this.emptied?.();
    });
    return flight;
  }

  /** Nobody joins the flights of this VPC any more, and what they bring is not kept. */
  disown(tenant: number): void {
    for (const [key, flight] of this.flights) {
      if (flight.tenant !== tenant) continue;
      this.flights.delete(key);
      flight.disowned = true;
      this.disowned.add(flight);
    }
  }

  /** Ends all flights without a result and returns them. */
  cancel(): Flight<R>[] {
    const flights = [...this.flights.values(), ...this.disowned];
    this.flights.clear();
    this.disowned.clear();
    for (const { turn } of flights) turn?.cancel();
    return flights;
  }

  /** Calls back once, when nothing is in flight. */
  whenEmpty(run: () => void): void {
    if (this.size === 0) run();
    else this.emptied = run;
  }
}
