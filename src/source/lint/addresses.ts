/** What `podns check` finds in addresses: overlaps, addresses outside their prefix, and addresses used twice. */
import { Address4, Address6 } from 'ip-address';
import { keyOf, keyText, overlayPath } from '../../model.ts';
import type { Overlay, Problem, Vpc } from '../../model.ts';
import { at, problem } from './finding.ts';
import type { Said } from './finding.ts';

/** A prefix as its first and last address. */
export interface Range {
  text: string;
  first: bigint;
  last: bigint;
}

export function rangeOf(prefix: string): Range {
  const address = prefix.includes(':') ? new Address6(prefix) : new Address4(prefix);
  return { text: prefix, first: address.startAddress().bigInt(), last: address.endAddress().bigInt() };
}

function within(address: string, ranges: readonly Range[]): boolean {
  const number = (address.includes(':') ? new Address6(address) : new Address4(address)).bigInt();
  return ranges.some(({ first, last }) => number >= first && number <= last);
}

/** Two VPCs whose `net6` overlap: the prefix of the later one is not served. */
export function lintOverlaps(vpcs: readonly Said<Vpc>[]): Problem[] {
  const all = vpcs
    .flatMap((said, order) => said.resource.net6.map((prefix) => ({ said, order, range: rangeOf(prefix) })))
    .sort((a, b) =>
      a.range.first < b.range.first ? -1 : a.range.first > b.range.first ? 1 : a.order - b.order,
    );
  const problems: Problem[] = [];
  // Sorted by first address, a prefix can only overlap earlier ones that have not ended.
  let open: typeof all = [];
  for (const entry of all) {
    open = open.filter(({ range }) => range.last >= entry.range.first);
    for (const other of open) {
      if (other.said.resource.name === entry.said.resource.name) continue;
      const [first, second] = other.order < entry.order ? [other, entry] : [entry, other];
      problems.push(
        problem(
          'error',
          second.said,
          `net6 ${second.range.text} overlaps ${first.range.text} of ${keyText(keyOf(first.said.resource))}` +
            at(first.said),
        ),
      );
    }
    open.push(entry);
  }
  return problems;
}

/** Addresses outside the prefixes that should contain them. */
export function lintStrays(all: readonly Said[], vpcs: readonly Said<Vpc>[]): Problem[] {
  const net6 = new Map<string, Range[]>();
  const services6 = new Map<string, Range[]>();
  for (const { resource } of vpcs) {
    net6.set(resource.name, resource.net6.map(rangeOf));
    services6.set(resource.name, resource.services6.map(rangeOf));
  }
  const overlays = new Map<string, { overlay: Overlay; net4: Range[]; net6: Range[] }>();
  for (const { resource } of all)
    if (resource.kind === 'overlay')
      overlays.set(`${resource.vpc}/${resource.namespace}/${resource.name}`, {
        overlay: resource,
        net4: resource.net4 === undefined ? [] : [rangeOf(resource.net4)],
        net6: resource.net6 === undefined ? [] : [rangeOf(resource.net6)],
      });
  const problems: Problem[] = [];
  const check = (
    said: Said,
    field: string,
    address: string | undefined,
    ranges: Range[] | undefined,
    of: string,
  ) => {
    if (address === undefined || ranges === undefined || ranges.length === 0 || within(address, ranges))
      return;
    const texts = ranges.map(({ text }) => text).join(', ');
    problems.push(problem('warning', said, `${field} ${address} is outside ${of}, ${texts}`));
  };
  for (const said of all) {
    const { resource } = said;
    if (resource.kind === 'service')
      check(said, 'ip6', resource.ip6, services6.get(resource.vpc), `services6 of vpc ${resource.vpc}`);
    if (resource.kind !== 'pod') continue;
    check(said, 'ip6', resource.ip6, net6.get(resource.vpc), `net6 of vpc ${resource.vpc}`);
    for (const { overlay, ip4, ip6 } of resource.overlays) {
      const nets = overlays.get(`${resource.vpc}/${overlayPath(overlay, resource.namespace)}`);
      check(said, 'ip4', ip4, nets?.net4, `net4 of overlay ${overlay}`);
      check(said, 'ip6', ip6, nets?.net6, `net6 of overlay ${overlay}`);
    }
  }
  return problems;
}

/** Addresses that several pods or services of a VPC have. An IPv4 address in two overlays is legal, but shared. */
export function lintTwice(all: readonly Said[]): Problem[] {
  const problems: Problem[] = [];
  const holders = new Map<string, { said: Said; overlay: string }>();
  const claim = (said: Said, vpc: string, address: string | undefined, overlay: string) => {
    if (address === undefined) return;
    const key = `${vpc} ${address}`;
    const first = holders.get(key);
    if (first === undefined) {
      holders.set(key, { said, overlay });
      return;
    }
    if (first.said === said) return;
    const who = keyText(keyOf(first.said.resource)) + at(first.said);
    if (!address.includes(':') && first.overlay !== overlay) {
      const reason = `${address} is shared with ${who}: only clients of the same overlay get it`;
      problems.push(problem('warning', said, reason));
    } else
      problems.push(problem('error', said, `${address} is claimed by ${who} too: only one of them gets it`));
  };
  for (const said of all) {
    const { resource } = said;
    if (resource.kind !== 'pod' && resource.kind !== 'service') continue;
    claim(said, resource.vpc, resource.ip6, '');
    if (resource.kind === 'service') continue;
    for (const { overlay, ip4, ip6 } of resource.overlays) {
      claim(said, resource.vpc, ip4, overlayPath(overlay, resource.namespace));
      claim(said, resource.vpc, ip6, overlayPath(overlay, resource.namespace));
    }
  }
  return problems;
}
