/** Time that only goes on, made of a wall clock that people and programs set. */

/**
 * Milliseconds. Set forward, it counts what it jumped over: too old is said too early, never too late. Set back, it
 * goes on from where it was. Ask now and then: what passes between a question and a jump back is lost.
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
