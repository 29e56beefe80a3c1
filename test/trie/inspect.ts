/** Reads everything out of the flat memory that a reader could reach, slot by slot. */
import { findOwner } from '../../src/trie/read/addresses.ts';
import { expect } from 'vitest';
import { format6 } from '../../src/dns/address.ts';
import * as layout from '../../src/trie/layout.ts';
import { Cursor } from '../../src/trie/read/members.ts';
import { attachmentAfter, attachmentCount, attachmentsAt } from '../../src/trie/record.ts';
import type { TrieMemory } from '../../src/trie/memory.ts';
import { View } from '../../src/trie/read/view.ts';
import type { TrieWriter } from '../../src/trie/write/writer.ts';
import type { ReferenceName, ReferenceState } from './reference.ts';

const OWNED = [layout.RECORD_POD, layout.RECORD_SERVICE, layout.RECORD_SET, layout.RECORD_CROWD];

/** Of the four octets of a word as it lies in memory. */
function textOf4(word: number): string {
  return Array.from(new Uint8Array(Int32Array.of(word).buffer)).join('.');
}

export class Inspector {
  readonly view: View;
  private readonly memory: TrieMemory;
  private readonly overlayText: (record: number) => string;
  /** Of a VPC: its namespaces by node, and the records of their overlays. */
  private readonly placesOf: (vpc: string) => { node: number; overlays: number[] }[];

  constructor(memory: TrieMemory, writer: TrieWriter) {
    this.memory = memory;
    this.view = new View(memory);
    // The name of an overlay is nowhere in the shared memory: only its record is compared there.
    const { directory } = writer as unknown as {
      directory: {
        overlayOf(record: number): { name: string; namespace: { name: string } };
        vpcs: Map<
          string,
          { namespaces: Map<string, { node: number; overlays: Map<string, { record: number }> }> }
        >;
      };
    };
    this.placesOf = (vpc) =>
      [...(directory.vpcs.get(vpc)?.namespaces.values() ?? [])].map(({ node, overlays }) => ({
        node,
        overlays: [...overlays.values()].map(({ record }) => record),
      }));
    this.overlayText = (record) => {
      const { name, namespace } = directory.overlayOf(record);
      return `${namespace.name}/${name}`;
    };
  }

  /** `vpc/namespace/labels`, rightmost label first; undefined for a node of another tree. */
  path(node: number): string | undefined {
    const { words } = this.view;
    const labels: string[] = [];
    for (let up = node; up !== this.view.vpcRoot; up = words[up + layout.NODE_PARENT]!) {
      if (up === this.view.specialRoot || words[up + layout.NODE_PARENT] === 0) return undefined;
      labels.unshift(this.view.labelText(up));
    }
    const local = labels.slice(2).join('.');
    return [...labels.slice(0, 2), ...(local === '' ? [] : [local])].join('/');
  }

  /** `pod red/alpha/db`. */
  recordText(record: number): string {
    const { view } = this;
    const { words } = view;
    const tail = view.tail(record);
    const kind = (words[record]! & 0xff) === layout.RECORD_POD ? 'pod' : 'service';
    return `${kind} ${this.ownName(words[tail + layout.TAIL_NODE]!)}`;
  }

  private ownName(node: number): string {
    const [vpc, namespace, labels] = this.path(node)!.split('/') as [string, string, string];
    return `${vpc}/${namespace}/${labels.split('.').reverse().join('.')}`;
  }

  name(payload: number): ReferenceName {
    const { words } = this.view;
    const members = this.members(payload);
    const services = members.filter((ref) => (words[ref]! & 0xff) === layout.RECORD_SERVICE);
    const pods = members.filter((ref) => (words[ref]! & 0xff) === layout.RECORD_POD);
    const ready = pods.filter((ref) => (words[ref]! & layout.POD_READY) !== 0);
    const given = services.length > 0 ? services : ready.length > 0 ? ready : pods;
    const aaaa = given.flatMap((ref) => this.given(ref).aaaa);
    const a = given.flatMap((ref) => this.given(ref).a);
    const own = this.standing(payload);
    if ((words[payload]! & layout.CHOOSE_AAAA) !== 0) expect(own.aaaa).toEqual([]);
    else expect(own.aaaa.toSorted()).toEqual(aaaa.toSorted());
    if ((words[payload]! & layout.CHOOSE_A) !== 0) expect(own.a).toEqual([]);
    else expect(own.a.toSorted()).toEqual(a.toSorted());
    const names = (refs: number[]): string[] =>
      refs.map((ref) => this.recordText(ref).split('/')[2]!).toSorted();
    return { aaaa: aaaa.toSorted(), a: a.toSorted(), pods: names(pods), services: names(services) };
  }

  /** The records of all owners in a payload. */
  private members(payload: number): number[] {
    const { view } = this;
    const { words } = view;
    const kind = words[payload]! & 0xff;
    if (kind === layout.RECORD_SET) {
      const tail = view.tail(payload);
      const count = words[tail + layout.SET_PODS]! + words[tail + layout.SET_SERVICES]!;
      return [...words.subarray(tail + layout.SET_REFS, tail + layout.SET_REFS + count)];
    }
    if (kind !== layout.RECORD_CROWD) return [payload];
    const members: number[] = [];
    const cursor = new Cursor(words);
    for (let i = 0; i < words[payload + layout.CROWD_GROUPS]!; i++) {
      const root = words[payload + layout.CROWD_LIST + layout.GROUP_ENTRY * i + layout.GROUP_ROOT]!;
      cursor.seek(root, 0);
      for (let ref = cursor.next(); ref !== 0; ref = cursor.next()) members.push(ref);
    }
    return members;
  }

  /** What stands ready in a record. */
  private standing(record: number): { aaaa: string[]; a: string[] } {
    const { words, bytes } = this.view;
    const six = words[record + layout.RRSET_AAAA_COUNT]!;
    const from = record + layout.RRSET_AAAA;
    const aaaa = Array.from({ length: six }, (_, i) => format6(bytes, (from + 4 * i) * 4));
    const four = words.subarray(from + 4 * six, from + 4 * six + words[record + layout.RRSET_A_COUNT]!);
    return { aaaa, a: [...four].map((word) => `${textOf4(word)} `) };
  }

  /** What one POD or SERVICE gives: what stands ready, and what depends on the client. */
  private given(record: number): { aaaa: string[]; a: string[] } {
    const { view } = this;
    const { words, bytes } = view;
    const { aaaa, a } = this.standing(record);
    const tail = view.tail(record);
    let at = attachmentsAt(words, tail);
    for (let i = attachmentCount(words, tail); i > 0; i--, at = attachmentAfter(words, at)) {
      const flags = words[at + layout.ATTACHMENT_FLAGS]!;
      if ((words[record]! & layout.CHOOSE_AAAA) !== 0 && (flags & layout.ATTACHED_IP6) !== 0) {
        aaaa.push(format6(bytes, (at + layout.ATTACHMENT_IP6) * 4));
      }
      if ((words[record]! & layout.CHOOSE_A) !== 0 && (flags & layout.ATTACHED_GIVEN4) !== 0) {
        const shared = (flags & layout.ATTACHED_SHARED4) !== 0;
        const overlay = shared ? this.overlayText(words[at + layout.ATTACHMENT_OVERLAY]!) : '';
        a.push(`${textOf4(words[at + layout.ATTACHMENT_IP4]!)} ${overlay}`);
      }
    }
    return { aaaa: [...new Set(aaaa)], a: [...new Set(a)] };
  }

  /** Compares all of the active copy with the reference state. */
  expectState(state: ReferenceState): void {
    expect(sorted(this.names())).toEqual(sorted(state.names));
    const { prefixes, slots, found, elsewhere } = this.addresses(state, true);
    expect(sorted(prefixes)).toEqual(sorted(state.prefixes));
    expect(sorted(found)).toEqual(sorted(state.addresses));
    expect(elsewhere.toSorted()).toEqual([...state.elsewhere].toSorted());
    expect(slots).toBe(this.reached(state));
  }

  /**
   * What must be so while some of the state waits for room: no name too many or too few, nothing that is gone, no
   * address whose owner does not own the name, and each address found under its owners or under no record.
   */
  expectPart(state: ReferenceState): void {
    const names = this.names();
    expect([...names.keys()].toSorted()).toEqual([...state.names.keys()].toSorted());
    for (const [path, shown] of names) {
      const whole = state.names.get(path);
      expect(shown === undefined, path).toBe(whole === undefined);
      if (shown === undefined || whole === undefined) continue;
      expect(whole.pods).toEqual(expect.arrayContaining(shown.pods));
      expect(whole.services).toEqual(expect.arrayContaining(shown.services));
      expect(whole.aaaa).toEqual(expect.arrayContaining(shown.aaaa));
      const [vpc, namespace] = path.split('/') as [string, string];
      for (const each of shown.a) {
        const [ip4, overlay] = each.split(' ') as [string, string];
        const owners = state.addresses.get(`${vpc} ${ip4}`)!;
        const here = whole.pods.map((pod) => `pod ${vpc}/${namespace}/${pod}`);
        expect(owners.some((owner) => here.includes(owner.split(' on ')[0]!))).toBe(true);
        // Only those on the overlay are given what several hold.
        if (overlay === '') expect(owners.length).toBe(1);
      }
    }
    const { prefixes, slots, found, elsewhere } = this.addresses(state, false);
    expect(sorted(prefixes)).toEqual(sorted(state.prefixes));
    for (const key of elsewhere) {
      const [vpc, address] = key.split(' ') as [string, string];
      const others = [...state.addresses].filter(([other]) => other !== key && other.endsWith(` ${address}`));
      expect(
        others.some(([, [owner]]) => owner!.startsWith('pod ')),
        `${address} elsewhere than in ${vpc}`,
      ).toBe(true);
    }
    for (const [key, holders] of found) {
      if (holders.length > 0) expect(state.addresses.get(key), key).toEqual(expect.arrayContaining(holders));
    }
    expect(slots).toBe(this.reached(state));
  }

  /** Every name of every VPC in the active copy, with what it answers. */
  private names(): Map<string, ReferenceName | undefined> {
    const { view } = this;
    view.refresh();
    const { words } = view;
    const names = new Map<string, ReferenceName | undefined>();
    for (let at = 0; at < view.nameCapacity * layout.NAME_SLOT; at += layout.NAME_SLOT) {
      const node = view.names[at + 1]!;
      if (node === 0) continue;
      const path = this.path(node);
      if (path === undefined) continue;
      const payload = view.names[at + 2]!;
      const kind = payload === 0 ? 0 : words[payload]! & 0xff;
      const isOwned = OWNED.includes(kind);
      expect(names.has(path), `${path} twice`).toBe(false);
      names.set(path, isOwned ? this.name(payload) : undefined);
      expect(view.payloadOf(node)).toBe(payload);
    }
    return names;
  }

  /** What stands in the address table, and who holds each address of the state. */
  private addresses(
    state: ReferenceState,
    isWhole: boolean,
  ): {
    prefixes: Map<string, string>;
    /** Taken, by all but prefixes. */
    slots: number;
    found: Map<string, string[]>;
    elsewhere: string[];
  } {
    const { view } = this;
    const { words, bytes } = view;
    const prefixes = new Map<string, string>();
    let slots = 0;
    for (let at = 0; at < view.addressCapacity * layout.ADDRESS_SLOT; at += layout.ADDRESS_SLOT) {
      const record = view.addresses[at + 1]!;
      if (record === 0) continue;
      if ((words[record]! & 0xff) === layout.RECORD_PREFIX) {
        const vpc = words[record + layout.KEYED_VALUE]!;
        const text = format6(bytes, (record + layout.KEYED_ADDRESS) * 4);
        const node = words[vpc + layout.VPC_NODE]!;
        prefixes.set(`${text}/${words[record + layout.KEYED_BITS]}`, view.labelText(node));
      } else slots++;
    }
    const found = new Map<string, string[]>();
    for (const key of state.addresses.keys()) {
      const [vpc, address] = key.split(' ') as [string, string];
      found.set(key, this.holders(vpc, address, isWhole));
    }
    const elsewhere: string[] = [];
    for (const [vpc, address] of pairsOf(state)) {
      if (!address.includes(':') || this.scopeOf(vpc) === 0) continue;
      putKey(view, address);
      const owner = findOwner(view, this.scopeOf(vpc));
      const isPod = owner !== 0 && (words[owner]! & 0xff) === layout.RECORD_POD;
      if (!isPod && view.isElsewhere) elsewhere.push(`${vpc} ${address}`);
    }
    return { prefixes, slots, found, elsewhere };
  }

  /** How many slots a search for what is in the state can end at: there are no others. */
  private reached(state: ReferenceState): number {
    const { view } = this;
    const reached = new Set<string>();
    const look = (scope: number, bits: number): void => {
      const record = view.find(scope, bits);
      if (record !== 0) reached.add(`${view.hashKey(scope, bits)} ${record}`);
    };
    for (const [vpc, address] of pairsOf(state)) {
      putKey(view, address);
      const scope = this.scopeOf(vpc);
      if (scope !== 0) look(scope, 128);
      if (address.includes(':')) {
        look(0, layout.ANYWHERE_BITS);
        if ((view.words[view.find(0, layout.ANYWHERE_BITS)]! & 0xff) !== layout.RECORD_SPREAD) {
          // One VPC alone has it, and nothing stands under that.
          expect(scope === 0 ? 0 : view.findHashed(scope, 128, view.hashKey(scope, 128))).toBe(0);
        }
        continue;
      }
      for (const { node, overlays } of this.placesOf(vpc)) {
        look(node, layout.NAMESPACE_BITS);
        for (const overlay of overlays) look(overlay, layout.OVERLAY_BITS);
      }
    }
    return reached.size;
  }

  private scopeOf(vpc: string): number {
    const { view } = this;
    return view.step(view.vpcRoot, label(vpc), 0) ? view.payload : 0;
  }

  /** Who holds an address in a VPC, as a client lookup finds it; `isWhole`: nothing waits for room. */
  holders(vpc: string, address: string, isWhole = true): string[] {
    const { view } = this;
    const { words } = view;
    const scope = this.scopeOf(vpc);
    if (scope === 0) return [];
    putKey(view, address);
    const record = findOwner(view, scope);
    if (record === 0) return [];
    if ((words[record]! & 0xff) !== layout.RECORD_HOLDERS) return [this.recordText(record)];
    const texts: string[] = [];
    for (const { node, overlays } of this.placesOf(vpc)) {
      const here: string[] = [];
      for (const overlay of overlays) {
        const holder = view.find(overlay, layout.OVERLAY_BITS);
        if (holder !== 0) here.push(`${this.recordText(holder)} on ${this.overlayText(overlay)}`);
      }
      // Who is on all overlays of the namespace is given the holder on the first.
      const first = view.find(node, layout.NAMESPACE_BITS);
      const onFirst = here.toSorted((a, b) => (a.split(' on ')[1]! < b.split(' on ')[1]! ? -1 : 1))[0];
      if (first !== 0) expect(onFirst?.split(' on ')[0]).toBe(this.recordText(first));
      else if (isWhole) expect(here).toEqual([]);
      texts.push(...here);
    }
    return texts.toSorted();
  }

  serials(): Map<string, number> {
    const { view } = this;
    view.refresh();
    const serials = new Map<string, number>();
    for (let at = 0; at < view.nameCapacity * layout.NAME_SLOT; at += layout.NAME_SLOT) {
      const payload = view.names[at + 2]!;
      if (view.names[at + 1] === 0 || payload === 0) continue;
      if ((view.words[payload]! & 0xff) !== layout.RECORD_VPC) continue;
      serials.set(view.labelText(view.names[at + 1]!), view.vpcWord(payload, layout.VPC_SERIAL) >>> 0);
    }
    return serials;
  }

  /** Both copies hold the same slots and words: true of every settled trie. */
  expectCopiesEqual(): void {
    const head = new Int32Array(this.memory.head);
    expect(head[layout.HEAD_NAME_CAPACITY]).toBe(head[layout.HEAD_NAME_CAPACITY + 1]);
    expect(head[layout.HEAD_ADDRESS_CAPACITY]).toBe(head[layout.HEAD_ADDRESS_CAPACITY + 1]);
    expect(head[layout.HEAD_ONLY_VPC]).toBe(head[layout.HEAD_ONLY_VPC + 1]);
    const lengths = (copy: number): number[] => {
      const from = layout.HEAD_NET6_LENGTHS + copy * layout.NET6_LENGTH_WORDS;
      return [...head.subarray(from, from + layout.NET6_LENGTH_WORDS)];
    };
    expect(lengths(0)).toEqual(lengths(1));
    const same = (copies: [SharedArrayBuffer, SharedArrayBuffer], slots: number, width: number): boolean =>
      Buffer.compare(
        Buffer.from(copies[0], 0, slots * width * 4),
        Buffer.from(copies[1], 0, slots * width * 4),
      ) === 0;
    expect(same(this.memory.names, head[layout.HEAD_NAME_CAPACITY]!, layout.NAME_SLOT)).toBe(true);
    expect(same(this.memory.addresses, head[layout.HEAD_ADDRESS_CAPACITY]!, layout.ADDRESS_SLOT)).toBe(true);
  }
}

function sorted<T>(map: Map<string, T>): [string, T][] {
  return [...map].toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

export function label(text: string): Uint8Array {
  return Uint8Array.from([text.length, ...Buffer.from(text, 'latin1')]);
}

export function putKey(view: View, address: string): void {
  view.keyBytes.fill(0);
  if (!address.includes(':')) {
    view.keyBytes.set([0xff, 0xff, ...address.split('.').map(Number)], 10);
    return;
  }
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((hex) => parseInt(hex, 16));
  const left = groups(head);
  const right = groups(tail);
  const all = address.includes('::')
    ? [...left, ...Array(8 - left.length - right.length).fill(0), ...right]
    : left;
  all.forEach((group: number, i) => view.keyBytes.set([group >>> 8, group & 0xff], 2 * i));
}

/** Every VPC with every address. */
function pairsOf({ addresses, names }: ReferenceState): [string, string][] {
  const vpcs = [...names.keys()].filter((path) => !path.includes('/'));
  const all = new Set([...addresses.keys()].map((key) => key.split(' ')[1]!));
  return vpcs.flatMap((vpc) => [...all].map((address): [string, string] => [vpc, address]));
}
