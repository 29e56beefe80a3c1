/**
 * What an engine is known to have, as resources: facts go in, and out come the resources that have changed since the
 * last time. It knows nothing of time, events or requests.
 */
import {
  keyOf,
  keyText,
  type Attachment,
  type Port,
  type Problem,
  type Resource,
  type ResourceKey,
} from '../../model.ts';
import { excerpt } from '../../model-text.ts';
import { podAddress4, podAddress6, prefix4, prefix6 } from '../validate/addresses.ts';
import { issueText } from '../validate/by-schema.ts';
import { parsePortText } from '../validate/field-parsers.ts';
import { slices } from '../reflector/slices.ts';
import { validateResource } from '../validate/validate.ts';
import type { ContainerFacts, Endpoint, NetworkFacts, RowFacts, ServiceFacts } from './facts.ts';
import {
  compare,
  furtherNames,
  identityOf,
  overlaysOf,
  serviceIdentity,
  sharedWith,
  SHORT_ID,
} from './identity.ts';
import type { Identity, OverlayName } from './identity.ts';
import { portOf } from './port-names.ts';

export interface ViewOptions {
  vpc: string;
  /** The name of the network whose IPv6 addresses are the VPC's own. */
  network?: string;
  /** The canonical suffix. */
  zone: string;
}

/** A container that is not served as it is now; its last good version stays. */
export interface Refusal {
  scope: string;
  key?: ResourceKey;
  /** Empty: it is well again, or gone. */
  problems: Problem[];
}

export interface Changes {
  puts: { resource: Resource; place: string }[];
  deletes: ResourceKey[];
  refusals: Refusal[];
}

/** Chains of containers that share a network are followed so far. */
const CHAIN_MAX = 8;
/** The states of a container that has addresses. */
const ON_NETWORK: ReadonlySet<string> = new Set(['running', 'paused']);

interface Known {
  facts: ContainerFacts | undefined;
  row: Pick<RowFacts, 'id' | 'name' | 'labels' | 'created'>;
  identity: Identity | undefined;
  /** Why the engine's answer cannot be read, if it cannot. */
  fault: string | undefined;
}

const SWARM_SERVICE = 'com.docker.swarm.service.name';

/** What is served of one container, network or service, or of the engine itself. */
interface Output {
  text: string;
  resource: Resource;
  place: string;
}

export class EngineView {
  private readonly options: ViewOptions;
  private readonly containers = new Map<string, Known>();
  private readonly networks = new Map<string, NetworkFacts>();
  private services: readonly ServiceFacts[] = [];
  private overlays = new Map<string, OverlayName>();
  /** The ids of containers that want to be a pod of this key. */
  private readonly claims = new Map<string, Set<string>>();
  private readonly claimOf = new Map<string, string>();
  /** The containers that share the network of this one. */
  private readonly sharers = new Map<string, Set<string>>();
  private readonly sharedBy = new Map<string, string>();
  private readonly outputs = new Map<string, Output>();
  /** What each container has been served as. */
  private readonly servedAs = new Map<string, string>();
  private readonly refused = new Map<string, Refusal>();
  private readonly dirty = new Set<string>();
  /** The keys of what is no container: the VPC, overlays, services. */
  private readonly structural = new Set<string>();
  /** Keys of pods that are services of a swarm, and the names of these services. */
  private readonly virtual = new Set<string>();
  private readonly virtualServices = new Set<string>();
  /** The container that a key is of. */
  private readonly holder = new Map<string, string>();
  /** Networks that have changed, or are gone; and whether services have. */
  private readonly changed = new Set<string>();
  private servicesChanged = false;
  private structure = true;

  constructor(options: ViewOptions) {
    this.options = options;
  }

  containerIds(): IterableIterator<string> {
    return this.containers.keys();
  }

  container(id: string): ContainerFacts | undefined {
    return this.containers.get(id)?.facts;
  }

  allNetworks(): IterableIterator<NetworkFacts> {
    return this.networks.values();
  }

  /** True where exactly this is known of the network. */
  networkIs(facts: NetworkFacts): boolean {
    return JSON.stringify(this.networks.get(facts.id)) === JSON.stringify(facts);
  }

  putContainer(facts: ContainerFacts): void {
    this.know(facts.id, {
      facts,
      row: facts,
      identity: identityOf(facts, this.options.vpc),
      fault: undefined,
    });
  }

  /** The container is there, but nobody can say more than this row: its last good version stays. */
  refuseContainer(row: Known['row'], fault: string): void {
    const known = this.containers.get(row.id);
    const identity = known?.identity ?? identityOf(row, this.options.vpc);
    this.know(row.id, { facts: known?.facts, row, identity, fault });
  }

  removeContainer(id: string): void {
    if (this.containers.delete(id)) this.dirty.add(id);
  }

  private know(id: string, known: Known): void {
    this.containers.set(id, known);
    this.dirty.add(id);
  }

  putNetwork(facts: NetworkFacts): void {
    if (this.networkIs(facts)) return;
    this.networks.set(facts.id, facts);
    this.changed.add(facts.id);
    this.structure = true;
  }

  removeNetwork(id: string): void {
    if (!this.networks.delete(id)) return;
    this.changed.add(id);
    this.structure = true;
  }

  putServices(services: readonly ServiceFacts[]): void {
    if (JSON.stringify(services) === JSON.stringify(this.services)) return;
    this.services = services;
    this.servicesChanged = true;
    this.structure = true;
  }

  /** Everything that is served, and all that is refused: for a full list. Call `changes` before. */
  *all(): Generator<{ resource: Resource; place: string } | Refusal> {
    yield* this.outputs.values();
    for (const [id, { scope, key, problems }] of this.refused)
      // The last good version of it has just been given.
      yield this.servedAs.has(id) ? { scope, problems } : { scope, key, problems };
  }

  /**
   * What has changed since the last call; an address that has moved is gone from one and given to the other here. It
   * stops wherever a turn may end; nothing may be put or removed meanwhile.
   */
  *changes(): Generator<void, Changes> {
    const changes: Changes = { puts: [], deletes: [], refusals: [] };
    const before = new Map<string, Output | undefined>();
    if (this.structure) this.restructure(before);
    yield;
    const affected = this.affected();
    this.dirty.clear();
    for (const id of affected) {
      this.serve(id, before, changes.refusals);
      slices.record();
      yield;
    }
    for (const [key, old] of before) {
      const now = this.outputs.get(key);
      if (now === undefined) {
        if (old !== undefined) changes.deletes.push(keyOf(old.resource));
      } else if (old?.text !== now.text) changes.puts.push(now);
    }
    return changes;
  }

  /** Networks and services are few and change seldom: their resources are made anew, and those of their containers. */
  private restructure(before: Map<string, Output | undefined>): void {
    this.structure = false;
    const oldVirtual = new Set(this.virtual);
    for (const key of this.structural) {
      before.set(key, this.outputs.get(key));
      this.outputs.delete(key);
    }
    this.structural.clear();
    this.virtual.clear();
    const old = this.overlays;
    this.overlays = overlaysOf(this.networks.values());
    for (const raw of this.structureResources()) {
      const { resource } = validateResource(raw.resource, { unknownKeys: 'ignore', zone: this.options.zone });
      if (resource === undefined) continue;
      const key = keyText(keyOf(resource));
      if (resource.kind === 'pod') this.virtual.add(key);
      if (!before.has(key)) before.set(key, this.outputs.get(key));
      this.structural.add(key);
      this.holder.delete(key);
      this.outputs.set(key, { resource, text: JSON.stringify(resource), place: raw.place });
    }
    for (const [id, overlay] of this.overlays)
      if (JSON.stringify(old.get(id)) !== JSON.stringify(overlay)) this.changed.add(id);
    for (const key of [...oldVirtual, ...this.virtual])
      for (const id of this.claims.get(key.slice('pod '.length)) ?? []) this.dirty.add(id);
    for (const [id, { facts }] of this.containers) {
      for (const endpoint of facts?.endpoints ?? []) {
        const network = this.networkOf(endpoint);
        if (network === undefined || this.changed.has(network.id)) this.dirty.add(id);
      }
      if (this.servicesChanged && facts?.labels[SWARM_SERVICE] !== undefined) this.dirty.add(id);
    }
    this.changed.clear();
    this.servicesChanged = false;
  }

  private *structureResources(): Generator<{ resource: object; place: string }> {
    const { vpc, network: own } = this.options;
    const net6: string[] = [];
    for (const network of this.networks.values()) {
      const overlay = this.overlays.get(network.id);
      if (overlay === undefined) continue;
      const subnets = network.ipam.map(({ subnet }) => subnet);
      const fours = subnets.map(prefix4).filter((text) => text !== undefined);
      const sixes = subnets.map(prefix6).filter((text) => text !== undefined);
      if (network.name === own) net6.push(...sixes);
      const resource = {
        kind: 'overlay',
        vpc,
        ...overlay,
        ...(network.driver === '' ? {} : { driver: network.driver }),
        ...(fours[0] === undefined ? {} : { net4: fours[0] }),
        ...(sixes[0] === undefined ? {} : { net6: sixes[0] }),
        ...(network.internal ? { internal: true } : {}),
      };
      yield { resource, place: `docker network ${excerpt(network.name)}` };
    }
    yield { resource: { kind: 'vpc', name: vpc, net6, a_records: 'all' }, place: 'docker engine' };
    this.virtualServices.clear();
    for (const service of this.services) yield* this.serviceResources(service);
  }

  /**
   * The virtual addresses of a swarm's service. A service of podns has one IPv6 address; one with IPv4 addresses is a
   * pod with them.
   */
  private *serviceResources(service: ServiceFacts): Generator<{ resource: object; place: string }> {
    const place = `docker service ${excerpt(service.name)}`;
    const { vpc } = this.options;
    const identity = serviceIdentity(service);
    const overlays: Attachment[] = [];
    let ip6: string | undefined;
    for (const { networkId, address } of service.vips) {
      const overlay = this.overlays.get(networkId);
      if (overlay === undefined) continue;
      const four = podAddress4(address);
      ip6 ??= podAddress6(address);
      if (four !== undefined)
        overlays.push({ overlay: attachmentName(identity.namespace, overlay), ip4: four, pinned: false });
    }
    const common = {
      vpc,
      ...identity,
      ...(service.name === identity.name ? {} : { names: [service.name] }),
      ports: portsOf(service.ports),
    };
    if (ip6 !== undefined || overlays.length > 0) this.virtualServices.add(service.name);
    if (ip6 !== undefined) yield { resource: { kind: 'service', ...common, ip6 }, place };
    else if (overlays.length > 0) yield { resource: { kind: 'pod', ...common, overlays }, place };
  }

  /** The containers whose resources may have changed. */
  private affected(): Set<string> {
    const affected = new Set(this.dirty);
    const add = (ids: Iterable<string> | undefined): void => {
      for (const id of ids ?? []) affected.add(id);
    };
    for (const id of this.dirty) {
      const known = this.containers.get(id);
      const claim = known?.identity === undefined ? undefined : claimText(known.identity);
      const old = this.claimOf.get(id);
      if (claim !== old) {
        move(this.claims, old, claim, id);
        if (claim === undefined) this.claimOf.delete(id);
        else this.claimOf.set(id, claim);
        add(old === undefined ? undefined : this.claims.get(old));
        add(claim === undefined ? undefined : this.claims.get(claim));
      }
      const owner = known?.facts === undefined ? undefined : this.resolve(sharedWith(known.facts.mode));
      const oldOwner = this.sharedBy.get(id);
      if (owner !== oldOwner) {
        move(this.sharers, oldOwner, owner, id);
        if (owner === undefined) this.sharedBy.delete(id);
        else this.sharedBy.set(id, owner);
      }
      // Names go up the chain, and what becomes of a sharer depends on all above it.
      for (const start of [oldOwner, id])
        for (let at = start, steps = 0; at !== undefined && steps < CHAIN_MAX; steps++) {
          affected.add(at);
          at = this.sharedBy.get(at);
        }
      add(this.below(id));
    }
    return affected;
  }

  /** All that share the network of this container, or of one that shares it. */
  private below(id: string): Set<string> {
    const all = new Set<string>();
    let level = [id];
    for (let steps = 0; steps < CHAIN_MAX && level.length > 0; steps++) {
      const next: string[] = [];
      for (const at of level)
        for (const sharer of this.sharers.get(at) ?? []) {
          if (sharer === id || all.has(sharer)) continue;
          all.add(sharer);
          next.push(sharer);
        }
      level = next;
    }
    return all;
  }

  /** `container:` takes an id, and older engines leave a name there. */
  private resolve(reference: string | undefined): string | undefined {
    if (reference === undefined || this.containers.has(reference)) return reference;
    for (const [id, { row }] of this.containers) if (row.name === reference) return id;
    return reference;
  }

  /** The container whose addresses this one has: itself, unless it shares another's network. */
  private ownerOf(id: string): string | undefined {
    let at = id;
    for (let steps = 0; steps <= CHAIN_MAX; steps++) {
      const owner = this.sharedBy.get(at);
      if (owner === undefined) return at;
      if (!this.containers.has(owner)) return undefined;
      at = owner;
    }
    return undefined;
  }

  private serve(id: string, before: Map<string, Output | undefined>, refusals: Refusal[]): void {
    const old = this.servedAs.get(id);
    const output = this.outputFor(id);
    const scope = `docker container ${id.slice(0, SHORT_ID)}`;
    if (output !== undefined && 'problems' in output) {
      const refusal = { ...output, scope };
      if (JSON.stringify(this.refused.get(id)) !== JSON.stringify(refusal)) refusals.push(refusal);
      this.refused.set(id, refusal);
      return;
    }
    if (this.refused.delete(id)) refusals.push({ scope, problems: [] });
    if (old !== undefined && !before.has(old)) before.set(old, this.outputs.get(old));
    const key = output === undefined ? undefined : keyText(keyOf(output.resource));
    if (key !== undefined && !before.has(key)) before.set(key, this.outputs.get(key));
    // Another container may have taken the key over, in this very change.
    if (old !== undefined && old !== key && this.holder.get(old) === id) {
      this.outputs.delete(old);
      this.holder.delete(old);
    }
    if (key === undefined) this.servedAs.delete(id);
    else {
      this.servedAs.set(id, key);
      this.holder.set(key, id);
      this.outputs.set(key, output!);
    }
  }

  /** Undefined for a container that has no pod of its own. */
  private outputFor(id: string): Output | Omit<Refusal, 'scope'> | undefined {
    const known = this.containers.get(id);
    if (known === undefined || known.identity === undefined) return undefined;
    const { facts, identity, row } = known;
    const place = `docker container ${excerpt(row.name)}`;
    const key: ResourceKey = {
      kind: 'pod',
      vpc: identity.vpc,
      namespace: identity.namespace,
      name: this.nameFor(id, identity),
    };
    const faults = known.fault === undefined ? identity.own.faults : [known.fault];
    if (faults.length > 0 || facts === undefined) return refuse(key, place, faults);
    if (this.sharesPod(id, identity)) return undefined;
    const raw = this.podOf(id, facts, identity, key);
    const { resource, issues } = validateResource(raw, { unknownKeys: 'ignore', zone: this.options.zone });
    if (resource === undefined) return refuse(key, place, issues.map(issueText));
    return { resource, text: JSON.stringify(resource), place };
  }

  /** The pod's own name, or the short id where an older container has that name. */
  private nameFor(id: string, identity: Identity): string {
    const claim = claimText(identity);
    const claims = this.claims.get(claim);
    // A service of the swarm has that name.
    if (this.virtual.has(`pod ${claim}`)) return id.slice(0, SHORT_ID).toLowerCase();
    if (claims === undefined || claims.size < 2) return identity.name;
    const first = [...claims].sort((left, right) => this.byAge(left, right))[0];
    return first === id ? identity.name : id.slice(0, SHORT_ID).toLowerCase();
  }

  private byAge(left: string, right: string): number {
    const created = (id: string): string => this.containers.get(id)?.row.created ?? '';
    return compare(created(left), created(right)) || compare(left, right);
  }

  /** True where its names are names of the pod whose addresses it shares. */
  private sharesPod(id: string, identity: Identity): boolean {
    if (!this.sharedBy.has(id) || !ON_NETWORK.has(this.containers.get(id)?.facts?.status ?? '')) return false;
    const owner = this.ownerOf(id);
    const other = owner === undefined || owner === id ? undefined : this.containers.get(owner);
    return (
      other?.facts !== undefined &&
      other.identity !== undefined &&
      other.identity.vpc === identity.vpc &&
      other.identity.namespace === identity.namespace
    );
  }

  private podOf(id: string, facts: ContainerFacts, identity: Identity, key: ResourceKey): object {
    const names = new Set(this.namesOf(facts, identity));
    // Its name has been given to an older container, and is still one of its names.
    if (key.name !== identity.name) names.add(identity.name);
    const ports = portsOf(facts.ports, identity.own.ports);
    for (const sharer of this.below(id)) {
      const other = this.containers.get(sharer);
      if (other?.facts === undefined || other.identity === undefined) continue;
      if (other.identity.own.faults.length > 0 || !this.sharesPod(sharer, other.identity)) continue;
      names.add(other.identity.name);
      for (const name of this.namesOf(other.facts, other.identity)) names.add(name);
      ports.push(...portsOf(other.facts.ports, other.identity.own.ports));
    }
    const { ip6, overlays } = this.attachments(facts, identity);
    return {
      ...key,
      names: [...names],
      ...(ip6 === undefined ? {} : { ip6 }),
      overlays,
      ports,
      ready: isReady(facts),
    };
  }

  /** Where the virtual addresses of a swarm's service are known they have its name, and its tasks are `tasks.web`. */
  private namesOf(facts: ContainerFacts, identity: Identity): string[] {
    const service = facts.labels[SWARM_SERVICE];
    const hidden = service !== undefined && this.virtualServices.has(service) ? identity.service : '';
    const names = furtherNames(facts, identity, this.options.zone);
    return hidden === '' ? names : names.filter((name) => name !== hidden && name !== service);
  }

  private attachments(facts: ContainerFacts, identity: Identity): { ip6?: string; overlays: Attachment[] } {
    const overlays: Attachment[] = [];
    let own6: string | undefined;
    const live = ON_NETWORK.has(facts.status);
    for (const endpoint of facts.endpoints) {
      const network = this.networkOf(endpoint);
      const overlay = network === undefined ? undefined : this.overlays.get(network.id);
      if (network === undefined || overlay === undefined) continue;
      const ip4 = live ? podAddress4(endpoint.ip4) : undefined;
      const ip6 = live ? podAddress6(endpoint.ip6) : undefined;
      const local = network.scope !== 'swarm';
      const pinned =
        local &&
        ((ip4 !== undefined && podAddress4(endpoint.fixed4) === ip4) ||
          (ip6 !== undefined && podAddress6(endpoint.fixed6) === ip6));
      const attachment: Attachment = { overlay: attachmentName(identity.namespace, overlay), pinned };
      if (ip4 !== undefined) attachment.ip4 = ip4;
      if (ip6 !== undefined && network.name === this.options.network) own6 = ip6;
      else if (ip6 !== undefined) attachment.ip6 = ip6;
      overlays.push(attachment);
    }
    return own6 === undefined ? { overlays } : { ip6: own6, overlays };
  }

  /** Some engines say the name of the network in place of its id, and nothing for a container that has never run. */
  networkOf({ network, networkId }: Endpoint): NetworkFacts | undefined {
    const byId = this.networks.get(networkId);
    if (byId !== undefined) return byId;
    const said = networkId === '' ? network : networkId;
    for (const facts of this.networks.values()) if (facts.name === said || facts.id === said) return facts;
    return undefined;
  }
}

function claimText({ vpc, namespace, name }: Identity): string {
  return `${vpc}/${namespace}/${name}`;
}

function move(
  index: Map<string, Set<string>>,
  from: string | undefined,
  to: string | undefined,
  id: string,
): void {
  if (from !== undefined) {
    const set = index.get(from);
    set?.delete(id);
    if (set?.size === 0) index.delete(from);
  }
  if (to === undefined) return;
  const set = index.get(to);
  if (set === undefined) index.set(to, new Set([id]));
  else set.add(id);
}

function refuse(key: ResourceKey, place: string, reasons: readonly string[]): Omit<Refusal, 'scope'> {
  return {
    key,
    problems: reasons.map((reason): Problem => ({ severity: 'error', place: { text: place }, reason, key })),
  };
}

/** An overlay of another namespace is named with it. */
function attachmentName(namespace: string, overlay: OverlayName): string {
  return overlay.namespace === namespace ? overlay.name : `${overlay.namespace}/${overlay.name}`;
}

/** Running, and not known to be ill. */
function isReady({ status, health }: ContainerFacts): boolean {
  return status === 'running' && (health === '' || health === 'healthy');
}

/** Each port once; a name of a label holds for the port that the engine says too. */
function portsOf(texts: readonly string[], named: readonly Port[] = []): Port[] {
  const ports = [...named];
  const taken = new Set(named.map(({ protocol, port }) => `${port}/${protocol}`));
  for (const text of texts) {
    const read = parsePortText(text);
    if (read === undefined || taken.has(`${read.port}/${read.protocol}`)) continue;
    taken.add(`${read.port}/${read.protocol}`);
    ports.push(portOf(read.protocol, read.port));
  }
  return ports.sort((left, right) => left.port - right.port || compare(left.protocol, right.protocol));
}
