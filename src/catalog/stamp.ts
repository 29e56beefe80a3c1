/** Stamps: what orders claims, whole numbers below 2^64 in the two words that a packed record has for one. */

/** Both unsigned, 32 bits each. */
export interface StampWords {
  high: number;
  low: number;
}

/**
 * In `high`: the age of a VPC to which the state gives no number, only a place in its order; the other bits count
 * those places. So it is younger than every VPC of its source that has a number.
 */
export const PLACED = 0x80000000;

const WORD = 2 ** 32;
const DIGITS = 20;
/** Digits that a double holds, whatever they are. */
const EXACT = 15;

/**
 * Reads a decimal number without leading zeros; false for any other text, and for more than 20 digits. A number
 * of 2^64 or more counts as 2^64 - 1. Exact, and allocates nothing.
 */
export function readStamp(text: string, into: StampWords): boolean {
  const { length } = text;
  if (length === 0 || length > DIGITS || (length > 1 && text.charCodeAt(0) === 0x30)) return false;
  let value = 0;
  let high = 0;
  for (let i = 0; i < length; i++) {
    // Up to here one number holds it exactly.
    if (i >= EXACT) {
      const carry = Math.floor(value / WORD);
      value -= carry * WORD;
      high = (high + carry) * 10;
    }
    const digit = text.charCodeAt(i) - 0x30;
    if (digit < 0 || digit > 9) return false;
    value = value * 10 + digit;
  }
  const carry = Math.floor(value / WORD);
  set(into, high + carry, value - carry * WORD);
  return true;
}

/** Sets `into` to a number that is exact, or nearly so. */
export function setStamp(into: StampWords, number: number): void {
  set(into, Math.floor(number / WORD), number % WORD);
}

function set(into: StampWords, high: number, low: number): void {
  const fits = high < WORD;
  into.high = fits ? high : WORD - 1;
  into.low = fits ? low : WORD - 1;
}

export function stampOf(high: number, low: number): bigint {
  // Nearly all are below 2^53, and one number is made faster than three.
  return high < 0x200000 ? BigInt(high * WORD + low) : (BigInt(high) << 32n) | BigInt(low);
}

export function stampText(high: number, low: number): string {
  return high < 0x200000 ? String(high * WORD + low) : String(stampOf(high, low));
}

/** Sets `into` to the age of the VPC at this place, from 1, in the order of a state. */
export function setPlace(into: StampWords, place: number): void {
  set(into, PLACED + Math.floor(place / WORD), place % WORD);
}

/** The place that an age stands for; 0 where it is a number of the state. */
export function placeOf({ high, low }: StampWords): number {
  return high < PLACED ? 0 : (high - PLACED) * WORD + low;
}
