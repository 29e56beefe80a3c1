/** The addresses of a name that one client is given where they depend on the overlays that it shares. */
import * as layout from '../../trie/layout.ts';
import { isMappedKey } from '../../trie/prefix.ts';
import { attachmentAfter, attachmentCount, attachmentsAt } from '../../trie/record.ts';
import type { View } from '../../trie/read/view.ts';
import type { Client } from '../decide/client.ts';
import { Members } from './members.ts';
import type { Judge } from './members.ts';
import { SharedOverlays } from '../overlays.ts';
import { Seen } from './seen.ts';

/** Words of an AAAA's rdata, and of an A's: which of the two is meant. */
export const AAAA = 4;
export const A = 1;

export class VisibleAddresses implements Judge {
  /** More pods and services bear the name than could be checked. */
  get cut(): boolean {
    return this.members.cut;
  }
  private readonly view: View;
  private readonly overlays: SharedOverlays;
  private readonly members: Members;
  private readonly seen: Seen;
  private family = AAAA;
  /** Where the next address of the member under way stands ready, how many do. */
  private ready = 0;
  private readyLeft = 0;
  /** The member's next attachment, and how many are left. */
  private place = 0;
  private placesLeft = 0;
  /** The client shares an overlay with the member: it is given those that it shares, and no others. */
  private shares = false;

  constructor(view: View) {
    this.view = view;
    this.overlays = new SharedOverlays(view);
    this.members = new Members(view, this);
    this.seen = new Seen(view);
  }

  /** Sets the client; to be called before the others. */
  use(client: Client): void {
    this.overlays.load(client);
  }

  /** True when the client is given an address of this family by some owner of `record`. */
  any(record: number, family: number): boolean {
    this.family = family;
    return this.members.any(record);
  }

  /** Then `next` gives them, beginning with an owner that the message id chooses. */
  begin(record: number, family: number, id: number, steps: number): void {
    this.family = family;
    this.seen.clear();
    this.readyLeft = 0;
    this.placesLeft = 0;
    this.members.begin(record, id, steps);
  }

  /** Then `next` gives those of one POD or SERVICE. */
  beginOne(member: number, family: number): void {
    this.family = family;
    this.seen.clear();
    this.members.end();
    this.enter(member);
  }

  /** Word index of the next address, each once (RFC 2181 section 5); 0 after the last. */
  next(): number {
    for (;;) {
      if (this.readyLeft > 0) {
        const at = this.ready;
        this.readyLeft--;
        this.ready += this.family;
        return at;
      }
      const at = this.nextChosen();
      if (at !== 0 && this.seen.isNew(at, this.family)) return at;
      if (at !== 0) continue;
      const member = this.members.next();
      if (member === 0) return 0;
      this.enter(member);
    }
  }

  /** True when the address in `view.key`, which `holder` owns, is among those that `record` gives the client. */
  isGiven(record: number, holder: number): boolean {
    const { view } = this;
    const { words, key } = view;
    if (record === 0 || !isTaken(view, record, holder)) return false;
    const is6 = !isMappedKey(key);
    this.beginOne(holder, is6 ? AAAA : A);
    for (let at = this.next(); at !== 0; at = this.next()) {
      if (is6 ? view.isKeyAt(at) : words[at] === key[3]) return true;
    }
    return false;
  }

  /** As `Judge`: by what stands ready, else by its attachments. */
  accepts(member: number): boolean {
    const { words } = this.view;
    const is6 = this.family === AAAA;
    if (words[member + (is6 ? layout.RRSET_AAAA_COUNT : layout.RRSET_A_COUNT)] > 0) return true;
    if ((words[member] & (is6 ? layout.CHOOSE_AAAA : layout.CHOOSE_A)) === 0) return false;
    this.enter(member);
    const found = this.nextChosen() !== 0;
    this.placesLeft = 0;
    return found;
  }

  private enter(member: number): void {
    const { view } = this;
    const { words } = view;
    const six = words[member + layout.RRSET_AAAA_COUNT];
    const is6 = this.family === AAAA;
    this.ready = member + layout.RRSET_AAAA + (is6 ? 0 : 4 * six);
    this.readyLeft = is6 ? six : words[member + layout.RRSET_A_COUNT];
    this.placesLeft = 0;
    if ((words[member] & (is6 ? layout.CHOOSE_AAAA : layout.CHOOSE_A)) === 0) return;
    const tail = view.tail(member);
    this.place = attachmentsAt(words, tail);
    this.placesLeft = attachmentCount(words, tail);
    this.shares = false;
    view.steps += this.placesLeft;
    let at = this.place;
    for (let i = this.placesLeft; i > 0 && !this.shares; i--, at = attachmentAfter(words, at)) {
      const has = words[at + layout.ATTACHMENT_FLAGS] & (layout.ATTACHED_IP4 | layout.ATTACHED_IP6);
      this.shares = has !== 0 && this.overlays.has(words[at + layout.ATTACHMENT_OVERLAY]);
    }
  }

  /** Word index of the member's next address that depends on the client, or 0. */
  private nextChosen(): number {
    const { words } = this.view;
    const wanted = this.family === AAAA ? layout.ATTACHED_IP6 : layout.ATTACHED_GIVEN4;
    while (this.placesLeft > 0) {
      const at = this.place;
      const flags = words[at + layout.ATTACHMENT_FLAGS];
      this.placesLeft--;
      this.place = attachmentAfter(words, at);
      if ((flags & wanted) === 0) continue;
      if (this.shares) {
        if (!this.overlays.has(words[at + layout.ATTACHMENT_OVERLAY])) continue;
      } else if (this.family === A && (flags & layout.ATTACHED_SHARED4) !== 0) continue;
      return at + (this.family === AAAA ? layout.ATTACHMENT_IP6 : layout.ATTACHMENT_IP4);
    }
    return 0;
  }
}

/** True when `holder`, which bears the name of `record`, is one of those that answer for it. */
export function isTaken(view: View, record: number, holder: number): boolean {
  const { words } = view;
  if (record === holder) return true;
  const isService = (words[holder] & 0xff) === layout.RECORD_SERVICE;
  const isReady = (words[holder] & layout.POD_READY) !== 0;
  const kind = words[record] & 0xff;
  if (kind === layout.RECORD_CROWD) {
    const given = words[record + layout.CROWD_LIST + layout.GROUP_KIND] & layout.GROUP_KIND_MASK;
    return isService || given === (isReady ? layout.GROUP_READY : layout.GROUP_NOT_READY);
  }
  if (kind !== layout.RECORD_SET) return false;
  if ((words[record] & layout.SET_SERVICE) !== 0) return isService;
  const tail = view.tail(record);
  return isReady || words[tail + layout.SET_TAKEN] === words[tail + layout.SET_PODS];
}
