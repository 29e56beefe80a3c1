/** Medians and spreads of what was measured in rounds. */

export function median(numbers) {
  return quantile(numbers, 0.5);
}

/** Between the two nearest, where none stands there. NaN of nothing. */
export function quantile(numbers, q) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const place = (sorted.length - 1) * q;
  const below = sorted[Math.floor(place)] ?? NaN;
  return below + ((sorted[Math.ceil(place)] ?? NaN) - below) * (place % 1);
}

export const round = (number, digits = 2) => Number(number.toFixed(digits));

/** The spread that stands beside a median: from where to where the middle half of the rounds lies. */
export function middleHalf(numbers, digits = 3) {
  return [round(quantile(numbers, 0.25), digits), round(quantile(numbers, 0.75), digits)];
}

/** As the files of figures hold what was measured in rounds. */
export function summary(numbers, digits = 3) {
  return {
    median: round(median(numbers), digits),
    half: middleHalf(numbers, digits),
    rounds: numbers.length,
  };
}
