/** A slow and plain reading of contract section 4: what podns must answer, without wire, trie or cleverness. */
import { overlayPath, type Attachment, type Pod, type Service } from '../../src/model.ts';
import type { ReferenceClient, ReferenceSource, ReferenceWorld } from './reference-world.ts';
import { joined, NOTHING, type Found, type ReferenceReply } from './reference-reply.ts';
import { ReferenceReverse } from './reference-reverse.ts';
import { DELEGATION, HELD, isPort, PROTOCOLS, PUBLIC, readings, SPECIAL } from './reference-words.ts';

export class Reference {
  readonly world: ReferenceWorld;

  constructor(world: ReferenceWorld) {
    this.world = world;
  }

  /** `labels` folded to lower case; `local` is the address asked, where it matters. */
  reply(source: ReferenceSource, labels: string[], type: string, local?: string): ReferenceReply {
    const client = this.world.identify(source);
    if ('refused' in client) return { rcode: 'REFUSED', answer: [], ede: client.refused };
    if ('contradictory' in client) return { rcode: 'SERVFAIL', answer: [], ede: 24 };
    if (type === 'AXFR' || type === 'IXFR') return { rcode: 'REFUSED', answer: [] };
    const reply = type === 'ANY' ? this.any(client, labels, local) : this.read(client, labels, type, local);
    // The owner of an SOA has that SOA, and the one name server.
    if (reply.soa !== `${joined(labels)}.` || reply.rcode !== 'NOERROR') return reply;
    const { soa: _, ...rest } = reply;
    if (type === 'SOA' || type === 'ANY') return { ...rest, soaAnswer: true };
    if (type === 'NS') return { ...rest, answer: [`NS ns.${this.world.settings.zone}.`] };
    return reply;
  }

  private any(client: ReferenceClient, labels: string[], local?: string): ReferenceReply {
    const order = ['AAAA', 'A', 'SRV', 'TXT', 'PTR'];
    const replies = order.map((type) => this.read(client, labels, type, local));
    return replies.find((reply) => reply.answer.length > 0 || reply.open === true) ?? replies[0]!;
  }

  private read(client: ReferenceClient, labels: string[], type: string, local?: string): ReferenceReply {
    const [second, last] = labels.slice(-2);
    if (labels.at(-1) === 'localhost') {
      if (type === 'A') return { ...NOTHING, answer: ['A 127.0.0.1'] };
      if (type === 'AAAA') return { ...NOTHING, answer: ['AAAA ::1'] };
      return { ...NOTHING, soa: 'localhost.' };
    }
    if (last === 'arpa' && (second === 'in-addr' || second === 'ip6')) {
      return new ReferenceReverse(this).read(client, labels, type, local);
    }
    const { zone, suffixes } = this.world.settings;
    const zones = [{ name: zone, flat: false }, ...suffixes].sort(
      (a, b) => b.name.split('.').length - a.name.split('.').length,
    );
    for (const suffix of zones) {
      const parts = suffix.name.split('.');
      const head = labels.slice(0, labels.length - parts.length);
      if (labels.length < parts.length || joined(labels.slice(head.length)) !== suffix.name) continue;
      return this.underSuffix(client, head, suffix, type, local);
    }
    return this.plain(client, labels, type);
  }

  private underSuffix(
    client: ReferenceClient,
    head: string[],
    suffix: { name: string; flat: boolean },
    type: string,
    local?: string,
  ): ReferenceReply {
    const soa = `${suffix.name}.`;
    const nodata: ReferenceReply = { ...NOTHING, soa };
    if (head.length === 0) return nodata;
    if (!suffix.flat) {
      if (head.length === 1 && head[0] === 'ns') {
        const family = local?.includes(':') === true ? 'AAAA' : 'A';
        return local !== undefined && type === family ? { ...NOTHING, answer: [`${type} ${local}`] } : nodata;
      }
      const inventory =
        (head.length === 1 && (head[0] === '_whoami' || head[0] === '_namespaces')) ||
        (head.length === 2 && head[0] === '_pods' && this.world.namespaces(client.vpc).has(head[1]!));
      if (inventory) return type === 'TXT' ? { ...NOTHING, open: true } : nodata;
    }
    if (suffix.flat && client.namespace === undefined) return HELD;
    const reply = suffix.flat
      ? this.inNamespace(client, client.namespace!, head, type, false)
      : this.withNamespace(client, head, type);
    if (reply === undefined) return { rcode: 'NXDOMAIN', answer: [], soa };
    return reply.answer.length === 0 ? { ...reply, soa } : reply;
  }

  private plain(client: ReferenceClient, labels: string[], type: string): ReferenceReply {
    const last = labels.at(-1);
    const { vpc, namespace } = client;
    const ours = last !== undefined && this.world.namespaces(vpc).has(last);
    const nothing: ReferenceReply = { rcode: 'NXDOMAIN', answer: [], soa: ours ? `${last}.` : '.' };
    const finish = (reply: ReferenceReply, soa = nothing.soa!): ReferenceReply =>
      reply.answer.length === 0 ? { ...reply, soa } : reply;
    if (namespace !== undefined) {
      const bare = this.inNamespace(client, namespace, labels, type, false, false);
      // A bare name that is a namespace's as well is the namespace's where its SOA and NS are asked for.
      const own = labels.length === 1 && type !== 'SOA' && type !== 'NS';
      if (bare !== undefined) return finish(bare, own ? '.' : nothing.soa);
    } else if (this.needsNamespace(vpc, labels)) return HELD;
    if (ours) {
      // What a name of the own hides has no ports either.
      const hidden = readings(labels).slice(1);
      const own = namespace !== undefined && hidden.some((rest) => this.find(vpc, namespace, rest, false));
      const reply = this.withNamespace(client, labels, type, !own);
      if (reply !== undefined) return finish(reply);
    } else if (namespace !== undefined) {
      const reply = this.inNamespace(client, namespace, labels, type, true, false);
      if (reply !== undefined) return finish(reply);
    }
    if (namespace !== undefined && this.below(client, namespace, labels)) return finish(NOTHING);
    if (ours) return this.world.shadows(vpc, last) ? this.outside(client, labels) : nothing;
    if (namespace === undefined && this.mayNeedNamespace(vpc, labels)) return HELD;
    if (namespace !== undefined && this.isBelowOwn(client, namespace, labels)) return nothing;
    return this.notOurs(client, labels, type);
  }

  /** Rules 7 to 10: no name of the VPC. */
  private notOurs(client: ReferenceClient, labels: string[], type: string): ReferenceReply {
    const nothing: ReferenceReply = { rcode: 'NXDOMAIN', answer: [], soa: '.' };
    const noData: ReferenceReply = { ...NOTHING, soa: '.' };
    const name = joined(labels);
    if (labels.length === 0) return this.delegates(client) ? this.outside(client, labels) : noData;
    if (name === 'vpc') return type === 'TXT' ? { ...NOTHING, open: true } : noData;
    if (this.listed(client, labels)) return this.outside(client, labels);
    const { zone, suffixes } = this.world.settings;
    const served = [zone, ...suffixes.map((suffix) => suffix.name), 'resolver.arpa', 'in-addr.arpa'];
    if (served.some((one) => one.endsWith(`.${name}`))) return noData;
    const under = (domain: string): boolean => name === domain || name.endsWith(`.${domain}`);
    if (under('resolver.arpa')) return noData;
    if (SPECIAL.some(under) || /^([0-9]+$|_)/.test(labels.at(-1)!)) return nothing;
    if (labels.length > 1) return this.outside(client, labels);
    return DELEGATION.has(type) && this.delegates(client) ? this.outside(client, labels) : nothing;
  }

  /** The root and what it delegates are outside names, unless the client is known to get none. */
  private delegates(client: ReferenceClient): boolean {
    const policy = this.world.vpc(client.vpc).forward ?? this.world.settings.forward;
    return policy === 'on' && (client.pod === undefined || !this.world.internal(client));
  }

  /** A bare name, or a port of one: without the namespace there is nothing to look in. So for what some namespace has. */
  private needsNamespace(vpc: string, labels: string[]): boolean {
    return readings(labels).some(
      (rest) =>
        rest.length === 1 ||
        (rest.length > 1 &&
          this.namesOf(vpc).some((name) => `.${name}`.endsWith(`.${joined(rest)}`) && name.includes('.'))),
    );
  }

  /** What no top-level domain is above may lie below a name of some namespace; so may what is below a dotted one. */
  private mayNeedNamespace(vpc: string, labels: string[]): boolean {
    if (labels.length === 0) return false;
    if (!PUBLIC.has(labels.at(-1)!)) return true;
    const dotted = this.namesOf(vpc).filter((name) => name.includes('.'));
    return readings(labels).some((rest) => dotted.some((name) => joined(rest).endsWith(`.${name}`)));
  }

  private namesOf(vpc: string): string[] {
    const holders = [...this.world.pods(vpc), ...this.world.services(vpc)];
    return holders.flatMap((holder) => [holder.name, ...holder.names]);
  }

  /**
   * Rule 6b, for what is no replica; and a port of a single label never leaves, whether that is a name or not, unless
   * a list names it.
   */
  private isBelowOwn(client: ReferenceClient, namespace: string, labels: string[]): boolean {
    const { vpc } = client;
    const isListed = this.listed(client, labels);
    for (const rest of readings(labels).slice(1)) {
      if ((rest.length === 1 && !isListed) || this.find(vpc, namespace, rest, true) !== undefined)
        return true;
    }
    for (let i = 1; i < labels.length; i++) {
      const rest = labels.slice(i);
      if (this.find(vpc, namespace, rest, false) === undefined) continue;
      return rest.length > 1 || !PUBLIC.has(rest[0]!);
    }
    return false;
  }

  /** Named by a list of the VPC (or of the configuration): such names leave before the special names are looked at. */
  listed(client: ReferenceClient, labels: string[]): boolean {
    const policy = this.world.vpc(client.vpc).forward ?? this.world.settings.forward;
    const name = `.${joined(labels)}`;
    return Array.isArray(policy) && policy.some((suffix) => name.endsWith(`.${suffix}`));
  }

  outside(client: ReferenceClient, labels: string[]): ReferenceReply {
    const policy = this.world.vpc(client.vpc).forward ?? this.world.settings.forward;
    if (policy === 'refuse') return { rcode: 'REFUSED', answer: [], ede: 20 };
    const blocked = policy === 'off' || (Array.isArray(policy) && !this.listed(client, labels));
    if (blocked || (client.pod !== undefined && this.world.internal(client))) {
      return { rcode: 'NXDOMAIN', answer: [], soa: '.', ede: 15 };
    }
    if (this.world.internal(client)) return { rcode: 'SERVFAIL', answer: [], ede: 14 };
    return { ...NOTHING, outside: true };
  }

  /** Form (6): labels of which the last is a namespace. Undefined: no such name. */
  private withNamespace(
    client: ReferenceClient,
    labels: string[],
    type: string,
    ports = true,
  ): ReferenceReply | undefined {
    const namespace = labels.at(-1)!;
    if (!this.world.namespaces(client.vpc).has(namespace)) return undefined;
    if (labels.length === 1) return { ...NOTHING };
    return this.inNamespace(client, namespace, labels.slice(0, -1), type, true, true, ports);
  }

  /** A name in a namespace, with ports, and with replicas and empty non-terminals where asked for. */
  private inNamespace(
    client: ReferenceClient,
    namespace: string,
    labels: string[],
    type: string,
    replicas: boolean,
    entries = true,
    ports = true,
  ): ReferenceReply | undefined {
    if (labels.length === 0) return undefined;
    const found = this.find(client.vpc, namespace, labels, replicas);
    if (found !== undefined) return { ...NOTHING, answer: this.records(client, found, type) };
    if (ports && isPort(labels)) {
      const rest = this.find(client.vpc, namespace, labels.slice(2), replicas);
      const srv = rest === undefined ? [] : this.srv(rest, labels[0]!.slice(1), labels[1]!.slice(1));
      if (srv.length > 0) return { ...NOTHING, answer: type === 'SRV' ? srv : [] };
    }
    if (ports && labels.length > 1 && PROTOCOLS.has(labels[0]!)) {
      const rest = this.find(client.vpc, namespace, labels.slice(1), replicas);
      const holders = rest === undefined ? [] : this.holders(rest);
      const named = holders.some((holder) => holder.ports.some((port) => `_${port.protocol}` === labels[0]));
      if (named) return { ...NOTHING };
    }
    if (entries && this.below(client, namespace, labels)) return { ...NOTHING };
    return undefined;
  }

  find(vpc: string, namespace: string, labels: string[], replicas: boolean): Found | undefined {
    const name = joined(labels);
    const bears = (holder: Pod | Service): boolean =>
      holder.namespace === namespace && (holder.name === name || holder.names.includes(name));
    const services = this.world.services(vpc).filter(bears);
    const pods = this.world.pods(vpc).filter(bears);
    if (services.length > 0 || pods.length > 0) return { services, pods };
    if (!replicas || labels.length < 2) return undefined;
    const rest = joined(labels.slice(1));
    const head = joined(labels.slice(0, 1));
    const replica = this.world
      .pods(vpc)
      .filter((pod) => pod.namespace === namespace && (pod.name === rest || pod.names.includes(rest)))
      .filter((pod) => pod.name === head || pod.aid === head);
    return replica.length > 0 ? { services: [], pods: replica } : undefined;
  }

  private below(client: ReferenceClient, namespace: string, labels: string[]): boolean {
    const end = `.${joined(labels)}`;
    const holders = [...this.world.pods(client.vpc), ...this.world.services(client.vpc)];
    return holders.some(
      (holder) =>
        holder.namespace === namespace && [holder.name, ...holder.names].some((name) => name.endsWith(end)),
    );
  }

  private serving(pods: Pod[]): Pod[] {
    const ready = pods.filter((pod) => pod.ready);
    return ready.length > 0 ? ready : pods;
  }

  /** Whose ports count: a service hides pods, and a ready pod those that are not. */
  private holders(found: Found): (Pod | Service)[] {
    return found.services.length > 0 ? found.services : this.serving(found.pods);
  }

  private srv(found: Found, port: string, protocol: string): string[] {
    const records: string[] = [];
    for (const holder of this.holders(found)) {
      const target = `${holder.name}.${holder.namespace}.${this.world.settings.zone}.`;
      for (const one of holder.ports) {
        if (one.name === port && one.protocol === protocol) records.push(`SRV 0 1 ${one.port} ${target}`);
      }
    }
    return [...new Set(records)];
  }

  records(client: ReferenceClient, found: Found, type: string): string[] {
    const records = new Set<string>();
    if (found.services.length > 0) {
      const addresses = found.services.map((service) => this.world.ownIp6(service));
      for (const ip6 of addresses) if (type === 'AAAA' && ip6 !== undefined) records.add(`AAAA ${ip6}`);
      return [...records];
    }
    for (const pod of this.serving(found.pods)) {
      if (type === 'AAAA') for (const ip6 of this.podIp6(client, pod)) records.add(`AAAA ${ip6}`);
      if (type === 'A') for (const ip4 of this.podIp4(client, pod)) records.add(`A ${ip4}`);
    }
    return [...records];
  }

  /** The places at which a pod has addresses: those that the client shares, where it shares any. */
  private places(client: ReferenceClient, pod: Pod): Attachment[] {
    const places = pod.overlays.filter((place) => place.ip4 !== undefined || place.ip6 !== undefined);
    const shared = places.filter((place) => client.overlays.has(overlayPath(place.overlay, pod.namespace)));
    return shared.length > 0 ? shared : places;
  }

  private podIp6(client: ReferenceClient, pod: Pod): string[] {
    if (pod.ip6 === undefined) return this.places(client, pod).flatMap((place) => place.ip6 ?? []);
    const own = this.world.ownIp6(pod);
    return own === undefined ? [] : [own];
  }

  private podIp4(client: ReferenceClient, pod: Pod): string[] {
    const policy = this.world.vpc(pod.vpc).a_records ?? this.world.settings.aRecords;
    if (policy === 'none') return [];
    const withIp6 = pod.ip6 !== undefined || pod.overlays.some((place) => place.ip6 !== undefined);
    return this.places(client, pod).flatMap((place) => {
      if (place.ip4 === undefined) return [];
      if (policy === 'pinned' && withIp6 && !place.pinned) return [];
      const holders = new Set(this.world.holders4(pod.vpc, place.ip4).map((holder) => holder.pod));
      if (holders.size > 1 && !client.overlays.has(overlayPath(place.overlay, pod.namespace))) return [];
      return [place.ip4];
    });
  }
}
