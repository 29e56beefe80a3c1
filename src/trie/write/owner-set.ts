/** The owners of one name, as many as a SET holds, while a transaction changes them. */
import type { Arena } from './arena.ts';
import * as layout from '../layout.ts';
import { kindOf } from '../record.ts';

const EMPTY_SET = layout.RRSET_AAAA + layout.SET_REFS;

/** Words that a POD or SERVICE adds to a SET. */
function memberWords(words: Int32Array, record: number): number {
  return 4 * words[record + layout.RRSET_AAAA_COUNT] + words[record + layout.RRSET_A_COUNT] + 1;
}

export class OwnerSet {
  /** The pod and the service whose own name it is, or 0. */
  pod = 0;
  service = 0;
  /** The most words that `write` allocates. */
  reserved = EMPTY_SET;
  private readonly arena: Arena;
  private readonly pods = new Set<number>();
  private readonly services = new Set<number>();

  constructor(arena: Arena) {
    this.arena = arena;
  }

  get size(): number {
    return this.pods.size + this.services.size;
  }

  add(record: number): void {
    this.side(record).add(record);
    this.reserved += memberWords(this.arena.words, record);
  }

  delete(record: number): void {
    this.side(record).delete(record);
  }

  private side(record: number): Set<number> {
    const isService = kindOf(this.arena.words, record) === layout.RECORD_SERVICE;
    return isService ? this.services : this.pods;
  }

  *members(): Iterable<number> {
    yield* this.pods;
    yield* this.services;
  }

  /** As in Crowd. Nothing is in the arena before `write`. */
  release(): void {}

  /**
   * Writes the SET. Services hide pods: their virtual IPs are the AAAA, and there is no A. Without services, pods that
   * are not ready are left out while one is ready; they stay members, for the replica names. Where some of the given
   * addresses depend on the client's overlays, none stand ready. Returns 0 when there is no room.
   */
  write(): number {
    const { words } = this.arena;
    const services = [...this.services];
    const isReady = (pod: number): boolean => (words[pod] & layout.POD_READY) !== 0;
    const ready = [...this.pods].filter(isReady);
    const rest = [...this.pods].filter((pod) => !isReady(pod));
    const taken = ready.length > 0 ? ready : rest;
    const given = services.length > 0 ? services : taken;
    let chosen = 0;
    for (const record of given) chosen |= words[record] & (layout.CHOOSE_AAAA | layout.CHOOSE_A);
    const ready6 = (chosen & layout.CHOOSE_AAAA) === 0 ? given : [];
    const ready4 = (chosen & layout.CHOOSE_A) === 0 ? given : [];
    let six = 0;
    let four = 0;
    for (const record of ready6) six += words[record + layout.RRSET_AAAA_COUNT];
    for (const record of ready4) four += words[record + layout.RRSET_A_COUNT];
    const size = EMPTY_SET + 4 * six + four + this.size;
    if (!this.arena.hasBlock(size)) return 0;
    const set = this.arena.allocate(size);
    words[set] = layout.RECORD_SET | (services.length > 0 ? layout.SET_SERVICE : 0) | chosen;
    words[set + layout.RRSET_AAAA_COUNT] = six;
    words[set + layout.RRSET_A_COUNT] = four;
    let at = set + layout.RRSET_AAAA;
    const copy = (from: number, count: number): void => {
      words.copyWithin(at, from, from + count);
      at += count;
    };
    for (const record of ready6)
      copy(record + layout.RRSET_AAAA, 4 * words[record + layout.RRSET_AAAA_COUNT]);
    for (const record of ready4) {
      const six = 4 * words[record + layout.RRSET_AAAA_COUNT];
      copy(record + layout.RRSET_AAAA + six, words[record + layout.RRSET_A_COUNT]);
    }
    words[at + layout.SET_PODS] = this.pods.size;
    words[at + layout.SET_TAKEN] = services.length > 0 ? 0 : taken.length;
    words[at + layout.SET_SERVICES] = services.length;
    at += layout.SET_REFS;
    for (const record of [...ready, ...rest, ...services]) words[at++] = record;
    return set;
  }
}
