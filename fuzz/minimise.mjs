/** Delta debugging (Zeller 2002): the smallest input found that still fails in the same way. */

/** Trials for one input. */
const TRIALS_MAX = 800;

/**
 * @param {Buffer} input
 * @param {(candidate: Buffer) => Promise<boolean>} fails
 * @returns {Promise<Buffer>}
 */
export async function minimise(input, fails) {
  let best = input;
  let trials = 0;
  const attempt = async (candidate) => {
    if (candidate.length >= best.length && candidate.equals(best)) return false;
    if (++trials > TRIALS_MAX || !(await fails(candidate))) return false;
    best = candidate;
    return true;
  };
  for (let parts = 2; best.length > 0 && trials <= TRIALS_MAX;) {
    const size = Math.ceil(best.length / parts);
    let smaller = false;
    for (let at = 0; at < best.length;) {
      if (await attempt(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]))) smaller = true;
      else at += size;
    }
    if (smaller) continue;
    if (size <= 1) break;
    parts = Math.min(best.length, parts * 2);
  }
  // Octets that do not matter become zero (or a space, in a text), so that the ones that do stand out.
  const filler = best.some((octet) => octet < 9) ? 0 : 0x20;
  for (let at = 0; at < best.length && trials <= TRIALS_MAX; at++) {
    if (best[at] === filler) continue;
    const candidate = Buffer.from(best);
    candidate[at] = filler;
    await attempt(candidate);
  }
  return best;
}
