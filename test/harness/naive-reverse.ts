/** The reverse names of contract section 4, read as plainly as the forward ones. */
import type { Pod, Service } from '../../src/model.ts';
import { arpaName } from './build.ts';
import { joined, NOTHING, type Found, type NaiveReply } from './naive-reply.ts';
import type { NaiveClient, NaiveWorld } from './naive-world.ts';

/** What of the forward model a reverse name needs: a PTR must resolve back for the same client. */
interface Forward {
  readonly world: NaiveWorld;
  find(vpc: string, namespace: string, labels: string[], replicas: boolean): Found | undefined;
  records(client: NaiveClient, found: Found, type: string): string[];
  listed(client: NaiveClient, labels: string[]): boolean;
  outside(client: NaiveClient, labels: string[]): NaiveReply;
}

function isClean(name: string): boolean {
  return name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label));
}

export class NaiveReverse {
  private readonly naive: Forward;

  constructor(naive: Forward) {
    this.naive = naive;
  }

  /** The PTR of an address of the client's VPC: the first name that resolves back; undefined when not assigned. */
  private pointer(client: NaiveClient, address: string): string | '' | undefined {
    const four = !address.includes(':');
    const holds = (holder: Pod | Service): boolean =>
      four
        ? holder.kind === 'pod' && holder.overlays.some((place) => place.ip4 === address)
        : this.naive.world.ownIp6(holder) === address ||
          (holder.kind === 'pod' && holder.overlays.some((place) => place.ip6 === address));
    const owners = [...this.naive.world.services(client.vpc), ...this.naive.world.pods(client.vpc)].filter(
      holds,
    );
    if (owners.length === 0) return undefined;
    const record = `${four ? 'A' : 'AAAA'} ${address}`;
    const { zone } = this.naive.world.settings;
    for (const owner of owners) {
      if (four && owners.length > 1 && owner.kind === 'pod') {
        const shared = owner.overlays.some(
          (place) => place.ip4 === address && client.overlays.has(`${owner.namespace}/${place.overlay}`),
        );
        if (!shared) continue;
      }
      const names = [owner.name, ...owner.names];
      const ordered = [...names.filter(isClean), ...names.filter((name) => !isClean(name))];
      const handle = owner.name.includes('.') ? owner.aid : owner.name;
      const forms = [...ordered, ...(owner.kind === 'pod' ? names.map((name) => `${handle}.${name}`) : [])];
      for (const form of forms) {
        const found = this.naive.find(client.vpc, owner.namespace, form.split('.'), true);
        if (found === undefined) continue;
        if (this.naive.records(client, found, four ? 'A' : 'AAAA').includes(record)) {
          return `${form}.${owner.namespace}.${zone}.`;
        }
      }
    }
    return '';
  }

  private addresses(vpc: string): string[] {
    const own = [...this.naive.world.pods(vpc), ...this.naive.world.services(vpc)].flatMap(
      (one) => this.naive.world.ownIp6(one) ?? [],
    );
    const places = this.naive.world.pods(vpc).flatMap((pod) => pod.overlays);
    return [
      ...own,
      ...places.flatMap((place) => [place.ip4, place.ip6].filter((text) => text !== undefined)),
    ];
  }

  read(client: NaiveClient, labels: string[], type: string, local?: string): NaiveReply {
    const name = `${joined(labels)}.`;
    if (local !== undefined && name === arpaName(local)) {
      return type === 'PTR'
        ? { ...NOTHING, answer: [`PTR ns.${this.naive.world.settings.zone}.`] }
        : { ...NOTHING, soa: '*' };
    }
    const under = (zone: string): boolean => name === zone || name.endsWith(`.${zone}`);
    const vpc = this.naive.world.vpc(client.vpc);
    const zones = [...vpc.net6, ...vpc.services6, ...this.naive.world.overlayNets(client.vpc)].map(
      reverseZone,
    );
    const zone = zones.filter(under).sort((a, b) => b.length - a.length)[0];
    const soa = zone ?? '*';
    for (const address of this.addresses(client.vpc)) {
      const full = arpaName(address);
      if (full === name) {
        const pointer = this.pointer(client, address)!;
        return type === 'PTR' && pointer !== ''
          ? { ...NOTHING, answer: [`PTR ${pointer}`] }
          : { ...NOTHING, soa };
      }
      if (full.endsWith(`.${name}`)) return { ...NOTHING, soa };
    }
    if (zones.some((other) => other === name || other.endsWith(`.${name}`))) return { ...NOTHING, soa };
    if (zone !== undefined) {
      // A piece of a reverse name exists, whether somebody is below or not: to deny it would be the worse answer.
      const piece = labels.length < (labels.at(-2) === 'ip6' ? 34 : 6);
      return { rcode: piece ? 'NOERROR' : 'NXDOMAIN', answer: [], soa, lenient: piece };
    }
    if (['arpa.', 'ip6.arpa.', 'in-addr.arpa.', 'resolver.arpa.'].includes(name))
      return { ...NOTHING, soa: '*' };
    if (this.naive.listed(client, labels)) return this.naive.outside(client, labels);
    const closed = PRIVATE_ZONES.find(under);
    // The apex of such a zone exists, as in RFC 6303; so do its pieces, for somebody may be below.
    if (closed !== undefined) {
      const whole = labels.length >= (labels.at(-2) === 'ip6' ? 34 : 6);
      return { rcode: whole ? 'NXDOMAIN' : 'NOERROR', answer: [], soa: closed };
    }
    return this.naive.outside(client, labels);
  }
}

/** The zone of a prefix, cut to the octet or nibble above it. */
export function reverseZone(prefix: string): string {
  const [base, length] = prefix.split('/');
  const labels = arpaName(base!).split('.');
  const drop = base!.includes(':') ? 32 - Math.floor(Number(length) / 4) : 4 - Math.floor(Number(length) / 8);
  return labels.slice(drop).join('.');
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
const PRIVATE_ZONES = [
  '10.in-addr.arpa.',
  ...range(16, 31).map((second) => `${second}.172.in-addr.arpa.`),
  '168.192.in-addr.arpa.',
  ...range(64, 127).map((second) => `${second}.100.in-addr.arpa.`),
  '254.169.in-addr.arpa.',
  '127.in-addr.arpa.',
  'c.f.ip6.arpa.',
  'd.f.ip6.arpa.',
  ...['8', '9', 'a', 'b'].map((nibble) => `${nibble}.e.f.ip6.arpa.`),
];
