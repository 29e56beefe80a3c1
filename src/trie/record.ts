/** Accessors: unpack the words of one node or record that `layout.ts` draws. `tail` is what `tailOf` returns. */
import * as layout from './layout.ts';

/** One of NODE_PLAIN, NODE_VPC, NODE_NAMESPACE. */
export function nodeKind(words: Int32Array, node: number): number {
  return (words[node + layout.NODE_META] >>> 8) & 0xff;
}

export function labelLength(words: Int32Array, node: number): number {
  return words[node + layout.NODE_META] & 0xff;
}

/** Words that were allocated for a node with a label of this length. */
export function nodeWords(labelLength: number, kind: number): number {
  return layout.NODE_LABEL + ((labelLength + 3) >>> 2) + (kind === layout.NODE_NAMESPACE ? 1 : 0);
}

/** One of RECORD_*. */
export function kindOf(words: Int32Array, record: number): number {
  return words[record] & 0xff;
}

/** First word after the A rdata of a POD, SERVICE or SET. */
export function tailOf(words: Int32Array, record: number): number {
  return (
    record +
    layout.RRSET_AAAA +
    4 * words[record + layout.RRSET_AAAA_COUNT] +
    words[record + layout.RRSET_A_COUNT]
  );
}

/** Members of a SET, which are listed from `SET_REFS` on. */
export function memberCount(words: Int32Array, tail: number): number {
  return words[tail + layout.SET_PODS] + words[tail + layout.SET_SERVICES];
}

/** Names of a POD or SERVICE besides its own, whose nodes are listed from `TAIL_NAMES` on. */
export function nameCount(words: Int32Array, tail: number): number {
  return (words[tail + layout.TAIL_COUNTS] >>> 16) & 0xff;
}

export function attachmentCount(words: Int32Array, tail: number): number {
  return words[tail + layout.TAIL_COUNTS] >>> 24;
}

/** Where the first attachment begins, if there is one; `attachmentAfter` leads to the others. */
export function attachmentsAt(words: Int32Array, tail: number): number {
  return tail + layout.TAIL_NAMES + nameCount(words, tail);
}

/** Where the next attachment begins, after the one at `at`. */
export function attachmentAfter(words: Int32Array, at: number): number {
  return (
    at + layout.ATTACHMENT_IP6 + ((words[at + layout.ATTACHMENT_FLAGS] & layout.ATTACHED_IP6) !== 0 ? 4 : 0)
  );
}

export function portCount(words: Int32Array, tail: number): number {
  return words[tail + layout.TAIL_AID] >>> 16;
}

/** Word index after the attachments, where the ports begin. */
export function portsAt(words: Int32Array, tail: number): number {
  let at = attachmentsAt(words, tail);
  for (let i = attachmentCount(words, tail); i > 0; i--) at = attachmentAfter(words, at);
  return at;
}

/** Octet offset after the ports, where the text of an AID_TEXT begins. */
export function aidTextAt(words: Int32Array, bytes: Uint8Array, tail: number): number {
  let at = portsAt(words, tail) * 4;
  for (let i = portCount(words, tail); i > 0; i--) at += 4 + bytes[at + 3];
  return at;
}

/** True when the aid is not `p` or `s` and ten hex digits. */
export function hasTextAid(words: Int32Array, tail: number): boolean {
  return ((words[tail + layout.TAIL_AID] >>> 8) & 0xff) === layout.AID_TEXT;
}

/** Words that were allocated for a POD, SERVICE or SET: `release` needs them. */
export function recordWords(words: Int32Array, bytes: Uint8Array, record: number): number {
  const tail = tailOf(words, record);
  if (kindOf(words, record) === layout.RECORD_SET)
    return tail + layout.SET_REFS + memberCount(words, tail) - record;
  const text = hasTextAid(words, tail) ? words[tail + layout.TAIL_AID_REST] : 0;
  return ((aidTextAt(words, bytes, tail) + text + 3) >>> 2) - record;
}
