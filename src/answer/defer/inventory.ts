/** TXT texts for people: who am I, which namespaces and pods are there. Only ever of the client's own VPC. */
import type { Pod, Service } from '../../model.ts';

/** What inventories are made of; the server fills it from the catalog. */
export interface InventoryFacts {
  namespaces(vpc: string): Inventory<string>;
  pods(vpc: string, namespace?: string): Inventory<Pod>;
  services(vpc: string): Inventory<Service>;
}

/** What there is, read only as far as it is asked for, and how many there are in all. */
export interface Inventory<T> {
  each: Iterable<T>;
  count: number;
}

const encoder = new TextEncoder();
/** As long as a string of a TXT record may be. */
const scratch = new Uint8Array(255);

/** `app-0 fdfd:1a8::2:2 10.198.62.20`: name, then its addresses, then what is odd about it. */
export function podText(pod: Pod): string {
  const words = [pod.name];
  if (pod.ip6 !== undefined) words.push(pod.ip6);
  for (const { ip4, ip6 } of pod.overlays) {
    if (ip4 !== undefined) words.push(ip4);
    if (ip6 !== undefined) words.push(ip6);
  }
  if (pod.names.length > 0) words.push(`names=${pod.names.join(',')}`);
  if (!pod.ready) words.push('not-ready');
  return words.join(' ');
}

export function serviceText(service: Service): string {
  const words = [service.name];
  if (service.ip6 !== undefined) words.push(service.ip6);
  for (const { name, protocol, port } of service.ports) words.push(`${name}=${port}/${protocol}`);
  return words.join(' ');
}

/**
 * Strings of a TXT record from lines, as many as `room` octets take; what is left out is not read, and counted in
 * a last string `+N more`. A line over 255 octets is cut.
 */
export function packTexts({ each, count }: Inventory<string>, room: number): Uint8Array[] {
  const texts: Uint8Array[] = [];
  let used = 0;
  // Capacity for the last string, whatever its number.
  const usable = room - 24;
  for (const line of each) {
    // Only whole characters are written.
    const text = scratch.slice(0, encoder.encodeInto(line, scratch).written);
    if (used + text.length + 1 > usable) break;
    texts.push(text);
    used += text.length + 1;
  }
  if (texts.length < count) texts.push(encoder.encode(`+${count - texts.length} more`));
  if (texts.length === 0) texts.push(new Uint8Array(0));
  return texts;
}

/** The whole VPC: pods and services with their namespaces before them. */
export function vpcLines(facts: InventoryFacts, vpc: string): Inventory<string> {
  const pods = facts.pods(vpc);
  const services = facts.services(vpc);
  return { each: linesOf(pods.each, services.each), count: pods.count + services.count };
}

export function podLines(facts: InventoryFacts, vpc: string, namespace: string): Inventory<string> {
  const { each, count } = facts.pods(vpc, namespace);
  return { each: textsOf(each), count };
}

function* linesOf(pods: Iterable<Pod>, services: Iterable<Service>): Iterable<string> {
  for (const pod of pods) yield `pod ${pod.namespace}/${podText(pod)}`;
  for (const service of services) yield `service ${service.namespace}/${serviceText(service)}`;
}

function* textsOf(pods: Iterable<Pod>): Iterable<string> {
  for (const pod of pods) yield podText(pod);
}
