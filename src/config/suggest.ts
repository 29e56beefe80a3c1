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

/** ` (did you mean "listen"?)`, or '' if no word is near. */
export function didYouMean(wrong: string, words: readonly string[]): string {
  let best = '';
  let least = Math.max(1, Math.floor(wrong.length / 3)) + 1;
  for (const candidate of words) {
    const far = distance(wrong.toLowerCase().replaceAll('-', '_'), candidate);
    if (far < least) {
      least = far;
      best = candidate;
    }
  }
  return best === '' ? '' : ` (did you mean "${best}"?)`;
}
