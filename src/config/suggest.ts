/** The word that the user probably meant: the nearest by edit distance, if it is near enough. */

/** How many letters must be put in, left out, changed or swapped with their neighbour. Of short words. */
export function distance(a: string, b: string): number {
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + change);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        least = Math.min(least, before[j - 2]! + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length]!;
}

/**
 * The nearest word, or '' if none is near. A word that the wrong one begins or continues is nearer than one that only
 * looks alike: `etcd_ca` means `etcd_ca_file`, `docker_sock` means `docker`.
 */
export function nearest(wrong: string, words: readonly string[]): string {
  const folded = wrong.toLowerCase().replaceAll('-', '_');
  const extended = words
    .filter((word) => word !== '' && (folded.startsWith(`${word}_`) || word.startsWith(`${folded}_`)))
    .sort((a, b) => Number(folded.startsWith(a)) - Number(folded.startsWith(b)) || a.length - b.length);
  let best = '';
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1;
  for (const candidate of words) {
    const far = distance(folded, candidate);
    if (far < least) {
      least = far;
      best = candidate;
    }
  }
  return least <= 2 || extended.length === 0 ? best : extended[0]!;
}

/** ` (did you mean "listen"?)`, or '' if no word is near. */
export function didYouMean(wrong: string, words: readonly string[]): string {
  const best = nearest(wrong, words);
  return best === '' ? '' : ` (did you mean "${best}"?)`;
}
