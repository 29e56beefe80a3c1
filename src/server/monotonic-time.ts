/** Monotonic time, made from a wall clock that people and programs may set. */

/**
 * Milliseconds. A jump forward of the wall clock counts, so that a view is called old too early rather than too late.
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
