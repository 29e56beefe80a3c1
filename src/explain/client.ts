/** Who the client is taken for, and which rule found that out. */
import * as who from '../answer/decide/client.ts';
import type { Decision } from '../answer/decide/decision.ts';
import * as reason from '../answer/decide/reasons.ts';
import type { Peer } from '../answer/peer.ts';
import type { Responder } from '../answer/responder.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import { formatAddress } from '../dns/address.ts';
import { parsePrefix, sharesPrefix } from '../trie/prefix.ts';
import { findSource } from '../trie/read/addresses.ts';
import { findNet6Owner } from '../trie/read/addresses.ts';
import { keyOfRecord, vpcName } from '../trie/read/names.ts';
import type { ClientExplained, ClientStatus } from './explanation.ts';
import type { ExplainCatalog } from './facts.ts';

const STATUS: Readonly<Record<number, ClientStatus>> = {
  [who.CLIENT_KNOWN]: 'known',
  [who.CLIENT_POD_UNKNOWN]: 'pod-unknown',
  [who.CLIENT_UNKNOWN]: 'unknown',
  [who.CLIENT_FOREIGN]: 'foreign',
  [who.CLIENT_CONTRADICTED]: 'contradicted',
  [who.CLIENT_SCOPE_UNKNOWN]: 'no-such-vpc',
};

interface Parts {
  responder: Responder;
  peer: Peer;
  isOpen: boolean;
  settings: AnswerSettings;
  catalog: ExplainCatalog;
  operator: boolean;
}

/** Of the query that the responder has just judged. */
export function explainClient(parts: Parts): ClientExplained {
  const { responder, peer, isOpen } = parts;
  const { view, client } = responder;
  const status = STATUS[client.status]!;
  const isPlaced = status === 'known' || status === 'pod-unknown';
  const pod = isPlaced && client.pod !== 0 ? keyOfRecord(view, client.pod) : undefined;
  const { listener } = peer;
  return {
    address: formatAddress(peer.address, 0),
    listener: listener.text,
    isOpen,
    status,
    vpc: isPlaced ? vpcName(view, client.vpc) : listener.vpc === '' ? null : listener.vpc,
    namespace: isPlaced && client.namespace !== 0 ? view.labelText(client.namespace) : null,
    pod: pod === undefined ? null : `${pod.namespace}/${pod.name}`,
    found: foundBy(parts, status, pod === undefined ? '' : `${pod.namespace}/${pod.name}`),
  };
}

function foundBy(parts: Parts, status: ClientStatus, pod: string): string[] {
  const { responder, peer } = parts;
  const { client, decision, view } = responder;
  const texts: string[] = [];
  const gave = (code: number): boolean => has(decision, code);
  const { vpc, namespace } = peer.listener;
  if (gave(reason.BY_LISTENER)) {
    texts.push(
      namespace === ''
        ? `The listener's scope fixes the VPC, ${vpc}.`
        : `The listener's scope fixes the VPC, ${vpc}, and the namespace, ${namespace}.`,
    );
    if (namespace !== '' && client.namespace === 0 && status === 'known')
      texts.push(`VPC ${vpc} has no namespace ${namespace} now.`);
  }
  if (gave(reason.BY_RULE)) texts.push(ruleText(parts));
  if (gave(reason.BY_PREFIX)) texts.push(prefixText(parts));
  if (gave(reason.BY_ONLY_VPC))
    texts.push(
      status === 'unknown'
        ? 'There is only one VPC, but no pod of it has this address, and none of its subnets holds it.'
        : 'There is only one VPC, so an IPv4 address counts as its own.',
    );
  if (gave(reason.POD_BY_ADDRESS) && pod !== '') texts.push(`The address is exactly that of pod ${pod}.`);
  if (gave(reason.POD_AMBIGUOUS))
    texts.push('Several pods hold this address on different overlays, so it tells no pod.');
  const isHost = gave(reason.BY_HOST);
  if (isHost)
    texts.push(
      'The address is the host of the engine, which is in no namespace: ' +
        'names are written with theirs, such as app.shop.',
    );
  if (gave(reason.POD_UNKNOWN) && !isHost && (status === 'known' || status === 'pod-unknown')) {
    const counts = client.onAllOverlays ? ' The client counts as attached to all overlays there.' : '';
    texts.push(`No pod of the VPC has exactly this address.${counts}`);
  }
  texts.push(...statusTexts(parts, status));
  if (view.isIpv4Blind && status !== 'known')
    texts.push('The saved view is too old to tell clients by their IPv4 address.');
  return texts;
}

function statusTexts(parts: Parts, status: ClientStatus): string[] {
  const { responder, peer, operator } = parts;
  const { view, client } = responder;
  switch (status) {
    case 'unknown':
      if (has(responder.decision, reason.BY_ONLY_VPC)) return [];
      if (has(responder.decision, reason.NOT_SYNCED))
        return ['podns identifies no client before a source has delivered a whole state.'];
      return [
        'No rule tells whose client this is: the listener has no scope, no rule under clients names the ' +
          'address, and it lies in no net6 of a VPC.',
      ];
    case 'no-such-vpc':
      return ['podns does not know the VPC of this scope.'];
    case 'foreign':
    case 'contradicted': {
      const first =
        status === 'foreign'
          ? 'The address lies in the net6 of another VPC than the listener serves.'
          : 'A pod has this address, and it lies in the prefix of another VPC than the pod.';
      if (!operator) return [first];
      view.setKey(peer.address);
      const owner = findNet6Owner(view);
      if (owner === 0) return [first];
      const other = owner === client.vpc ? 0 : findSource(view, owner);
      const pod = other === 0 || (view.words[other] & 0xff) > 2 ? '' : keyPath(view, other);
      return [`${first} It lies in that of VPC ${vpcName(view, owner)}${pod}.`];
    }
    default:
      return [];
  }
}

function keyPath(view: Responder['view'], record: number): string {
  const { kind, namespace, name } = keyOfRecord(view, record);
  return `, where ${kind} ${namespace}/${name} has it`;
}

/** The first rule whose prefix holds the address: the one that identifying stops at. */
function ruleText({ settings, peer }: Parts): string {
  const rule = settings.clients.find(({ from }) => {
    const prefix = parsePrefix(from);
    return prefix !== undefined && sharesPrefix(prefix.octets, 0, peer.address, 0, prefix.bits);
  });
  if (rule === undefined) return `${reason.REASON_TEXTS[reason.BY_RULE]!}.`;
  const { from, vpc, namespace } = rule;
  const where = namespace === '' ? `VPC ${vpc}` : `namespace ${namespace} of VPC ${vpc}`;
  return `The rule for ${from} under clients names ${where}.`;
}

function prefixText({ responder, catalog, peer }: Parts): string {
  const { view, client } = responder;
  view.setKey(peer.address);
  const record = client.vpc === 0 ? 0 : client.vpc;
  if (record === 0) return 'The address lies in the net6 of a VPC.';
  const name = vpcName(view, record);
  const vpc = catalog.get({ kind: 'vpc', vpc: name, namespace: '', name: '' });
  const prefixes = vpc?.kind === 'vpc' ? vpc.net6 : [];
  const holds = prefixes.find((text) => {
    const prefix = parsePrefix(text);
    return prefix !== undefined && sharesPrefix(prefix.octets, 0, peer.address, 0, prefix.bits);
  });
  return `The address lies in ${holds ?? 'a prefix'}, the net6 of VPC ${name}.`;
}

export function has(d: Decision, code: number): boolean {
  return d.reasons.subarray(0, d.reasonCount).includes(code);
}
