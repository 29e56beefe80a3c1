/** Tells whether a label of a question is a public top-level domain; the table is made once per thread. */
import { topLevelDomains } from '../../dns/top-level.ts';

/** Twice as many as there are domains, and more. */
const SLOTS = 4096;
const WIDTH = 64;
/** Labels with their length octets, zero where a slot is empty. */
const labels = new Uint8Array(SLOTS * WIDTH);

// Every thread does this before its first answer: a keyed hash of what anybody can read would only take longer.
for (const domain of topLevelDomains) {
  let hash = 0;
  for (let i = 0; i < domain.length; i++) hash = add(hash, domain.charCodeAt(i));
  let at = placeOf(hash);
  while (labels[at] !== 0) at = next(at);
  labels[at++] = domain.length;
  for (let i = 0; i < domain.length; i++) labels[at + i] = domain.charCodeAt(i);
}

/** FNV-1a. */
function add(hash: number, octet: number): number {
  return Math.imul(hash ^ octet, 0x01000193);
}

function placeOf(hash: number): number {
  return ((hash ^ (hash >>> 16)) & (SLOTS - 1)) * WIDTH;
}

function next(at: number): number {
  return (at + WIDTH) % (SLOTS * WIDTH);
}

/** The label whose length octet stands at `name[offset]`, folded. */
export function isTopLevel(name: Uint8Array, offset: number): boolean {
  const length = name[offset];
  let hash = 0;
  for (let i = 1; i <= length; i++) hash = add(hash, name[offset + i]);
  for (let at = placeOf(hash); labels[at] !== 0; at = next(at)) {
    let i = 0;
    while (i <= length && labels[at + i] === name[offset + i]) i++;
    if (i > length) return true;
  }
  return false;
}
