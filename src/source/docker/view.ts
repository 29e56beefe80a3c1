/**
 * What an engine is known to have, as resources: facts go in, and out come the resources that have changed since the
 * last time. It knows nothing of time, events or requests.
 */
import { keyOf, keyText, type Problem, type Resource, type ResourceKey } from '../../model.ts';
import { excerpt } from '../../model-text.ts';
import { slices } from '../reflector/slices.ts';
import { issueText } from '../validate/by-schema.ts';
import { validateResource, type ValidateOptions } from '../validate/validate.ts';
import type { ContainerFacts, Endpoint, NetworkFacts, RowFacts, ServiceFacts } from './facts.ts';
import {
  compare,
  furtherNames,
  identityOf,
  overlaysOf,
  sharedWith,
  SHORT_ID,
  swarmService,
} from './identity.ts';
import type { Identity, OverlayName } from './identity.ts';
import { attachmentsOf, isOnNetwork, isReady, joinPorts, type Attached } from './pod.ts';
import { portsOf } from './port-names.ts';
import { Claims, Sharing } from './sharing.ts';
import { serviceResource, structureResources, type RawResource, type ViewOptions } from './structure.ts';

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

interface Known {
  facts: ContainerFacts | undefined;
  row: Pick<RowFacts, 'id' | 'name' | 'labels' | 'created'>;
  identity: Identity | undefined;
  /** Why the engine's answer cannot be read, if it cannot. */
  fault: string | undefined;
}

/** What is served of one container, network or service, or of the engine itself. */
interface Output {
  text: string;
  resource: Resource;
  place: string;
}

export class EngineView {
  private readonly options: ViewOptions;
  private readonly validation: ValidateOptions;
  private readonly containers = new Map<string, Known>();
  private readonly networks = new Map<string, NetworkFacts>();
  private services: readonly ServiceFacts[] = [];
  private overlays = new Map<string, OverlayName>();
  private readonly claims = new Claims();
  private readonly sharing = new Sharing();
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
    this.validation = { unknownKeys: 'ignore', zone: options.zone };
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

  /** False where exactly this was known of it. */
  putContainer(facts: ContainerFacts): boolean {
    const known = this.containers.get(facts.id);
    if (known?.fault === undefined && JSON.stringify(known?.facts) === JSON.stringify(facts)) return false;
    const identity = identityOf(facts, this.options);
    this.know(facts.id, { facts, row: facts, identity, fault: undefined });
    return true;
  }

  /** The container is there, but nobody can say more than this row: its last good version stays. */
  refuseContainer(row: Known['row'], fault: string): void {
    const known = this.containers.get(row.id);
    const identity = known?.identity ?? identityOf(row, this.options);
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
    for (const raw of this.rawStructure()) {
      const { resource } = validateResource(raw.resource, this.validation);
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
      for (const id of this.claims.get(key.slice('pod '.length))) this.dirty.add(id);
    for (const [id, { facts }] of this.containers) {
      for (const endpoint of facts?.endpoints ?? []) {
        const network = this.networkOf(endpoint);
        if (network === undefined || this.changed.has(network.id)) this.dirty.add(id);
      }
      if (this.servicesChanged && facts !== undefined && swarmService(facts.labels) !== undefined)
        this.dirty.add(id);
    }
    this.changed.clear();
    this.servicesChanged = false;
  }

  private *rawStructure(): Generator<RawResource> {
    yield* structureResources(this.options, this.networks.values(), this.overlays);
    this.virtualServices.clear();
    for (const service of this.services) {
      const raw = serviceResource(this.options.vpc, service, this.overlays);
      if (raw === undefined) continue;
      this.virtualServices.add(service.name);
      yield raw;
    }
  }

  /** The containers whose resources may have changed. */
  private affected(): Set<string> {
    const affected = new Set(this.dirty);
    const add = (ids: Iterable<string>): void => {
      for (const id of ids) affected.add(id);
    };
    for (const id of this.dirty) {
      const known = this.containers.get(id);
      add(this.claims.set(id, known?.identity === undefined ? undefined : claimText(known.identity)));
      const owner = known?.facts === undefined ? undefined : this.resolve(sharedWith(known.facts.mode));
      const oldOwner = this.sharing.set(id, owner);
      // Names go up the chain, and what becomes of a sharer depends on all above it.
      if (oldOwner !== undefined) add(this.sharing.chain(oldOwner));
      add(this.sharing.chain(id));
      add(this.sharing.below(id));
    }
    return affected;
  }

  /** `container:` takes an id, and older engines leave a name there. */
  private resolve(reference: string | undefined): string | undefined {
    if (reference === undefined || this.containers.has(reference)) return reference;
    for (const [id, { row }] of this.containers) if (row.name === reference) return id;
    return reference;
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
    const { resource, issues } = validateResource(raw, this.validation);
    if (resource === undefined) return refuse(key, place, issues.map(issueText));
    return { resource, text: JSON.stringify(resource), place };
  }

  /** The pod's own name, or the short id where an older container has that name. */
  private nameFor(id: string, identity: Identity): string {
    const claim = claimText(identity);
    const claims = this.claims.get(claim);
    // A service of the swarm has that name.
    if (this.virtual.has(`pod ${claim}`)) return id.slice(0, SHORT_ID).toLowerCase();
    if (claims.size < 2) return identity.name;
    const first = [...claims].sort((left, right) => this.byAge(left, right))[0];
    return first === id ? identity.name : id.slice(0, SHORT_ID).toLowerCase();
  }

  private byAge(left: string, right: string): number {
    const created = (id: string): string => this.containers.get(id)?.row.created ?? '';
    return compare(created(left), created(right)) || compare(left, right);
  }

  /** True where its names are names of the pod whose addresses it shares. */
  private sharesPod(id: string, identity: Identity): boolean {
    if (!this.sharing.shares(id) || !isOnNetwork(this.containers.get(id)?.facts)) return false;
    const owner = this.sharing.ownerOf(id);
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
    const ports = [portsOf(facts.ports, identity.own.ports)];
    for (const sharer of this.sharing.below(id)) {
      const other = this.containers.get(sharer);
      if (other?.facts === undefined || other.identity === undefined) continue;
      if (other.identity.own.faults.length > 0 || !this.sharesPod(sharer, other.identity)) continue;
      names.add(other.identity.name);
      for (const name of this.namesOf(other.facts, other.identity)) names.add(name);
      ports.push(portsOf(other.facts.ports, other.identity.own.ports));
    }
    const { namespace } = identity;
    const attached = attachmentsOf(facts, namespace, this.attached(facts), this.options.network);
    return { ...key, names: [...names], ...attached, ports: joinPorts(ports), ready: isReady(facts) };
  }

  private *attached({ endpoints }: ContainerFacts): Generator<Attached> {
    for (const endpoint of endpoints) {
      const network = this.networkOf(endpoint);
      const overlay = network === undefined ? undefined : this.overlays.get(network.id);
      if (network !== undefined && overlay !== undefined) yield { network, overlay, endpoint };
    }
  }

  /** Where the virtual addresses of a swarm's service are known they have its name, and its tasks are `tasks.web`. */
  private namesOf(facts: ContainerFacts, identity: Identity): string[] {
    const service = swarmService(facts.labels);
    const hidden = service !== undefined && this.virtualServices.has(service) ? identity.service : '';
    const names = furtherNames(facts, identity, this.options.zone);
    return hidden === '' ? names : names.filter((name) => name !== hidden && name !== service);
  }

  /** True where the network of this id, or called so, as some engines say in its place, is known. */
  knowsNetwork(id: string): boolean {
    if (this.networks.has(id)) return true;
    for (const { name } of this.networks.values()) if (name === id) return true;
    return false;
  }

  /**
   * The name counts for a container that has never run, which has no id of the network, and for one that has not run
   * since the engine made the network anew, as it makes the default one at each of its starts.
   */
  networkOf({ network, networkId }: Endpoint): NetworkFacts | undefined {
    const byId = this.networks.get(networkId);
    if (byId !== undefined) return byId;
    for (const facts of this.networks.values())
      if (facts.name === network || facts.name === networkId || facts.id === network) return facts;
    return undefined;
  }
}

function claimText({ vpc, namespace, name }: Identity): string {
  return `${vpc}/${namespace}/${name}`;
}

function refuse(key: ResourceKey, place: string, reasons: readonly string[]): Omit<Refusal, 'scope'> {
  return {
    key,
    problems: reasons.map((reason): Problem => ({ severity: 'error', place: { text: place }, reason, key })),
  };
}
