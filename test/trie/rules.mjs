/** What every revision of the threads' test holds, in one place for the writer and for the readers. */

/** In which revision a pair was last changed, or -1 when it is not there: the state is a function of the revision. */
export function expected(revision, pair) {
  const period = pair + 2;
  const last = revision - (revision % period);
  return pair % 2 === 1 && (last / period) % 5 === 0 ? -1 : last;
}
