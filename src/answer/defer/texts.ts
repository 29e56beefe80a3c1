/** The lines of a TXT answer for people, for whoever has just judged a question that wants them. */
import { formatAddress } from '../../dns/address.ts';
import * as layout from '../../trie/layout.ts';
import { keyOfRecord, vpcName } from '../../trie/read/names.ts';
import * as decision from '../decide/decision.ts';
import type { Peer } from '../peer.ts';
import type { Responder } from '../responder.ts';
import { podLines, vpcLines } from './inventory.ts';
import type { Inventory, InventoryFacts } from './inventory.ts';

/** Octets of the strings about a client, and of an inventory: header, question, owner, OPT with all options go off. */
const WHOAMI_ROOM = 1024;
const INVENTORY_ROOM = 65535 - 1024;

export function textLines(
  responder: Responder,
  peer: Peer,
  facts: InventoryFacts,
): { lines: Inventory<string>; room: number } {
  const { client, view, decision: d } = responder;
  const vpc = client.vpc === 0 ? '' : vpcName(view, client.vpc);
  if (d.data === decision.DATA_WHOAMI) {
    const each = whoami(responder, peer, vpc);
    return { lines: { each, count: each.length }, room: WHOAMI_ROOM };
  }
  const lines =
    d.data === decision.DATA_NAMESPACES
      ? facts.namespaces(vpc)
      : d.data === decision.DATA_PODS
        ? podLines(facts, vpc, view.labelText(d.record))
        : vpcLines(facts, vpc);
  return { lines, room: INVENTORY_ROOM };
}

function whoami({ client, view }: Responder, peer: Peer, vpc: string): string[] {
  return [
    `address=${formatAddress(peer.address, 0)}`,
    `vpc=${vpc}`,
    `namespace=${client.namespace === 0 ? '' : view.labelText(client.namespace)}`,
    `pod=${client.pod === 0 ? '' : keyOfRecord(view, client.pod).name}`,
    `listener=${peer.listener.text}`,
    `revision=${view.vpcWord(client.vpc, layout.VPC_SERIAL) >>> 0}`,
  ];
}
