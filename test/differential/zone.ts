/** Writes the canonical names of a VPC, `x.n.Z`, as a zone file (RFC 1035 section 5): by plain search, independent of the trie. */
import type { Pod, Resource, Service } from '../../src/model.ts';

export interface ZoneParts {
  zone: string;
  /** TTL of positive answers, and of negative ones. */
  ttl: number;
  negativeTtl: number;
  /** As the server under test has it: the one thing that cannot be derived from the records. */
  serial: number;
  /** The IPv4 address that is asked: what `ns.Z` is. */
  server: string;
}

type Holder = Pod | Service;

/** Octets in text without the final dot. */
const NAME_MAX = 253;

export class Exporter {
  /** Owner below Z, without final dot → `TYPE rdata` lines. */
  private readonly records = new Map<string, Set<string>>();
  private readonly pods: Pod[];
  private readonly services: Service[];
  private readonly parts: ZoneParts;

  constructor(resources: Resource[], vpc: string, parts: ZoneParts) {
    const within = (resource: Resource): boolean => resource.kind !== 'vpc' && resource.vpc === vpc;
    this.pods = resources.filter((one) => one.kind === 'pod').filter(within);
    this.services = resources.filter((one) => one.kind === 'service').filter(within);
    this.parts = parts;
    // Names first and replicas second: a name that is there hides the replica of the same spelling.
    const namespaces = new Set([...this.pods, ...this.services].map(({ namespace }) => namespace));
    for (const namespace of namespaces)
      for (const name of this.names(namespace)) this.addName(name, namespace);
    const named = new Set(this.records.keys());
    for (const namespace of namespaces) {
      for (const name of this.names(namespace)) {
        for (const pod of this.bearers(this.pods, name, namespace)) {
          for (const head of [pod.name, pod.aid]) {
            const owner = `${head}.${name}.${namespace}`;
            if (!head.includes('.') && !named.has(owner)) this.addHolders(owner, [pod], name);
          }
        }
      }
    }
  }

  /** Every owner below Z, empty non-terminals not among them. */
  get owners(): string[] {
    return [...this.records.keys()].filter((owner) => this.fits(owner));
  }

  text(): string {
    const { zone, ttl, negativeTtl, serial, server } = this.parts;
    const lines = [
      `$ORIGIN ${zone}.`,
      `$TTL ${ttl}`,
      `@ SOA ns hostmaster ${serial} 3600 600 86400 ${negativeTtl}`,
      '@ NS ns',
      `ns A ${server}`,
    ];
    for (const owner of this.owners) {
      for (const record of this.records.get(owner)!) lines.push(`${owner} ${record}`);
    }
    return lines.join('\n') + '\n';
  }

  private fits(owner: string): boolean {
    return owner.length + 1 + this.parts.zone.length <= NAME_MAX;
  }

  private names(namespace: string): Set<string> {
    const holders = [...this.pods, ...this.services].filter((holder) => holder.namespace === namespace);
    return new Set(holders.flatMap((holder) => [holder.name, ...holder.names]));
  }

  private bearers<T extends Holder>(holders: T[], name: string, namespace: string): T[] {
    return holders.filter(
      (holder) => holder.namespace === namespace && (holder.name === name || holder.names.includes(name)),
    );
  }

  /** A service hides the pods of its name, a ready pod those that are not. */
  private addName(name: string, namespace: string): void {
    const services = this.bearers(this.services, name, namespace);
    const pods = this.bearers(this.pods, name, namespace);
    const ready = pods.filter((pod) => pod.ready);
    const taken = services.length > 0 ? services : ready.length > 0 ? ready : pods;
    this.addHolders(`${name}.${namespace}`, taken, name);
  }

  private addHolders(owner: string, holders: Holder[], asked: string): void {
    for (const holder of holders) {
      for (const address of addresses(holder)) this.add(owner, address);
      for (const { name, protocol, port } of holder.ports) {
        const target = `${this.target(holder, asked)}.${this.parts.zone}.`;
        this.add(`_${name}._${protocol}.${owner}`, `SRV 0 1 ${port} ${target}`);
      }
    }
  }

  /** The holder's own name where that is its alone, else its replica below the name that was asked. */
  private target(holder: Holder, asked: string): string {
    const own = this.bearers([...this.pods, ...this.services], holder.name, holder.namespace);
    return own.length === 1
      ? `${holder.name}.${holder.namespace}`
      : `${holder.name}.${asked}.${holder.namespace}`;
  }

  private add(owner: string, record: string): void {
    let set = this.records.get(owner);
    if (set === undefined) this.records.set(owner, (set = new Set()));
    set.add(record);
  }
}

function addresses(holder: Holder): string[] {
  if (holder.kind === 'service') return holder.ip6 === undefined ? [] : [`AAAA ${holder.ip6}`];
  const overlay6 = holder.overlays.flatMap(({ ip6 }) => ip6 ?? []);
  const six = holder.ip6 === undefined ? overlay6 : [holder.ip6];
  const four = holder.overlays.filter(({ ip4, pinned }) => ip4 !== undefined && (pinned || six.length === 0));
  return [...six.map((ip6) => `AAAA ${ip6}`), ...four.map(({ ip4 }) => `A ${ip4}`)];
}
