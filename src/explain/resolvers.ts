/** What programs in a pod do with a name: which queries their resolver sends, in order, and what it makes of the answers. */
import type { ResolverExplained, ResolverQuery } from './explanation.ts';
import { GLIBC, RFC6724, sortDestinations } from './destinations.ts';
import type { Policy } from './destinations.ts';

/** What one query of A or AAAA gets. */
export interface Looked {
  /** `NOERROR`, `NXDOMAIN`, …; `forwarded` for what depends on an upstream, `nothing` for silence. */
  rcode: string;
  addresses: string[];
  /** More than these. */
  more: number;
}

/** Asks one question of a resolver; `edns`: it takes 1,232 octets, else 512. */
export type Look = (name: string, type: 'A' | 'AAAA', edns: boolean) => Promise<Looked>;

export interface PodView {
  /** `nextcloud.vpc.internal`. */
  search: string;
  /** Those it can send from. */
  sources: readonly string[];
}

type Next = 'go on' | 'end';

interface Stub {
  resolver: ResolverExplained['resolver'];
  edns: boolean;
  /** A name with at least `ndots` dots is never searched for. */
  onlyAsIs: boolean;
  policy: Policy;
  /** Both families without addresses: whether the next name is tried, and what the program is told at the end. */
  missing(pair: readonly Looked[], isSingle: boolean): { next: Next; error: string };
  /** One NXDOMAIN makes it throw away the addresses of the other family. */
  isStrict: boolean;
  notes: readonly string[];
}

const NDOTS = 1;
const SHOWN = 8;

const is = (pair: readonly Looked[], ...rcodes: string[]): boolean =>
  pair.some(({ rcode }) => rcodes.includes(rcode));

const glibc: Stub = {
  resolver: 'glibc',
  edns: false,
  onlyAsIs: false,
  policy: GLIBC,
  isStrict: false,
  missing(pair) {
    if (is(pair, 'SERVFAIL'))
      return { next: 'go on', error: 'EAI_AGAIN: temporary failure in name resolution' };
    if (is(pair, 'REFUSED', 'FORMERR', 'NOTIMP', 'nothing'))
      return { next: 'end', error: 'EAI_AGAIN: temporary failure in name resolution' };
    if (is(pair, 'NXDOMAIN')) return { next: 'go on', error: 'EAI_NONAME: name or service not known' };
    return { next: 'go on', error: 'EAI_NODATA: no address associated with hostname' };
  },
  notes: [],
};

const STUBS: readonly Stub[] = [
  glibc,
  {
    resolver: 'musl',
    edns: false,
    onlyAsIs: true,
    policy: RFC6724,
    isStrict: true,
    missing(pair) {
      if (is(pair, 'SERVFAIL'))
        return { next: 'end', error: 'EAI_AGAIN: try again, after 5 seconds of repeating the query' };
      if (is(pair, 'REFUSED', 'FORMERR', 'NOTIMP', 'nothing'))
        return { next: 'end', error: 'EAI_AGAIN: try again, after a time-out of 5 seconds' };
      if (is(pair, 'NXDOMAIN')) return { next: 'go on', error: 'EAI_NONAME: name does not resolve' };
      return { next: 'end', error: 'EAI_NODATA: name has no usable address' };
    },
    notes: [],
  },
  {
    resolver: 'go',
    edns: true,
    onlyAsIs: false,
    policy: RFC6724,
    isStrict: false,
    missing(pair) {
      if (is(pair, 'SERVFAIL', 'REFUSED', 'FORMERR', 'NOTIMP'))
        return { next: 'go on', error: 'server misbehaving' };
      if (is(pair, 'nothing')) return { next: 'go on', error: 'i/o timeout' };
      return { next: 'go on', error: 'no such host' };
    },
    notes: [],
  },
  {
    resolver: 'c-ares',
    edns: true,
    onlyAsIs: false,
    policy: RFC6724,
    isStrict: false,
    missing(pair, isSingle) {
      if (is(pair, 'SERVFAIL')) return { next: isSingle ? 'go on' : 'end', error: 'ARES_ESERVFAIL' };
      if (is(pair, 'REFUSED')) return { next: 'end', error: 'ARES_EREFUSED' };
      if (is(pair, 'FORMERR', 'NOTIMP', 'nothing')) return { next: 'end', error: 'ARES_ETIMEOUT' };
      if (is(pair, 'NXDOMAIN')) return { next: 'go on', error: 'ARES_ENOTFOUND' };
      return { next: 'go on', error: 'ARES_ENODATA' };
    },
    notes: [],
  },
  {
    ...glibc,
    resolver: 'java',
    notes: ['Java keeps an answer for 30 seconds and an error for 10, whatever the TTL is.'],
  },
];

/** `text`: as the program passes it; a final dot means that nothing is to be searched for. */
export async function explainResolvers(text: string, pod: PodView, look: Look): Promise<ResolverExplained[]> {
  const all: ResolverExplained[] = [];
  const known = new Map<string, Promise<Looked>>();
  const once: Look = (name, type, edns) => {
    const key = `${name} ${type} ${String(edns)}`;
    let looked = known.get(key);
    if (looked === undefined) known.set(key, (looked = look(name, type, edns)));
    return looked;
  };
  for (const stub of STUBS) all.push(await explainStub(stub, text, pod, once));
  return all;
}

/** The names that it tries, in order. */
function namesOf({ onlyAsIs }: Stub, text: string, search: string): string[] {
  const bare = text.endsWith('.') && text !== '.' ? text.slice(0, -1) : text;
  const asIs = bare === '.' ? '.' : `${bare}.`;
  const searched = `${bare}.${search}.`;
  if (text.endsWith('.') || search === '' || searched.length > 254) return [asIs];
  const dots = bare.replace(/\\./g, '').split('.').length - 1;
  if (dots < NDOTS) return [searched, asIs];
  return onlyAsIs ? [asIs] : [asIs, searched];
}

async function explainStub(stub: Stub, text: string, pod: PodView, look: Look): Promise<ResolverExplained> {
  const queries: ResolverQuery[] = [];
  const result: ResolverExplained = {
    resolver: stub.resolver,
    queries,
    addresses: [],
    moreAddresses: 0,
    error: null,
    notes: [...stub.notes],
  };
  const errors: string[] = [];
  const isSingle = !/[^\\]\../.test(text);
  if (stub.resolver === 'c-ares' && isSingle && !text.endsWith('.'))
    result.notes.push(
      "Node's dns.resolve4 and dns.resolve6 have no search list: they ask for the name as it stands.",
    );
  for (const name of namesOf(stub, text, pod.search)) {
    const pair = [await look(name, 'A', stub.edns), await look(name, 'AAAA', stub.edns)];
    pair.forEach((looked, i) => queries.push({ name, type: i === 0 ? 'A' : 'AAAA', gets: getsText(looked) }));
    if (is(pair, 'forwarded')) {
      result.notes.push(`What ${name} gets depends on an upstream, and none was asked for this explanation.`);
      return result;
    }
    const found = pair.flatMap(({ addresses }) => addresses);
    const spoiled = stub.isStrict && is(pair, 'NXDOMAIN', 'SERVFAIL', 'REFUSED', 'nothing');
    if (found.length > 0 && !spoiled) {
      addAddresses(result, stub, found, pair, pod);
      return result;
    }
    const { next, error } = stub.missing(pair, isSingle);
    errors.push(error);
    if (next === 'end') break;
  }
  result.error = errorOf(stub, errors, isSingle);
  return result;
}

/**
 * Of several names: glibc tells what the name as it stands got if it asked for that first, else that some name exists;
 * c-ares that some name exists, else the last; Go what the searched name got.
 */
function errorOf({ resolver }: Stub, errors: readonly string[], isSingle: boolean): string {
  const last = errors.at(-1)!;
  switch (resolver) {
    case 'glibc':
    case 'java':
      if (!isSingle) return errors[0]!;
      return (
        ['EAI_NODATA', 'EAI_AGAIN'].map((word) => errors.find((one) => one.startsWith(word))).find(Boolean) ??
        last
      );
    case 'c-ares':
      return errors.find((one) => one.endsWith('ENODATA')) ?? last;
    case 'go':
      return isSingle ? errors[0]! : last;
    case 'musl':
      return last;
  }
}

function addAddresses(
  result: ResolverExplained,
  stub: Stub,
  found: readonly string[],
  pair: readonly Looked[],
  { sources }: PodView,
): void {
  let sorted = sortDestinations(found, sources, stub.policy);
  if (stub.resolver === 'java') {
    // java.net.preferIPv6Addresses is false unless somebody sets it.
    const isIp4 = (address: string): boolean => !address.includes(':');
    sorted = [...sorted.filter(isIp4), ...sorted.filter((address) => !isIp4(address))];
  }
  result.addresses = sorted.slice(0, SHOWN);
  const more = pair.reduce((sum, looked) => sum + looked.more, 0);
  result.moreAddresses = sorted.length - result.addresses.length + more;
  const note = orderNote(stub, sorted, sources);
  if (note !== undefined) result.notes.push(note);
}

/** Why one family goes first, where there are both. */
function orderNote(
  { resolver }: Stub,
  sorted: readonly string[],
  sources: readonly string[],
): string | undefined {
  const isIp6 = (address: string): boolean => address.includes(':');
  const hasBoth = (addresses: readonly string[]): boolean =>
    addresses.some(isIp6) && addresses.some((address) => !isIp6(address));
  if (!hasBoth(sorted)) return undefined;
  if (resolver === 'java') return 'Java puts IPv4 first, unless java.net.preferIPv6Addresses is true.';
  const missing = sources.some(isIp6) ? 'IPv4' : 'IPv6';
  if (!hasBoth(sources)) return `The client has no ${missing} address, so ${missing} destinations go last.`;
  const first = isIp6(sorted[0]!) ? 'IPv6' : 'IPv4';
  if (resolver === 'glibc')
    return `glibc ranks IPv6 above IPv4, also unique-local IPv6: ${first} goes first.`;
  return `${NAMES[resolver]} ranks IPv4 above unique-local IPv6 (RFC 6724): ${first} goes first.`;
}

export const NAMES: Readonly<Record<ResolverExplained['resolver'], string>> = {
  glibc: 'glibc',
  musl: 'musl',
  go: 'Go',
  'c-ares': 'c-ares',
  java: 'Java',
};

function getsText({ rcode, addresses, more }: Looked): string {
  if (rcode !== 'NOERROR') return rcode;
  const count = addresses.length + more;
  if (count === 0) return 'no data';
  return count === 1 ? addresses[0]! : `${count} addresses`;
}
