/** Reads what a thread has recorded, while it writes on: a torn entry is found by its sequence number. */
import { formatAddress } from '../../dns/address.ts';
import { labelText } from '../../dns/name.ts';
import * as layout from './layout.ts';
import type { RecordMemory } from './layout.ts';

/** One answer as it was recorded. */
export interface Recorded {
  /** Of this thread, modulo 2^32. */
  number: number;
  /** Milliseconds since 1970. */
  time: number;
  address: string;
  port: number;
  id: number;
  /** '' where the client's VPC, namespace or pod was not known. */
  vpc: string;
  namespace: string;
  pod: string;
  /** With its final dot, or with `…` in front of it where it was cut; '' where the message has no question. */
  name: string;
  type: number;
  rcode: number;
  /** Number and text (an index of EDE_TEXTS) of the extended error; -1 for none. */
  ede: number;
  edeText: number;
  reasons: number[];
  revision: number;
  /** Microseconds; 0 where it was answered at once. */
  duration: number;
  weight: number;
  /** FLAG_*. */
  flags: number;
}

/** Which answers are wanted; all where it is empty. */
export interface RecordedFilter {
  vpc?: string | undefined;
  /** Either of these. */
  addresses?: ReadonlySet<string> | undefined;
  namespace?: string | undefined;
  pod?: string | undefined;
}

/** Reads of an entry that is written again and again before it is left out. */
const ATTEMPTS = 4;

export class RecordReader {
  private readonly words: Int32Array;
  private readonly copy = new Int32Array(layout.ENTRY_WORDS);
  private readonly octets = new Uint8Array(this.copy.buffer);
  readonly sets: number;
  /** Entries that were being written at each of the attempts. */
  torn = 0;

  constructor({ words }: RecordMemory) {
    this.words = new Int32Array(words);
    this.sets = this.words[layout.HEAD_SETS]!;
  }

  /** The number that the next entry gets. */
  get next(): number {
    return Atomics.load(this.words, layout.HEAD_NUMBER);
  }

  /** Entries ever written to the ring of the query log, and to the sampled ring. */
  get logged(): number {
    return Atomics.load(this.words, layout.HEAD_LOGGED);
  }

  get sampledCount(): number {
    return Atomics.load(this.words, layout.HEAD_SAMPLED);
  }

  /** What is kept of the clients of one set of slots; `since`: only entries from that number on. */
  *ofSet(set: number, since?: number): Generator<Recorded> {
    for (let way = 0; way < layout.WAYS; way++) {
      const slot = layout.slotAt(set, way);
      if (this.words[slot + layout.SLOT_COUNT] === 0) continue;
      if (since !== undefined && (this.words[slot + layout.SLOT_LAST]! - since) << 0 < 0) continue;
      for (let i = 0; i < layout.SLOT_ENTRIES; i++) {
        const recorded = this.read(layout.slotEntryAt(slot, i), since);
        if (recorded !== undefined) yield recorded;
      }
    }
  }

  /** The samples for `top`. */
  *samples(): Generator<Recorded> {
    for (let i = 0; i < layout.SAMPLED_ENTRIES; i++) {
      const recorded = this.read(layout.SAMPLED_AT + i * layout.ENTRY_WORDS);
      if (recorded !== undefined) yield recorded;
    }
  }

  /** The entry of the query log that was written after `count` others, unless it is overwritten or torn. */
  loggedAt(count: number): Recorded | undefined {
    return this.read(layout.LOGGED_AT + (count & (layout.LOGGED_ENTRIES - 1)) * layout.ENTRY_WORDS);
  }

  private read(at: number, since?: number): Recorded | undefined {
    const { words, copy } = this;
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      const sequence = Atomics.load(words, at);
      if (sequence === 0) return undefined;
      if (since !== undefined && (words[at + layout.ENTRY_NUMBER]! - since) << 0 < 0 && (sequence & 1) === 0)
        return undefined;
      if ((sequence & 1) === 1) continue;
      for (let i = 0; i < layout.ENTRY_WORDS; i++) copy[i] = words[at + i]!;
      // Reads and writes nothing new, but no load of the copy may be delayed past it.
      if (Atomics.or(words, at, 0) === sequence) return this.decode();
    }
    this.torn += 1;
    return undefined;
  }

  private decode(): Recorded {
    const { copy, octets } = this;
    const lengths = copy[layout.ENTRY_LENGTHS]!;
    const result = copy[layout.ENTRY_RESULT]!;
    const type = copy[layout.ENTRY_TYPE]!;
    const reasonsAt = layout.ENTRY_REASONS * 4;
    const [vpc = '', namespace = '', ...pod] = this.labels(layout.ENTRY_WHO * 4, (lengths >>> 8) & 0xff);
    return {
      number: copy[layout.ENTRY_NUMBER]!,
      time: copy[layout.ENTRY_TIME_HIGH]! * 2 ** 32 + (copy[layout.ENTRY_TIME_LOW]! >>> 0),
      address: formatAddress(octets, layout.ENTRY_ADDRESS * 4),
      port: copy[layout.ENTRY_PORT]! >>> 16,
      id: copy[layout.ENTRY_PORT]! & 0xffff,
      vpc,
      namespace,
      pod: pod.join('.'),
      name: this.name(lengths & 0xff, (type & layout.FLAG_NAME_CUT) !== 0),
      type: type >>> 16,
      rcode: result & 0xfff,
      ede: ((result >>> 12) & 0xfff) - 1,
      edeText: result >>> 24,
      reasons: [...octets.subarray(reasonsAt, reasonsAt + ((lengths >>> 16) & 0xff))],
      revision: copy[layout.ENTRY_REVISION]! >>> 0,
      duration: copy[layout.ENTRY_DURATION]! >>> 0,
      weight: copy[layout.ENTRY_WEIGHT]!,
      flags: type & 0xffff,
    };
  }

  /** Whole labels within `length` octets. */
  private labels(at: number, length: number): string[] {
    const labels: string[] = [];
    const end = at + length;
    while (at < end && this.octets[at]! > 0 && at + 1 + this.octets[at]! <= end) {
      labels.push(labelText(this.octets, at + 1, this.octets[at]!));
      at += 1 + this.octets[at]!;
    }
    return labels;
  }

  private name(length: number, isCut: boolean): string {
    if (length === 0) return '';
    const labels = this.labels(layout.ENTRY_NAME * 4, length);
    return `${labels.join('.')}.${isCut ? '…' : ''}`;
  }
}

/** True where the filter wants it. An answer to nobody's client is in no VPC's view. */
export function isWanted(recorded: Recorded, { vpc, addresses, namespace, pod }: RecordedFilter): boolean {
  if (vpc !== undefined && recorded.vpc !== vpc) return false;
  if (addresses?.has(recorded.address) === true) return true;
  if (pod !== undefined) return recorded.pod === pod && recorded.namespace === namespace;
  return addresses === undefined;
}
