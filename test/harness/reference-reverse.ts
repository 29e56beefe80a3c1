/** The reverse names of contract section 4, read as plainly as the forward ones. */
import { overlayPath, type Pod, type Service } from '../../src/model.ts';
import { arpaName } from './build.ts';
import { joined, NOTHING, type Found, type ReferenceReply } from './reference-reply.ts';
import { bits, type ReferenceClient, type ReferenceWorld } from './reference-world.ts';

/** What of the forward model a reverse name needs: a PTR must resolve back for the same client. */
interface Forward {
  readonly world: ReferenceWorld;
  find(vpc: string, namespace: string, labels: string[], replicas: boolean): Found | undefined;
  records(client: ReferenceClient, found: Found, type: string): string[];
  listed(client: ReferenceClient, labels: string[]): boolean;
  outside(client: ReferenceClient, labels: string[]): ReferenceReply;
}

function isClean(name: string): boolean {
  return name.split('.').every((label) => /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/.test(label));
}

export class ReferenceReverse {
  private readonly reference: Forward;

  constructor(reference: Forward) {
    this.reference = reference;
  }

  /** The PTR of an address of the client's VPC: the first name that resolves back; undefined when not assigned. */
  private pointer(client: ReferenceClient, address: string): string | undefined {
    const four = !address.includes(':');
    const holds = (holder: Pod | Service): boolean =>
      four
        ? holder.kind === 'pod' && holder.overlays.some((place) => place.ip4 === address)
        : this.reference.world.ownIp6(holder) === address ||
          (holder.kind === 'pod' && holder.overlays.some((place) => place.ip6 === address));
    const owners = [
      ...this.reference.world.services(client.vpc),
      ...this.reference.world.pods(client.vpc),
    ].filter(holds);
    if (owners.length === 0) return undefined;
    const record = `${four ? 'A' : 'AAAA'} ${address}`;
    const { zone } = this.reference.world.settings;
    for (const owner of owners) {
      if (four && owners.length > 1 && owner.kind === 'pod') {
        const shared = owner.overlays.some(
          (place) =>
            place.ip4 === address && client.overlays.has(overlayPath(place.overlay, owner.namespace)),
        );
        if (!shared) continue;
      }
      const names = [owner.name, ...owner.names];
      const ordered = [...names.filter(isClean), ...names.filter((name) => !isClean(name))];
      const handle = owner.name.includes('.') ? owner.aid : owner.name;
      const replicas =
        owner.kind === 'pod' ? [...owner.names, owner.name].map((name) => `${handle}.${name}`) : [];
      const forms = [...ordered, ...replicas];
      for (const form of forms) {
        const found = this.reference.find(client.vpc, owner.namespace, form.split('.'), true);
        if (found === undefined) continue;
        if (this.reference.records(client, found, four ? 'A' : 'AAAA').includes(record)) {
          return `${form}.${owner.namespace}.${zone}.`;
        }
      }
    }
    return '';
  }

  private addresses(vpc: string): string[] {
    const own = [...this.reference.world.pods(vpc), ...this.reference.world.services(vpc)].flatMap(
      (one) => this.reference.world.ownIp6(one) ?? [],
    );
    const places = this.reference.world.pods(vpc).flatMap((pod) => pod.overlays);
    return [
      ...own,
      ...places.flatMap((place) => [place.ip4, place.ip6].filter((text) => text !== undefined)),
    ];
  }

  read(client: ReferenceClient, labels: string[], type: string, local?: string): ReferenceReply {
    const name = `${joined(labels)}.`;
    const four = labels.at(-2) === 'in-addr';
    const { digits, malformed } = digitsOf(labels, four);
    const whole = !malformed && digits.length === (four ? 32 : 128);
    const vpc = this.reference.world.vpc(client.vpc);
    const own = [...vpc.net6, ...vpc.services6, ...this.reference.world.overlayNets(client.vpc)]
      .filter((prefix) => prefix.includes(':') !== four)
      .map(cut);
    const holding = (prefixes: string[]): string[] =>
      prefixes.filter((prefix) => digits.startsWith(prefix)).sort((a, b) => b.length - a.length);
    const above = (prefixes: string[]): boolean =>
      !malformed && prefixes.some((prefix) => prefix.length > digits.length && prefix.startsWith(digits));
    const inside = holding(own)[0];
    const ranges = RANGES.filter((range) => range.includes(':') !== four).map(cut);
    const closed = holding(ranges)[0];
    const most = four ? 24 : 124;
    const wide = own.find((prefix) => prefix.length > most && digits.startsWith(prefix.slice(0, most)));
    const prefix = inside ?? wide ?? closed;
    const soa = prefix === undefined ? '.' : zoneOf(labels, prefix.length, four);
    const noData: ReferenceReply = { ...NOTHING, soa };
    // A piece of a reverse name exists, whether somebody is below or not: to deny it would be the worse answer.
    const unassigned: ReferenceReply = whole || malformed ? { rcode: 'NXDOMAIN', answer: [], soa } : noData;
    if (whole) {
      let target: string | undefined;
      const assigned = this.addresses(client.vpc).find((address) => arpaName(address) === name);
      if (local !== undefined && name === arpaName(local))
        target = `ns.${this.reference.world.settings.zone}.`;
      else if (assigned !== undefined) target = this.pointer(client, assigned)!;
      else if (['127.0.0.1', '::1'].some((address) => arpaName(address) === name)) target = 'localhost.';
      if (target !== undefined) {
        return type === 'PTR' && target !== '' ? { ...NOTHING, answer: [`PTR ${target}`] } : noData;
      }
    }
    if (inside !== undefined) return unassigned;
    if (above(own) || (digits === '' && !malformed)) return noData;
    if (closed === undefined && !above(ranges)) return this.reference.outside(client, labels);
    if (this.reference.listed(client, labels)) return this.reference.outside(client, labels);
    return closed === undefined ? noData : unassigned;
  }
}

/** The bits that a reverse name says, and whether it says something else behind them. */
function digitsOf(labels: string[], four: boolean): { digits: string; malformed: boolean } {
  const [form, radix, width, most] = four
    ? ([/^(0|[1-9][0-9]{0,2})$/, 10, 8, 4] as const)
    : ([/^[0-9a-f]$/, 16, 4, 32] as const);
  const parts = labels.slice(0, -2).reverse();
  const end = parts.findIndex((part) => !form.test(part) || Number.parseInt(part, radix) > 255);
  const good = parts.slice(0, Math.min(end < 0 ? parts.length : end, most));
  const digits = good.map((part) => Number.parseInt(part, radix).toString(2).padStart(width, '0')).join('');
  return { digits, malformed: good.length < parts.length };
}

/** The bits of a prefix. */
function cut(prefix: string): string {
  const [base, length] = prefix.split('/');
  return bits(base!).slice(0, Number(length));
}

/** The zone of a prefix of this length: whole octets or nibbles, rounded up, and never a whole address. */
function zoneOf(labels: string[], length: number, four: boolean): string {
  const count = four ? Math.min(3, Math.ceil(length / 8)) : Math.min(31, Math.ceil(length / 4));
  return `${joined(labels.slice(labels.length - 2 - count))}.`;
}

const RANGES = (
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 ' +
  '192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 240.0.0.0/4 ::/124 ' +
  '::ffff:0:0/96 64:ff9b:1::/48 100::/64 2001:2::/48 2001:10::/28 2001:db8::/32 3fff::/20 5f00::/16 fc00::/7 fe80::/10'
).split(' ');
