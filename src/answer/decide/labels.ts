/** Labels of the question: walked through the trie, or compared with what they may be. */
import type { Query } from '../../dns/query.ts';
import type { View } from '../../trie/read/view.ts';

/**
 * From `root` along the labels `first` … `end - 1` of the question, rightmost first. True when the node exists;
 * then `view.node` and `view.payload` are its own. False without labels.
 */
export function walk(view: View, root: number, query: Query, first: number, end: number): boolean {
  let node = root;
  for (let i = end - 1; i >= first; i--) {
    if (!view.stepAlong(node, query.name, query.labelOffsets[i])) return false;
    node = view.node;
  }
  return end > first;
}

/** tcp, udp, sctp as in the record, or -1: the protocol that a label `_tcp`, `_udp`, `_sctp` names. */
export function protocolOf(query: Query, label: number): number {
  const { name } = query;
  const at = query.labelOffsets[label];
  if (name[at + 1] !== 0x5f) return -1;
  if (name[at] === 4) {
    if (name[at + 2] === 0x74 && name[at + 3] === 0x63 && name[at + 4] === 0x70) return 0;
    if (name[at + 2] === 0x75 && name[at + 3] === 0x64 && name[at + 4] === 0x70) return 1;
  }
  if (
    name[at] === 5 &&
    name[at + 2] === 0x73 &&
    name[at + 3] === 0x63 &&
    name[at + 4] === 0x74 &&
    name[at + 5] === 0x70
  ) {
    return 2;
  }
  return -1;
}

/** True when the question's label can be no top-level domain: it is all digits, or begins with an underscore. */
export function isNeverTopLevel(query: Query, label: number): boolean {
  const { name } = query;
  const at = query.labelOffsets[label];
  if (name[at + 1] === 0x5f) return true;
  for (let i = at + name[at]; i > at; i--) if (name[i] < 0x30 || name[i] > 0x39) return false;
  return true;
}

/** True when the question's label is this text (lower-case ASCII). */
export function isLabel(query: Query, label: number, text: string): boolean {
  const at = query.labelOffsets[label];
  if (query.name[at] !== text.length) return false;
  for (let i = 0; i < text.length; i++) if (query.name[at + 1 + i] !== text.charCodeAt(i)) return false;
  return true;
}
