/** Reads records of the trie for a label of the question: which replica it names, which port. */
import type { Query } from '../../dns/query.ts';
import * as layout from '../../trie/layout.ts';
import { Cursor, podNamed } from '../../trie/read/members.ts';
import { aidTextAt, hasTextAid, nameCount, portCount, portsAt } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';

/** The part of a question that a replica is found by. */
export type Labels = Pick<Query, 'name' | 'labelOffsets'>;

/**
 * The pod among those that bear the name of `record` whose own name is the label `label` of the question, else one
 * whose aid it is; 0 when there is none. `view.node` and `view.payload` may be others afterwards.
 */
export function findReplica(view: View, record: number, query: Labels, label: number): number {
  const { words } = view;
  const kind = words[record] & 0xff;
  if (kind === layout.RECORD_CROWD) return findInCrowd(view, record, query, label);
  if (kind === layout.RECORD_POD) {
    return isCalled(view, record, query, label) || hasAid(view, record, query, label) ? record : 0;
  }
  if (kind !== layout.RECORD_SET) return 0;
  const tail = view.tail(record);
  const from = tail + layout.SET_REFS;
  let found = 0;
  for (let i = words[tail + layout.SET_PODS] - 1; i >= 0; i--) {
    const pod = words[from + i];
    if (isCalled(view, pod, query, label)) return pod;
    if (hasAid(view, pod, query, label)) found = pod;
  }
  return found;
}

/** By the pod's own name first, which is a name of its own in the trie, then by the keys of the trees. */
function findInCrowd(view: View, crowd: number, query: Labels, label: number): number {
  const { words } = view;
  const { name } = query;
  const offset = query.labelOffsets[label];
  const node = words[crowd + layout.CROWD_NODE];
  if (view.step(namespaceOf(view, node), name, offset)) {
    const pod = podNamed(view, view.node, view.payload);
    if (pod !== 0 && bears(view, pod, node)) return pod;
  }
  const key = view.hashLabel(0, name, offset) >>> (31 - layout.KEY_BITS);
  let at = crowd + layout.CROWD_LIST;
  for (let i = words[crowd + layout.CROWD_GROUPS]; i > 0; i--, at += layout.GROUP_ENTRY) {
    if ((words[at + layout.GROUP_KIND] & layout.GROUP_KIND_MASK) === layout.GROUP_SERVICE) continue;
    view.steps++;
    cursor.use(words);
    cursor.seekKey(words[at + layout.GROUP_ROOT], key);
    for (let pod = cursor.next(); pod !== 0 && cursor.key === key; pod = cursor.next()) {
      view.steps++;
      if (hasAid(view, pod, query, label)) return pod;
    }
  }
  return 0;
}

const cursor = new Cursor(new Int32Array(0));

function namespaceOf(view: View, node: number): number {
  const { words } = view;
  while (((words[node + layout.NODE_META] >>> 8) & 0xff) !== layout.NODE_NAMESPACE)
    node = words[node + layout.NODE_PARENT];
  return node;
}

/** True when `node` is one of the pod's names. */
function bears(view: View, pod: number, node: number): boolean {
  const { words } = view;
  const tail = view.tail(pod);
  if (words[tail + layout.TAIL_NODE] === node) return true;
  for (let i = nameCount(words, tail); i > 0; i--) {
    if (words[tail + layout.TAIL_NAMES + i - 1] === node) return true;
  }
  return false;
}

/** True when the label is the pod's own name. */
function isCalled(view: View, pod: number, query: Labels, label: number): boolean {
  const { words, bytes } = view;
  const offset = query.labelOffsets[label];
  const length = query.name[offset];
  const tail = view.tail(pod);
  const node = words[tail + layout.TAIL_NODE];
  return (
    (words[node + layout.NODE_META] & 0xff) === length &&
    words[node + layout.NODE_PARENT] === words[tail + layout.TAIL_NAMESPACE] &&
    sameOctets(bytes, (node + layout.NODE_LABEL) * 4, query.name, offset + 1, length)
  );
}

function hasAid(view: View, pod: number, query: Labels, label: number): boolean {
  const { words, bytes } = view;
  const { name } = query;
  const offset = query.labelOffsets[label];
  const length = name[offset];
  const tail = view.tail(pod);
  const aid = words[tail + layout.TAIL_AID];
  if (hasTextAid(words, tail)) {
    return (
      words[tail + layout.TAIL_AID_REST] === length &&
      sameOctets(bytes, aidTextAt(words, bytes, tail), name, offset + 1, length)
    );
  }
  if (length !== 11 || name[offset + 1] !== 0x70) return false;
  let rest = 0;
  const first = (hexDigit(name[offset + 2]) << 4) | hexDigit(name[offset + 3]);
  if (first !== (aid & 0xff)) return false;
  for (let i = 4; i < 12; i++) {
    const digit = hexDigit(name[offset + i]);
    if (digit < 0) return false;
    rest = (rest << 4) | digit;
  }
  return rest === words[tail + layout.TAIL_AID_REST];
}

/** Goes through the ports of one POD or SERVICE, of which several may bear one name; reused. */
export class Ports {
  private at = 0;
  private left = 0;

  /** To be called before the first `next` of a member. */
  of(view: View, member: number): void {
    const tail = view.tail(member);
    this.left = portCount(view.words, tail);
    if (this.left === 0) return;
    view.steps += this.left;
    this.at = portsAt(view.words, tail) * 4;
  }

  /**
   * The next number of a port of this protocol whose name is the question's label without its underscore (label
   * -1: of any name); 0 when there is none left.
   */
  next(view: View, query: Query, label: number, protocol: number): number {
    const { bytes } = view;
    const offset = label < 0 ? 0 : query.labelOffsets[label];
    while (this.left > 0) {
      const { at } = this;
      const length = bytes[at + 3];
      this.left--;
      this.at = at + 4 + length;
      if (bytes[at] !== protocol) continue;
      const named =
        query.name[offset] === length + 1 && sameOctets(bytes, at + 4, query.name, offset + 2, length);
      if (label < 0 || named) return (bytes[at + 1] << 8) | bytes[at + 2];
    }
    return 0;
  }
}

const ports = new Ports();

/** The first such number of one POD or SERVICE, or 0. */
export function portOf(view: View, member: number, query: Query, label: number, protocol: number): number {
  ports.of(view, member);
  return ports.next(view, query, label, protocol);
}

function sameOctets(a: Uint8Array, aOffset: number, b: Uint8Array, bOffset: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[aOffset + i] !== b[bOffset + i]) return false;
  return true;
}

function hexDigit(octet: number): number {
  if (octet >= 0x30 && octet <= 0x39) return octet - 0x30;
  if (octet >= 0x61 && octet <= 0x66) return octet - 0x57;
  return -1;
}
