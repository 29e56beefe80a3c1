/** The names of overlays that are made from names of networks, which may be longer and hold more characters. */
import { foldLabel } from '../validate/names.ts';

/** Octets of a label (RFC 1035 section 2.3.4). */
export const LABEL_MAX = 63;

/**
 * By name of a network: an overlay's name is one label in lower case. Names that are such a label keep it, the others
 * get a free one, in their order.
 */
export function overlayNames(keys: readonly string[]): Map<string, string> {
  const names = new Map<string, string>();
  const used = new Set(keys.filter((key) => foldLabel(key) === key));
  const numbers = new Map<string, number>();
  for (const key of used) names.set(key, key);
  for (const key of keys) {
    if (names.has(key)) continue;
    const plain = plainLabel(key);
    const name = freeLabel(plain, used, numbers);
    used.add(name);
    names.set(key, name);
  }
  return names;
}

/** The text as a label: lower case, and `-` in place of what a label cannot hold. */
export function plainLabel(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '-')
    .slice(0, LABEL_MAX);
}

/** The label itself, or with the first number behind it that nobody uses. `numbers`: where the search goes on. */
export function freeLabel(
  plain: string,
  used: { has(name: string): boolean },
  numbers: Map<string, number> = new Map(),
): string {
  let name = plain;
  let number = numbers.get(plain) ?? 2;
  for (; used.has(name); number++) {
    const end = `-${number}`;
    name = plain.slice(0, LABEL_MAX - end.length) + end;
  }
  numbers.set(plain, number);
  return name;
}
