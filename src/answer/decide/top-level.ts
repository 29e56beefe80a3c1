/** Tells whether a label of a question is a public top-level domain; the table is made once per thread. */
import { encodeName } from '../../dns/name.ts';
import { topLevelDomains } from '../../dns/top-level.ts';
import { hashLabel } from '../../base/half-sip-hash.ts';

/** Twice as many as there are domains, and more. */
const SLOTS = 4096;
const WIDTH = 64;
/** Labels with their length octets, zero where a slot is empty. */
const labels = new Uint8Array(SLOTS * WIDTH);

for (const domain of topLevelDomains) {
  const label = encodeName(domain);
  let slot = homeOf(label, 0);
  while (labels[slot * WIDTH] !== 0) slot = (slot + 1) % SLOTS;
  labels.set(label.subarray(0, -1), slot * WIDTH);
}

function homeOf(name: Uint8Array, offset: number): number {
  return hashLabel(0, 0, 0, name, offset) & (SLOTS - 1);
}

/** The label whose length octet stands at `name[offset]`, folded. */
export function isTopLevel(name: Uint8Array, offset: number): boolean {
  const length = name[offset];
  for (let slot = homeOf(name, offset); ; slot = (slot + 1) % SLOTS) {
    const at = slot * WIDTH;
    if (labels[at] === 0) return false;
    let i = 0;
    while (i <= length && labels[at + i] === name[offset + i]) i++;
    if (i > length) return true;
  }
}
