/** Answers of one record that is owned by the question: a pointer, a name server, addresses, texts. */
import * as dns from '../../dns/constants.ts';
import { put16 } from '../../dns/octets.ts';
import type { View } from '../../trie/read/view.ts';
import type { Decision } from '../decide/decision.ts';
import {
  fits,
  nodeNameLength,
  putFixed,
  putNodeName,
  putOctets,
  putReplicaLabel,
  replicaLabelLength,
} from './write.ts';
import type { ResponseBuffer, ServerNames } from './write.ts';

/** `length` octets of `rdata` from `offset`. */
export function putSimple(
  response: ResponseBuffer,
  type: number,
  ttl: number,
  rdata: Uint8Array,
  offset: number,
  length: number,
): void {
  const { out } = response;
  if (!fits(response, 12 + length)) return;
  put16(out, response.at, 0xc00c);
  const at = putFixed(out, response.at + 2, type, ttl, length);
  response.at = putOctets(out, at, rdata, offset, length);
  response.answers = 1;
}

/** PTR to the name that was decided. */
export function putPointer(
  view: View,
  names: ServerNames,
  d: Decision,
  ttl: number,
  response: ResponseBuffer,
): void {
  const { out } = response;
  const { zone } = names;
  const head = d.ptrHead === 0 ? 0 : replicaLabelLength(view, d.ptrHead);
  const length = head + nodeNameLength(view, d.ptrNode) + zone.length;
  if (!fits(response, 12 + length)) return;
  put16(out, response.at, 0xc00c);
  let at = putFixed(out, response.at + 2, dns.TYPE_PTR, ttl, length);
  if (d.ptrHead !== 0) at = putReplicaLabel(view, out, at, d.ptrHead);
  at = putNodeName(view, out, at, d.ptrNode);
  response.at = putOctets(out, at, zone, 0, zone.length);
  response.answers = 1;
}

/** TXT of class CH: 255 octets of the text at most. */
export function putChaos(response: ResponseBuffer, text: Uint8Array): void {
  const { out } = response;
  const length = Math.min(255, text.length);
  if (!fits(response, 13 + length)) return;
  put16(out, response.at, 0xc00c);
  const at = putFixed(out, response.at + 2, dns.TYPE_TXT, 0, length + 1);
  out[response.at + 5] = dns.CLASS_CH;
  out[at] = length;
  response.at = putOctets(out, at + 1, text, 0, length);
  response.answers = 1;
}

/** One TXT record of these strings, of 255 octets at most each. */
export function putTexts(response: ResponseBuffer, texts: readonly Uint8Array[], ttl: number): void {
  const { out } = response;
  let octets = 0;
  for (const text of texts) octets += 1 + text.length;
  if (!fits(response, 12 + octets)) return;
  put16(out, response.at, 0xc00c);
  let at = putFixed(out, response.at + 2, dns.TYPE_TXT, ttl, octets);
  for (const text of texts) {
    out[at] = text.length;
    at = putOctets(out, at + 1, text, 0, text.length);
  }
  response.at = at;
  response.answers = 1;
}
