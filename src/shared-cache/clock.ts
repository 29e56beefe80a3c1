/** A clock on which all threads of the process agree. */

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

/** Milliseconds since some moment before the process began; never goes back. */
export function monotonic(): number {
  return performance.now() + ahead;
}
