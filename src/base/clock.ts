/** The clocks of the process. What waits takes a `Clock`, so that tests move time by hand. */

/** Monotonic milliseconds with timers. */
export interface Clock {
  now(): number;
  /** Returns what `clearTimeout` takes. */
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** Its timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms).unref(),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};

/**
 * Its timers keep the process alive: for sources, whose only sign of life may be the pause before the next attempt.
 */
export const holdingClock: Clock = { ...systemClock, setTimeout: (run, ms) => setTimeout(run, ms) };

/**
 * performance.now() counts from the start of its own thread, process.hrtime() from the same moment in all of them
 * but makes an object at every call: so the one is moved by what tells them apart. The nearest pair of readings
 * counts, because a thread may be put to sleep between the two.
 */
function difference(): number {
  let best = 0;
  let nearest = Infinity;
  for (let i = 0; i < 5; i++) {
    const before = performance.now();
    const [seconds, nanoseconds] = process.hrtime();
    const took = performance.now() - before;
    if (took >= nearest) continue;
    nearest = took;
    best = seconds * 1000 + nanoseconds / 1e6 - before - took / 2;
  }
  return best;
}

const ahead = difference();

/** Milliseconds since some moment before the process began, the same on all threads; never goes back. */
export function monotonic(): number {
  return performance.now() + ahead;
}

/**
 * Monotonic milliseconds, made from a wall clock that people and programs may set. A jump forward of the wall clock counts, so that a view is called old too early rather than too late.
 * After a jump back the time continues from its last value. Call it regularly: the time between the last call and a
 * jump back is lost.
 */
export function monotonicBy(wallClock: () => number): () => number {
  let last = wallClock();
  let ahead = 0;
  return () => {
    const now = wallClock();
    if (now < last) ahead += last - now;
    last = now;
    return now + ahead;
  };
}
