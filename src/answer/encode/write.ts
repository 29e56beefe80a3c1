/** An answer while it is being written, and what writes its parts: names from the trie, addresses, the SOA. */
import { encodeName } from '../../dns/name.ts';
import { put16, put32 } from '../../dns/octets.ts';
import * as layout from '../../trie/layout.ts';
import { putAid } from '../../trie/read/members.ts';
import { hasTextAid } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';

/** What the parts of an encoder share while one answer is written. */
export interface ResponseBuffer {
  out: Uint8Array;
  /** Where the message begins, where the next octet goes, where records must end. */
  base: number;
  at: number;
  end: number;
  answers: number;
  authority: number;
  additional: number;
  truncated: boolean;
}

export function newResponseBuffer(): ResponseBuffer {
  return {
    out: new Uint8Array(0),
    base: 0,
    at: 0,
    end: 0,
    answers: 0,
    authority: 0,
    additional: 0,
    truncated: false,
  };
}

/** True when a record of so many octets fits; else the answer is truncated there. */
export function fits(response: ResponseBuffer, octets: number): boolean {
  if (response.at + octets <= response.end) return true;
  response.truncated = true;
  return false;
}

/** Type, class IN, TTL and RDLENGTH after an owner name; returns where the rdata begins. */
export function putFixed(out: Uint8Array, at: number, type: number, ttl: number, length: number): number {
  out[at] = type >>> 8;
  out[at + 1] = type;
  out[at + 2] = 0;
  out[at + 3] = 1;
  put32(out, at + 4, ttl);
  put16(out, at + 8, length);
  return at + 10;
}

/** Octets from the arena; a loop, because a subarray would allocate. */
export function putOctets(
  out: Uint8Array,
  at: number,
  from: Uint8Array,
  offset: number,
  length: number,
): number {
  for (let i = 0; i < length; i++) out[at + i] = from[offset + i];
  return at + length;
}

/** Labels of a name node up to and with its namespace; returns the offset after them (no root octet). */
export function putNodeName(view: View, out: Uint8Array, at: number, node: number): number {
  const { words, bytes } = view;
  for (;;) {
    const meta = words[node + layout.NODE_META];
    const length = meta & 0xff;
    out[at++] = length;
    at = putOctets(out, at, bytes, (node + layout.NODE_LABEL) * 4, length);
    if (((meta >>> 8) & 0xff) === layout.NODE_NAMESPACE) return at;
    node = words[node + layout.NODE_PARENT];
  }
}

/** Octets that `putNodeName` writes. */
export function nodeNameLength(view: View, node: number): number {
  const { words } = view;
  let length = 0;
  for (;;) {
    const meta = words[node + layout.NODE_META];
    length += 1 + (meta & 0xff);
    if (((meta >>> 8) & 0xff) === layout.NODE_NAMESPACE) return length;
    node = words[node + layout.NODE_PARENT];
  }
}

/** Octets that `putReplicaLabel` writes. */
export function replicaLabelLength(view: View, pod: number): number {
  const { words } = view;
  const tail = view.tail(pod);
  const node = words[tail + layout.TAIL_NODE];
  if (words[node + layout.NODE_PARENT] === words[tail + layout.TAIL_NAMESPACE]) {
    return 1 + (words[node + layout.NODE_META] & 0xff);
  }
  return hasTextAid(words, tail) ? 1 + words[tail + layout.TAIL_AID_REST] : 12;
}

/** The label that tells a replica from its siblings: its own name where that is one label, else its aid. */
export function putReplicaLabel(view: View, out: Uint8Array, at: number, pod: number): number {
  const { words, bytes } = view;
  const tail = view.tail(pod);
  const node = words[tail + layout.TAIL_NODE];
  if (words[node + layout.NODE_PARENT] === words[tail + layout.TAIL_NAMESPACE]) {
    const length = words[node + layout.NODE_META] & 0xff;
    out[at] = length;
    return putOctets(out, at + 1, bytes, (node + layout.NODE_LABEL) * 4, length);
  }
  return putAid(view, out, at, pod);
}

/** Names that belong to the server, in wire form, made once. */
export class ServerNames {
  readonly zone: Uint8Array;
  readonly server: Uint8Array;
  private readonly hostmaster = encodeName('hostmaster').subarray(0, 11);

  constructor(zone: string) {
    this.zone = encodeName(zone);
    this.server = encodeName('ns.' + zone);
  }

  /**
   * SOA rdata at `at` (RFC 1035 section 3.3.13): `ns.Z hostmaster.Z serial refresh retry expire minimum`. The
   * second name points into the first; `base` is where the message begins.
   */
  putSoaRdata(out: Uint8Array, at: number, base: number, serial: number, minimum: number): number {
    const zoneAt = at + 3 - base;
    at = putOctets(out, at, this.server, 0, this.server.length);
    at = putOctets(out, at, this.hostmaster, 0, this.hostmaster.length);
    put16(out, at, 0xc000 | zoneAt);
    put32(out, at + 2, serial);
    put32(out, at + 6, SOA_REFRESH);
    put32(out, at + 10, SOA_RETRY);
    put32(out, at + 14, SOA_EXPIRE);
    put32(out, at + 18, minimum);
    return at + 22;
  }

  get soaLength(): number {
    return this.server.length + this.hostmaster.length + 22;
  }
}

/** The zone is never transferred; tools expect to see these values. */
const SOA_REFRESH = 3600;
const SOA_RETRY = 600;
const SOA_EXPIRE = 86400;
