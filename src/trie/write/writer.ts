/** The only writer: turns effective resources into nodes, records and addresses, one transaction at a time. */
import type { ARecords, Pod, Problem, Projection, Resource, ResourceKey, Service, Vpc } from '../../model.ts';
import { Addresses } from './addresses.ts';
import { Arena, FIRST_WORD } from './arena.ts';
import type { Stretch } from './arena.ts';
import { NameOwners } from './name-owners.ts';
import { Claims, memberKey } from './claims.ts';
import { AddressConflicts } from './address-conflicts.ts';
import type { Known } from './address-conflicts.ts';
import { Directory } from './directory.ts';
import type { NamespaceState, VpcState } from './directory.ts';
import { imageOf, knownOf, stretchBeside } from '../image.ts';
import type { ImageVpc, PlacedImage, TrieImage } from '../image.ts';
import * as layout from '../layout.ts';
import type { TrieMemory } from '../memory.ts';
import { Nodes } from './nodes.ts';
import type { OutsideRules } from './outside-trees.ts';
import { PrefixOwners } from './prefix-owners.ts';
import type { Prefix } from '../prefix.ts';
import { RecordIndex } from './record-index.ts';
import { SoleAddresses } from './sole-addresses.ts';
import { plantSpecials } from './specials.ts';
import type { SpecialSettings } from './specials.ts';
import { Subnets } from './subnets.ts';
import { PATIENCE_MS, Tables } from './tables.ts';
import { VpcRecords } from './vpc-record.ts';

/** How many lost addresses `problems` lists without another limit. */
const PROBLEMS_MAX = 1000;
/**
 * The high-water mark: words of the arena that an addition leaves free. A resource of the largest size (64 KiB of
 * JSON) takes less than a third of it in nodes and a record of its own; the rest is for the copies that its change
 * causes, and for those of removals, which are never refused. A small arena keeps a quarter.
 */
const SPARE_WORDS = 1 << 20;
/** The most names and the most overlays of a pod or service: its record counts each in one octet. */
const LIST_MAX = 255;
const NO_VPCS: readonly string[] = [];
/** Free words in one piece that an image leaves out: fewer are not worth a stretch of their own. */
const HOLE_WORDS = 4096;

export interface WriterSettings extends SpecialSettings {
  /** Of VPCs that do not say it themselves. */
  aRecords: ARecords;
  forward: 'on' | 'off' | 'refuse' | string[];
  canForward: boolean;
  /** Routes and hosts of the configuration, which hold for every VPC. */
  outside?: OutsideRules | undefined;
  /** Unix time in seconds, which serials follow. */
  now: () => number;
  /**
   * A pod or service as it was last put, with its stamp: the writer calls it when others claim its addresses. Undefined
   * when the newest version was refused: then the writer removes what is no longer right. A VPC as it is or will be put:
   * the writer calls it when something of the VPC is put first.
   */
  resourceOf(key: ResourceKey): { resource: Resource; stamp: bigint } | undefined;
  /** The VPC has been removed with all that was in it. */
  onForget?(vpc: string): void;
}

export class TrieWriter implements Projection {
  readonly tables: Tables;
  /** Transactions that have begun: what it was at the beginning of a copy, it must be at the end. */
  begun = 0;
  private isOpen = false;
  /** Of the arena, until an image is gone. */
  private readonly stretch: Stretch;
  private readonly arena: Arena;
  private readonly head: Int32Array;
  private readonly directory: Directory;
  private readonly settings: WriterSettings;
  private readonly prefixOwners: PrefixOwners;
  private readonly subnets: Subnets;
  private readonly nameOwners: NameOwners;
  private readonly claims = new Claims();
  private readonly conflicts: AddressConflicts;
  private readonly sole: SoleAddresses;
  private readonly recordIndex: RecordIndex;
  private readonly vpcRecords: VpcRecords;
  /** VPCs whose `a_records` has changed since `outdated` was called. */
  private readonly repoliced = new Set<string>();

  /** `placed`: readers use that image, in this memory, until `unveil`; everything is built beside it. */
  constructor(memory: TrieMemory, settings: WriterSettings, placed?: PlacedImage) {
    this.settings = settings;
    this.head = new Int32Array(memory.head);
    const words = new Int32Array(memory.arena);
    const own = placed && stretchBeside(placed.image, words.length);
    this.stretch = own ?? { from: FIRST_WORD, to: words.length };
    const arena = new Arena(words, own?.from, own?.to);
    const tables = new Tables(memory, arena, placed !== undefined);
    this.arena = arena;
    this.tables = tables;
    const nodes = new Nodes(tables, arena);
    const vpcRoot = nodes.root();
    const specialRoot = nodes.root();
    const directory = new Directory(arena, tables, nodes, {
      vpcRoot,
      policyOf: (vpc) => {
        const known = settings.resourceOf({ kind: 'vpc', vpc, namespace: '', name: '' })?.resource;
        return this.policyIn(known as Vpc | undefined);
      },
    });
    const addresses = new Addresses(arena, tables);
    this.directory = directory;
    this.prefixOwners = new PrefixOwners(arena, tables, addresses);
    this.subnets = new Subnets(arena, tables);
    this.nameOwners = new NameOwners(arena, tables, nodes);
    const { nameOwners, claims } = this;
    this.sole = new SoleAddresses(tables, addresses, claims);
    this.recordIndex = new RecordIndex({
      arena,
      tables,
      nodes,
      directory,
      nameOwners,
      claims,
      addresses,
      onDotted: (vpc, name, present) => this.vpcRecords.setDotted(vpc, name, present),
    });
    const { recordIndex } = this;
    const known = (key: ResourceKey): Known | undefined => settings.resourceOf(key) as Known | undefined;
    this.conflicts = new AddressConflicts({
      arena,
      tables,
      addresses,
      claims,
      directory,
      recordIndex,
      known,
    });
    this.vpcRecords = new VpcRecords(arena, tables, nodes, settings);
    if (placed !== undefined) directory.goOnFrom(knownOf(placed));
    this.begin();
    if (placed !== undefined) this.prefixOwners.goOnFrom(placed.image.net6Stamp);
    plantSpecials(arena, nodes, specialRoot, settings);
    tables.writeBothHeads(layout.HEAD_VPC_ROOT, 1, vpcRoot);
    tables.writeBothHeads(layout.HEAD_SPECIAL_ROOT, 1, specialRoot);
    tables.writeBothHeads(layout.HEAD_OUTSIDE_ROOT, 1, this.vpcRecords.plant());
    this.commit();
  }

  begin(): void {
    this.begun++;
    this.isOpen = true;
    this.tables.begin();
  }

  /**
   * Ends the time of the image: readers see what all transactions have built. `release` is called with the octets of the
   * arena that nobody uses any more, once the last reader has left them, before they are used again.
   */
  unveil(release: (from: number, to: number) => void): void {
    const { arena, stretch } = this;
    const others = [
      { from: FIRST_WORD, to: stretch.from },
      { from: stretch.to, to: arena.words.length },
    ];
    this.directory.goOnFrom(new Map());
    this.begun++;
    this.tables.unveil(() => {
      for (const { from, to } of others) {
        release(from * 4, to * 4);
        arena.grant(from, to);
      }
    });
  }

  /**
   * What readers see, to be copied at once or while `begun` stays the same. Undefined inside a transaction, beside an
   * image, and while something waits for room.
   */
  image(): TrieImage | undefined {
    if (this.isOpen || this.tables.beside || this.pending > 0) return undefined;
    return imageOf(this.head, this.arena.stretches(HOLE_WORDS));
  }

  /** Those of `image`, to be read while `begun` stays the same. */
  *imageVpcs(): Generator<ImageVpc> {
    for (const { name, record, serial, declared } of this.directory.vpcs.values()) {
      const { forward, upstreams, routes } = declared ?? {};
      const isOfConcern = forward !== undefined || upstreams !== undefined || routes !== undefined;
      yield isOfConcern ? [name, record, serial, declared] : [name, record, serial];
    }
  }

  /** False while a reader holds up `begin`, which waits for it otherwise, also for a dead one. */
  ready(): boolean {
    return this.tables.ready(PATIENCE_MS);
  }

  /**
   * Throws MemoryFullError above the high-water mark, and RangeError where a list is too long; then nothing is
   * changed.
   */
  put(resource: Resource, stamp: bigint): void {
    this.checkMark();
    switch (resource.kind) {
      case 'vpc': {
        const state = this.directory.vpc(resource.name);
        this.redeclare(state, () => this.directory.setVpc(state, resource));
        return;
      }
      case 'namespace':
        this.directory.setNamespace(this.namespace(resource.vpc, resource.name), resource);
        return;
      case 'overlay': {
        const namespace = this.namespace(resource.vpc, resource.namespace);
        const state = this.directory.overlay(namespace, resource.name);
        const before = state.prefixes;
        this.directory.setOverlay(state, resource);
        this.own(namespace.vpc, before, state.prefixes);
        return;
      }
      default:
        this.putOwner(resource, stamp);
    }
  }

  renew(resource: Resource, stamp: bigint): void {
    if (resource.kind !== 'pod' && resource.kind !== 'service') return;
    const { kind, vpc, namespace, name } = resource;
    const space = this.directory.vpcs.get(vpc)?.namespaces.get(namespace);
    const isThere = space !== undefined && this.recordIndex.recordOf(space, kind, name) !== 0;
    // Only conflicts keep stamps; and a resource that found no room may find it now.
    if (!isThere || this.claims.member(memberKey(kind, vpc, namespace, name)) !== undefined)
      this.put(resource, stamp);
  }

  remove(key: ResourceKey): void {
    const { directory } = this;
    const vpc = directory.vpcs.get(key.vpc);
    if (vpc === undefined) return;
    if (key.kind === 'vpc') {
      if (vpc.declared === undefined && vpc.aRecords === this.settings.aRecords) return;
      directory.touched.add(vpc);
      this.redeclare(vpc, () => directory.setVpc(vpc, undefined));
      return;
    }
    const namespace = vpc.namespaces.get(key.namespace);
    if (namespace === undefined || !this.removeInside(namespace, key)) return;
    directory.suspect(namespace);
    directory.touched.add(vpc);
  }

  /** The words that the commit will allocate for the changes so far count as used; a block may take an eighth more. */
  private checkMark(): void {
    const { arena, nameOwners, tables } = this;
    tables.checkMark();
    const spare = Math.min(SPARE_WORDS, arena.words.length >>> 2);
    arena.reserve(spare + Math.ceil((nameOwners.reserved * 9) / 8));
  }

  outdated(): readonly string[] {
    if (this.repoliced.size === 0) return NO_VPCS;
    const vpcs = [...this.repoliced];
    this.repoliced.clear();
    return vpcs;
  }

  private policyIn(vpc: Vpc | undefined): ARecords {
    return vpc?.a_records ?? this.settings.aRecords;
  }

  private redeclare(vpc: VpcState, declare: () => void): void {
    const { net6, services6, aRecords } = vpc;
    declare();
    vpc.aRecords = this.policyIn(vpc.declared);
    if (vpc.aRecords !== aRecords) this.repoliced.add(vpc.name);
    this.prefixOwners.replace(vpc, net6, vpc.net6);
    this.own(vpc, [...net6, ...services6], [...vpc.net6, ...vpc.services6]);
    this.vpcRecords.declare(vpc);
  }

  /** The VPC's own prefixes are `after` instead of `before`. */
  private own(vpc: VpcState, before: Prefix[], after: Prefix[]): void {
    for (const prefix of after) this.subnets.add(vpc.record, prefix);
    for (const prefix of before) this.subnets.remove(vpc.record, prefix);
  }

  /** False when the namespace had no such resource. */
  private removeInside(namespace: NamespaceState, key: ResourceKey): boolean {
    if (key.kind === 'namespace') {
      if (namespace.declared === undefined) return false;
      this.directory.setNamespace(namespace, undefined);
      return true;
    }
    if (key.kind !== 'overlay') return this.removeOwner(namespace, key.kind as 'pod' | 'service', key.name);
    const overlay = namespace.overlays.get(key.name);
    if (overlay?.declared === undefined) return false;
    const before = overlay.prefixes;
    this.directory.setOverlay(overlay, undefined);
    this.own(namespace.vpc, before, []);
    return true;
  }

  /**
   * Makes the transaction visible. What found no room may find it once the blocks that this transaction has released can
   * be used again: further transactions follow at once, as long as they allocate anything. The rest stays pending.
   */
  commit(): void {
    this.finish();
    this.isOpen = false;
    for (let count = -1; this.pending > 0 && count !== this.arena.count;) {
      count = this.arena.count;
      // What is left waits for the next transaction.
      if (!this.ready()) return;
      this.begin();
      this.conflicts.settle();
      this.finish();
      this.isOpen = false;
    }
  }

  private get pending(): number {
    return this.conflicts.pending + this.nameOwners.pending;
  }

  private finish(): void {
    this.nameOwners.flush((node) => this.recordIndex.prune(node));
    this.directory.sweep();
    const { vpcs, touched } = this.directory;
    for (const vpc of touched) {
      if (vpc.declared === undefined && vpc.namespaces.size === 0) this.forget(vpc);
      else this.vpcRecords.write(vpc, this.directory.isKnown(vpc));
    }
    touched.clear();
    let only = 0;
    if (vpcs.size === 1) for (const { record } of vpcs.values()) only = record;
    this.tables.writeBothHeads(layout.HEAD_ONLY_VPC, 1, only);
    this.tables.commit();
  }

  /** Lost claims of addresses, at most `limit` of them, and whether the memory is full. */
  problems(limit = PROBLEMS_MAX): Problem[] {
    const problems = this.claims.problems(limit);
    if (this.pending > 0) {
      const reason = `the memory is full: ${this.pending} names or addresses wait for room to be shown in full`;
      problems.push({ kind: 'memory', severity: 'error', reason });
    }
    return problems;
  }

  /** The number of each VPC that readers see, which is no other's for the life of the process. */
  *vpcNumbers(): Generator<[name: string, number: number]> {
    if (this.tables.beside) {
      yield* this.directory.knownNumbers();
      return;
    }
    for (const { name, record } of this.directory.vpcs.values())
      yield [name, this.arena.words[record + layout.VPC_NUMBER]];
  }

  /**
   * Marks a VPC's answers as stale (EDE 3) or fresh, and as whole while others are not, at once, without a transaction.
   * Unknown VPCs are ignored.
   */
  setStale(vpc: string, stale: boolean, whole = false): void {
    const state = this.directory.vpcs.get(vpc);
    if (state === undefined) return;
    const bits = (stale ? layout.VPC_IS_STALE : 0) | (whole ? layout.VPC_IS_WHOLE : 0);
    this.arena.words[state.record + layout.VPC_STALE] = bits;
  }

  /** Sets HEAD_SYNC to one of SYNC_*; called after the flip that makes it true. */
  setSync(state: number): void {
    Atomics.store(this.head, layout.HEAD_SYNC, state);
  }

  setIpv4Blind(blind: boolean): void {
    Atomics.store(this.head, layout.HEAD_IPV4_BLIND, blind ? 1 : 0);
  }

  /** Octets of the arena in use, and the slots of one copy. */
  get usage(): { arena: number; names: number; addresses: number } {
    return { arena: this.arena.used * 4, ...this.tables.sizes };
  }

  private namespace(vpc: string, name: string): NamespaceState {
    return this.directory.namespace(this.directory.vpc(vpc), name);
  }

  private forget(vpc: VpcState): void {
    this.vpcRecords.release(vpc);
    this.directory.forget(vpc);
    this.settings.onForget?.(vpc.name);
  }

  private putOwner(resource: Pod | Service, stamp: bigint): void {
    const { claims, conflicts, recordIndex } = this;
    const places = resource.kind === 'pod' ? resource.overlays.length : 0;
    if (resource.names.length > LIST_MAX || places > LIST_MAX)
      throw new RangeError(`more than ${LIST_MAX} names or overlays`);
    const { kind, name } = resource;
    const vpc = this.directory.vpc(resource.vpc);
    const space = vpc.namespaces.get(resource.namespace);
    const old = space === undefined ? 0 : recordIndex.recordOf(space, kind, name);
    const namespace = space ?? this.directory.namespace(vpc, resource.namespace);
    const key = claims.empty ? '' : memberKey(kind, resource.vpc, resource.namespace, name);
    if (claims.member(key) === undefined && this.sole.find(vpc, resource, old)) {
      recordIndex.place(namespace, resource, old, this.sole);
      if (!claims.empty) conflicts.settle();
      return;
    }
    const own = memberKey(kind, resource.vpc, resource.namespace, name);
    conflicts.claim(vpc, own, resource, stamp, old);
    const record = recordIndex.place(namespace, resource, old);
    if (claims.empty) return;
    conflicts.built(own, record);
    conflicts.settle();
  }

  private removeOwner(namespace: NamespaceState, kind: 'pod' | 'service', name: string): boolean {
    const record = this.recordIndex.recordOf(namespace, kind, name);
    if (record === 0) return false;
    const key = memberKey(kind, namespace.vpc.name, namespace.name, name);
    this.conflicts.withdraw(key);
    this.recordIndex.displace(namespace, record);
    if (!this.claims.empty) this.conflicts.settle();
    return true;
  }
}
