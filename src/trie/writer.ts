/** The one writer: turns effective resources into nodes, records and addresses, a transaction at a time. */
import type { Pod, Problem, Projection, Resource, ResourceKey, Service } from '../model.ts';
import { Arena } from './arena.ts';
import { BearerSets } from './bearers.ts';
import { Claims, claimedBy, memberKey } from './claims.ts';
import type { Contest } from './claims.ts';
import { Contests } from './contests.ts';
import { Directory } from './directory.ts';
import type { NamespaceState, VpcState } from './directory.ts';
import * as layout from './layout.ts';
import type { TrieMemory } from './memory.ts';
import { Nodes } from './nodes.ts';
import { PrefixOwners } from './owners.ts';
import type { ARecords } from './policy.ts';
import { writeStamp } from './records.ts';
import { Registrar } from './registrar.ts';
import { Room } from './room.ts';
import { plantSpecials } from './specials.ts';
import type { SpecialSettings } from './specials.ts';
import { Tables } from './tables.ts';
import { VpcWords } from './vpc-words.ts';

export interface WriterSettings extends SpecialSettings {
  aRecords: ARecords;
  forward: 'on' | 'off' | 'refuse' | string[];
  canForward: boolean;
  /** Unix time in seconds: serials follow it. */
  now: () => number;
}

export class TrieWriter implements Projection {
  readonly tables: Tables;
  private readonly arena: Arena;
  private readonly head: Int32Array;
  private readonly directory: Directory;
  private readonly owners: PrefixOwners;
  private readonly bearers: BearerSets;
  private readonly claims = new Claims();
  private readonly contests: Contests;
  private readonly registrar: Registrar;
  private readonly vpcWords: VpcWords;
  private readonly room: Room;
  /** Namespaces that may have lost their last reason to exist. */
  private readonly suspects = new Set<NamespaceState>();

  constructor(memory: TrieMemory, settings: WriterSettings) {
    this.head = new Int32Array(memory.head);
    this.arena = new Arena(new Int32Array(memory.arena));
    this.tables = new Tables(memory, this.arena);
    const nodes = new Nodes(this.tables, this.arena);
    this.head[layout.HEAD_VPC_ROOT] = nodes.root();
    this.head[layout.HEAD_SPECIAL_ROOT] = nodes.root();
    this.directory = new Directory(this.arena, this.tables, nodes, this.head[layout.HEAD_VPC_ROOT]);
    this.owners = new PrefixOwners(this.arena, this.tables);
    this.bearers = new BearerSets(this.arena, this.tables, nodes);
    this.registrar = new Registrar({
      arena: this.arena,
      tables: this.tables,
      nodes,
      directory: this.directory,
      bearers: this.bearers,
      claims: this.claims,
      owners: this.owners,
      aRecords: settings.aRecords,
      onDotted: (vpc, name, present) => this.vpcWords.setDotted(vpc, name, present),
    });
    this.contests = new Contests(this.arena, this.claims, this.directory, this.registrar);
    this.vpcWords = new VpcWords(this.arena, this.tables, nodes, settings);
    this.room = new Room({
      arena: this.arena,
      tables: this.tables,
      bearers: this.bearers,
      claims: this.claims,
      registrar: this.registrar,
      vpcWords: this.vpcWords,
    });
    this.begin();
    plantSpecials(this.arena, nodes, this.head[layout.HEAD_SPECIAL_ROOT], settings);
    this.commit();
  }

  begin(): void {
    this.tables.begin();
  }

  put(resource: Resource, stamp: bigint): void {
    switch (resource.kind) {
      case 'vpc': {
        const old = this.directory.vpcs.get(resource.name);
        this.room.forVpc(resource, old);
        const before = old?.net6 ?? [];
        const state = this.directory.setVpc(resource);
        this.owners.replace(state, before, state.net6);
        this.vpcWords.dirty(state);
        return;
      }
      case 'namespace': {
        this.room.forPlace(this.directory.vpcs.get(resource.vpc));
        const state = this.namespace(resource.vpc, resource.name);
        this.directory.setNamespace(state, resource);
        return;
      }
      case 'overlay': {
        this.room.forPlace(this.directory.vpcs.get(resource.vpc));
        const namespace = this.namespace(resource.vpc, resource.namespace);
        this.directory.setOverlay(this.directory.overlay(namespace, resource.name), resource);
        this.vpcWords.dirty(namespace.vpc);
        return;
      }
      default:
        this.putBearer(resource, stamp);
    }
  }

  renew(resource: Resource, stamp: bigint): void {
    if (resource.kind !== 'pod' && resource.kind !== 'service') return;
    const vpc = this.directory.vpcs.get(resource.vpc);
    const namespace = vpc?.namespaces.get(resource.namespace);
    const record =
      namespace === undefined ? 0 : this.registrar.recordOf(namespace, resource.kind, resource.name);
    // One that found no room may find it now.
    if (record === 0) return this.put(resource, stamp);
    writeStamp(this.arena.words, this.tables.idle.tail(record), stamp);
    const key = memberKey(resource.kind, resource.vpc, resource.namespace, resource.name);
    const contests = this.claims.renew(key, stamp);
    if (contests !== undefined) this.contests.settle(contests, '');
  }

  remove(key: ResourceKey): void {
    const vpc = this.directory.vpcs.get(key.vpc);
    if (vpc === undefined) return;
    if (key.kind === 'vpc') {
      if (vpc.declared === undefined) return;
      this.directory.touched.add(vpc);
      this.owners.replace(vpc, vpc.net6, []);
      vpc.declared = undefined;
      vpc.net6 = [];
      vpc.services6 = [];
      this.vpcWords.dirty(vpc);
      return;
    }
    const namespace = vpc.namespaces.get(key.namespace);
    if (namespace === undefined || !this.removeInside(namespace, key)) return;
    this.suspects.add(namespace);
    this.directory.touched.add(vpc);
  }

  /** False when there was no such thing. */
  private removeInside(namespace: NamespaceState, key: ResourceKey): boolean {
    if (key.kind === 'namespace') {
      if (namespace.declared === undefined) return false;
      this.directory.setNamespace(namespace, undefined);
      return true;
    }
    if (key.kind !== 'overlay') return this.removeBearer(namespace, key.kind as 'pod' | 'service', key.name);
    const overlay = namespace.overlays.get(key.name);
    if (overlay?.declared === undefined) return false;
    this.directory.setOverlay(overlay, undefined);
    this.vpcWords.dirty(namespace.vpc);
    return true;
  }

  /**
   * What finds no room for want of what is let go in this same transaction follows in further ones at once; what
   * finds none then, with the next that makes room.
   */
  commit(): void {
    this.finish();
    for (let count = -1; this.owed > 0 && count !== this.arena.count;) {
      count = this.arena.count;
      this.begin();
      this.contests.retry();
      this.finish();
    }
  }

  private get owed(): number {
    return this.contests.owed + this.bearers.owed + this.owners.owed + this.vpcWords.changed.size;
  }

  private finish(): void {
    this.bearers.flush((node) => this.registrar.prune(node));
    for (const namespace of this.suspects) this.directory.sweep(namespace);
    this.suspects.clear();
    this.owners.flush(this.directory.vpcs.size === 1);
    const { vpcs, touched } = this.directory;
    for (const vpc of this.vpcWords.changed) touched.add(vpc);
    for (const vpc of touched) {
      if (vpc.declared === undefined && vpc.namespaces.size === 0) this.forget(vpc);
      else this.vpcWords.write(vpc);
    }
    touched.clear();
    const only = vpcs.size === 1 ? [...vpcs.values()][0].record : 0;
    this.tables.pokeHead(layout.HEAD_ONLY_VPC, 1, only);
    this.tables.commit();
  }

  /** Standing conflicts over addresses. */
  problems(): Problem[] {
    const problems = this.claims.problems();
    if (this.owed > 0) {
      const reason = `the memory is full: ${this.owed} names, addresses or VPCs wait for room to be shown in full`;
      problems.push({ severity: 'error', reason });
    }
    return problems;
  }

  /** Marks a VPC's answers as stale (EDE 3) or fresh, at once, without a transaction. Unknown VPCs are ignored. */
  setStale(vpc: string, stale: boolean): void {
    const state = this.directory.vpcs.get(vpc);
    if (state !== undefined) this.arena.words[state.record + layout.VPC_STALE] = stale ? 1 : 0;
  }

  vpcNames(): string[] {
    return [...this.directory.vpcs.keys()];
  }

  /** One of SYNC_*. */
  setSync(state: number): void {
    this.head[layout.HEAD_SYNC] = state;
  }

  setIpv4Blind(blind: boolean): void {
    this.head[layout.HEAD_IPV4_BLIND] = blind ? 1 : 0;
  }

  /** Octets in use: arena, and the slots of one copy. */
  get usage(): { arena: number; names: number; addresses: number } {
    return { arena: this.arena.used * 4, ...this.tables.sizes };
  }

  private namespace(vpc: string, name: string): NamespaceState {
    const isNew = !this.directory.vpcs.has(vpc);
    const state = this.directory.vpc(vpc);
    if (isNew) this.vpcWords.dirty(state);
    return this.directory.namespace(state, name);
  }

  private forget(vpc: VpcState): void {
    this.vpcWords.release(vpc);
    this.directory.forget(vpc);
  }

  private putBearer(resource: Pod | Service, stamp: bigint): void {
    const { claims, contests, registrar } = this;
    const key = memberKey(resource.kind, resource.vpc, resource.namespace, resource.name);
    const vpc = this.directory.vpcs.get(resource.vpc);
    const known = vpc?.namespaces.get(resource.namespace);
    const old = known === undefined ? 0 : registrar.recordOf(known, resource.kind, resource.name);
    this.room.forBearer(resource, vpc, key, old);
    const namespace = this.namespace(resource.vpc, resource.namespace);
    const affected = new Set<Contest>(claims.withdraw(key));
    for (const { address, overlay } of claimedBy(resource)) {
      let contest = claims.contest(resource.vpc, address);
      if (contest === undefined) {
        const holder = registrar.holderOf(namespace.vpc, address);
        if (holder === 0 || holder === old) continue;
        contest = contests.open(namespace.vpc, address, holder);
      }
      claims.join(contest, key, overlay, { resource, stamp, record: old });
      affected.add(contest);
    }
    const record = registrar.place(namespace, resource, stamp, old);
    if (old !== 0) this.suspects.add(namespace);
    if (affected.size === 0) return;
    const member = claims.member(key);
    if (member !== undefined) member.record = record;
    contests.settle(affected, key);
  }

  private removeBearer(namespace: NamespaceState, kind: 'pod' | 'service', name: string): boolean {
    const record = this.registrar.recordOf(namespace, kind, name);
    if (record === 0) return false;
    const key = memberKey(kind, namespace.vpc.name, namespace.name, name);
    const affected = new Set(this.claims.withdraw(key));
    this.registrar.displace(namespace, record);
    if (affected.size > 0) this.contests.settle(affected, key);
    return true;
  }
}
