/** Who is meant by `--from`, and on which listener that client would ask. */
import { CLIENT_KNOWN, CLIENT_POD_UNKNOWN } from '../answer/decide/client.ts';
import type { Listener, Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import { formatAddress, isMapped, parseAddress } from '../dns/address.ts';
import { foldText } from '../dns/name.ts';
import type { Pod } from '../model.ts';
import { vpcName } from '../trie/read/names.ts';
import { Decision } from '../answer/decide/decision.ts';
import { ExplainError } from './facts.ts';
import type { ExplainAsk, ExplainFacts } from './facts.ts';
import { SYNC_STARTING } from '../trie/layout.ts';

export interface From {
  peer: Peer;
  /** The listener is open; else it was made for the explanation. */
  isOpen: boolean;
}

interface Picked {
  listener: Listener;
  isOpen: boolean;
}

/** Scopes that are read in one slice of work. */
const SLICE = 256;
/** Pods that are read for one of them to have an aid, in all and in one slice of work. */
const AIDS_LOOKED_AT = 20_000;
const PODS_A_SLICE = 32;
/** No client is told more than so many VPCs. */
const LISTED = 8;
const PORT = 53_000;

export async function resolveFrom(facts: ExplainFacts, responder: Responder, ask: ExplainAsk): Promise<From> {
  const { from, tcp = false } = ask;
  const address = new Uint8Array(16);
  const isAddress = parseAddress(from, address, 0) !== 0;
  const vpc = ask.vpc === undefined ? undefined : foldText(ask.vpc);
  if (isAddress) {
    const listener = pickForAddress(facts, responder, address, vpc, ask);
    return { peer: peerOf(address, listener.listener, tcp), isOpen: listener.isOpen };
  }
  responder.view.refresh();
  const isStarting = responder.view.sync === SYNC_STARTING;
  const pod = await findPod(facts, from, vpc, { operator: ask.operator === true, isStarting });
  const sources = addressesOf(pod);
  if (sources.length === 0) {
    const where = `pod ${pod.namespace}/${pod.name}`;
    throw new ExplainError(`${where} has no address yet, so it cannot ask`);
  }
  const { listener, source, isOpen } = pickForPod(facts, pod, sources, ask);
  parseAddress(source, address, 0);
  return { peer: peerOf(address, listener, tcp), isOpen };
}

function peerOf(address: Uint8Array, listener: Listener, tcp: boolean): Peer {
  const local = new Uint8Array(16);
  // A wildcard is asked at some address of the host; which one only matters for `ns` below the zone.
  const [asked = ''] = listener.address.split('%');
  parseAddress(asked, local, 0);
  return { address, port: PORT, local, listener, tcp };
}

/** Its own address first: that is where it asks from. */
export function addressesOf(pod: Pod): string[] {
  const all = [pod.ip6, ...pod.overlays.map(({ ip6 }) => ip6), ...pod.overlays.map(({ ip4 }) => ip4)];
  return [...new Set(all.filter((address) => address !== undefined))];
}

async function findPod(
  facts: ExplainFacts,
  from: string,
  vpc: string | undefined,
  { operator, isStarting }: { operator: boolean; isStarting: boolean },
): Promise<Pod> {
  const parts = foldText(from).split('/');
  const [name = '', namespace = '', inVpc = vpc] = parts.toReversed();
  const isPath = (parts.length === 2 || parts.length === 3) && name !== '' && namespace !== '';
  if (!isPath) throw new ExplainError(`"${from}": NS/POD, VPC/NS/POD or an address is expected`);
  if (vpc !== undefined && inVpc !== vpc)
    throw new ExplainError(`"${from}" is not in the VPC that was named besides, ${vpc}`);
  const found: Pod[] = [];
  const search: Search = { namespace, name, left: AIDS_LOOKED_AT };
  if (inVpc !== undefined) found.push(...(await podsAt(facts, inVpc, search)));
  else {
    let looked = 0;
    for (const scope of facts.catalog.scopes()) {
      if (scope.namespace === namespace) found.push(...(await podsAt(facts, scope.vpc, search)));
      if (found.length > LISTED) break;
      if (++looked % SLICE === 0) await facts.pause();
    }
  }
  if (found.length === 1) return found[0]!;
  if (found.length > 1) {
    const owners = found.slice(0, LISTED).map((pod) => pod.vpc);
    const more = found.length > LISTED ? ' …' : '';
    const which = operator ? `, one of ${owners.join(', ')}${more}` : '';
    throw new ExplainError(
      `several VPCs have a pod ${namespace}/${name}: choose one with --vpc or VPC/NS/POD${which}`,
    );
  }
  if (isStarting)
    throw new ExplainError(
      'no source has delivered its records yet, so podns does not know its pods; see podns problems',
    );
  const where = inVpc === undefined ? '' : ` in VPC ${inVpc}`;
  throw new ExplainError(`there is no pod ${namespace}/${name}${where}`, true);
}

interface Search {
  namespace: string;
  name: string;
  /** Pods whose aid may still be looked at. */
  left: number;
}

/** By its name, else by its aid. */
async function podsAt({ catalog, pause }: ExplainFacts, vpc: string, search: Search): Promise<Pod[]> {
  const { namespace, name } = search;
  const own = catalog.get({ kind: 'pod', vpc, namespace, name });
  if (own?.kind === 'pod') return [own];
  // Most names look like no aid, and only those are worth reading a namespace for.
  if (!/^p[0-9a-f]{10}$/.test(name)) return [];
  for (const pod of catalog.list('pod', { vpc, namespace })) {
    if (search.left-- <= 0) break;
    if (pod.kind === 'pod' && pod.aid === name) return [pod];
    if (search.left % PODS_A_SLICE === 0) await pause();
  }
  return [];
}

function familyOf(address: string): 4 | 6 {
  return address.includes(':') ? 6 : 4;
}

/** How well a listener suits a client of this VPC and namespace; 0: not at all. */
function fit({ vpc, namespace }: Listener, inVpc: string, inNamespace: string | undefined): number {
  if (vpc === '') return 1;
  if (vpc !== inVpc) return 0;
  if (namespace === '') return 2;
  return namespace === inNamespace ? 3 : 0;
}

function pickForPod(
  facts: ExplainFacts,
  pod: Pod,
  sources: readonly string[],
  ask: ExplainAsk,
): Picked & { source: string } {
  const named = namedListener(facts, ask);
  const all = named === undefined ? facts.listeners() : [named.listener];
  let best: { listener: Listener; source: string } | undefined;
  let most = 0;
  for (const listener of all) {
    const suits = named === undefined ? fit(listener, pod.vpc, pod.namespace) : 1;
    const source = sources.find((address) => familyOf(address) === familyOf(listener.address));
    // As its resolv.conf has them: those that it can send to, IPv6 first; then the narrowest scope.
    const rank = (source === undefined ? 0 : 8) + (familyOf(listener.address) === 6 ? 4 : 0) + suits;
    if (suits === 0 || rank <= most) continue;
    most = rank;
    best = { listener, source: source ?? sources[0]! };
  }
  if (best !== undefined) return { ...best, isOpen: named?.isOpen ?? true };
  const source = sources[0]!;
  const host = familyOf(source) === 6 ? '[::1]' : '127.0.0.1';
  return { listener: facts.listenerOf(`${host}:53@${pod.vpc}`), source, isOpen: false };
}

function pickForAddress(
  facts: ExplainFacts,
  responder: Responder,
  address: Uint8Array,
  vpc: string | undefined,
  ask: ExplainAsk,
): Picked {
  const named = namedListener(facts, ask);
  if (named !== undefined) return named;
  const all = facts.listeners();
  const host = isMapped(address, 0) ? '127.0.0.1' : '[::1]';
  const unscoped = facts.listenerOf(`${host}:53`);
  if (all.length === 1 && vpc === undefined) return { listener: all[0]!, isOpen: true };
  const known = vpc === undefined ? whose(responder, peerOf(address, unscoped, false)) : { vpc };
  if (known === undefined) {
    // It asks one that it can send to: the only one, or one without a scope.
    const near = all.filter((one) => familyOf(one.address) === (isMapped(address, 0) ? 4 : 6));
    const isUnscoped = ({ vpc: scope }: Listener): boolean => scope === '';
    const open = near.length === 1 ? near[0] : (near.find(isUnscoped) ?? all.find(isUnscoped));
    if (open !== undefined) return { listener: open, isOpen: true };
    if (all.length === 0) return { listener: unscoped, isOpen: false };
    const texts = all.slice(0, LISTED).map(({ text }) => text);
    const which = ask.operator === true ? `, one of ${texts.join(', ')}` : '';
    const text = formatAddress(address, 0);
    throw new ExplainError(
      `which listener ${text} asks cannot be told from its address: say --listener${which}`,
    );
  }
  const family = isMapped(address, 0) ? 4 : 6;
  let best: Listener | undefined;
  let most = 0;
  for (const listener of all) {
    const suits = fit(listener, known.vpc, known.namespace);
    const rank = suits + (familyOf(listener.address) === family ? 4 : 0);
    if (suits === 0 || rank <= most) continue;
    most = rank;
    best = listener;
  }
  if (best !== undefined) return { listener: best, isOpen: true };
  return { listener: vpc === undefined ? unscoped : facts.listenerOf(`${host}:53@${vpc}`), isOpen: false };
}

/** Whose client this is on a listener without a scope. */
function whose(responder: Responder, peer: Peer): { vpc: string; namespace?: string } | undefined {
  const { view, client, identifier } = responder;
  view.refresh();
  identifier.identify(peer, client, new Decision());
  if (client.status !== CLIENT_KNOWN && client.status !== CLIENT_POD_UNKNOWN) return undefined;
  const vpc = vpcName(view, client.vpc);
  return client.namespace === 0 ? { vpc } : { vpc, namespace: view.labelText(client.namespace) };
}

/** The open one at that address and port, with that scope where one is said; else one made for this. */
function namedListener(facts: ExplainFacts, { listener }: ExplainAsk): Picked | undefined {
  if (listener === undefined) return undefined;
  let wanted: Listener;
  try {
    wanted = facts.listenerOf(listener);
  } catch (error) {
    throw new ExplainError(`--listener: ${(error as Error).message}`);
  }
  const open = facts
    .listeners()
    .find(
      (one) =>
        one.address === wanted.address &&
        one.port === wanted.port &&
        (!listener.includes('@') || (one.vpc === wanted.vpc && one.namespace === wanted.namespace)),
    );
  return open === undefined ? { listener: wanted, isOpen: false } : { listener: open, isOpen: true };
}
