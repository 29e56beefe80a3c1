/** `links` and `extra_hosts`, which compose gives to one service alone and podns to the whole namespace or VPC. */
import type { NameLists } from '../../model.ts';
import { hostAddress, whyNotHostAddress } from '../../source/validate/addresses.ts';
import { foldDomain } from '../../source/validate/name-lists.ts';
import { quote, whyNotName } from '../../source/validate/names.ts';
import { containerName } from './containers.ts';
import type { Service } from './services.ts';
import type { ComposeSource, Spot } from './source.ts';
import { valueAt, type Value } from './values.ts';

/** `SERVICE:ALIAS` becomes a further name of the service, unless another service has that name. */
export function linkServices(source: ComposeSource, services: ReadonlyMap<string, Service>): void {
  const own = bearers(services);
  const linked = new Map<string, Service>();
  for (const from of services.values()) {
    for (const item of source.items(valueAt(from.value, 'links'))) {
      const text = source.text(item);
      if (text === undefined) continue;
      const [key = '', given] = text.split(/:(.*)/s);
      const service = services.get(key);
      if (service === undefined) source.warn(item, `is ignored: there is no service ${quote(key)}`);
      else if (given) link(source, item, { from, service, given }, own, linked);
    }
    for (const item of source.items(valueAt(from.value, 'external_links'))) {
      const help = 'give a pod that name, or add it to the hosts of the VPC';
      source.warn(item, `${quote(source.text(item) ?? '')} is ignored: ${help}`);
    }
  }
}

function link(
  source: ComposeSource,
  spot: Spot,
  { from, service, given }: { from: Service; service: Service; given: string },
  own: ReadonlyMap<string, Set<Service>>,
  linked: Map<string, Service>,
): void {
  const alias = source.name(given, spot);
  if (alias === undefined) return;
  const bearing = own.get(alias);
  if (bearing?.has(service)) return;
  const [bearer] = bearing ?? [];
  if (bearer !== undefined) {
    const here = `${alias} names service ${bearer.key} for ${from.key} too`;
    source.warn(spot, `left out: ${here}, not ${service.key}`);
    return;
  }
  const other = linked.get(alias);
  if (other === service) return;
  if (other === undefined) {
    linked.set(alias, service);
    source.warn(
      spot,
      `${alias} becomes a name of ${service.key} for the whole namespace, not only for ${from.key}`,
    );
  } else source.warn(spot, `${alias} becomes a name of both ${other.key} and ${service.key}`);
  service.names.add(alias);
}

function bearers(services: ReadonlyMap<string, Service>): Map<string, Set<Service>> {
  const map = new Map<string, Set<Service>>();
  for (const service of services.values())
    for (const name of namesOf(service)) {
      const bearing = map.get(name) ?? new Set();
      map.set(name, bearing.add(service));
    }
  return map;
}

/** Also those by which one container alone is known. */
function namesOf(service: Service): Set<string> {
  const names = new Set(service.own.names ?? service.names);
  if (service.own.name !== undefined) names.add(service.own.name);
  for (let number = 1; number <= service.replicas; number++) {
    names.add(containerName(service, number));
    if (service.container === undefined) names.add(`${service.name}-${number}`);
  }
  return names;
}

/** `extra_hosts` of all services become the `hosts` of the VPC, except names of pods, which take precedence. */
export function readHosts(source: ComposeSource, services: ReadonlyMap<string, Service>): NameLists {
  const bearing = bearers(services);
  const hosts = new Map<string, { addresses: Set<string>; key: string }>();
  for (const { key, value } of services.values()) {
    for (const { name: given, address: text, spot } of entriesOf(source, valueAt(value, 'extra_hosts'))) {
      const name = foldDomain(given);
      if (name === undefined) {
        source.warn(spot, `left out: ${whyNotName(given)}`);
        continue;
      }
      if (/(^|\.)localhost$/.test(name)) {
        source.warn(spot, 'left out: localhost is always the loopback');
        continue;
      }
      if (text === 'host-gateway') {
        const help = `add hosts: { ${name}: ADDRESS } to the VPC or to the node's configuration`;
        source.warn(spot, `left out, because the file does not hold the address of the host: ${help}`);
        continue;
      }
      const address = hostAddress(text.replace(/^\[(.*)\]$/, '$1'));
      if (address === undefined) {
        source.warn(spot, `left out: ${whyNotHostAddress(text)}`);
        continue;
      }
      const pods = bearing.get(name);
      const pod = pods === undefined ? undefined : [...pods][0];
      if (pod !== undefined) {
        if (!pod.places.some(({ ip4, ip6 }) => ip4 === address || ip6 === address))
          source.warn(spot, `left out: ${name} names service ${pod.key}, which takes precedence`);
        continue;
      }
      const host = hosts.get(name);
      if (host === undefined) hosts.set(name, { addresses: new Set([address]), key });
      else {
        if (host.key !== key && !host.addresses.has(address))
          source.warn(spot, `${name} has another address in service ${host.key}: the whole VPC gets both`);
        host.addresses.add(address);
      }
    }
  }
  return Object.fromEntries([...hosts].map(([name, { addresses }]) => [name, [...addresses]]));
}

interface HostEntry {
  name: string;
  address: string;
  spot: Value;
}

/** `name=address` or `name:address` in a list, or a map of names to one or more addresses. */
function entriesOf(source: ComposeSource, value: Value | undefined): HostEntry[] {
  if (value?.kind === 'map')
    return [...value.entries].flatMap(([name, item]) =>
      source.texts(item).map((address) => ({ name, address, spot: item })),
    );
  return source.items(value).flatMap((item) => {
    const text = source.text(item);
    const match = text === undefined ? null : (/^([^=]*)=(.*)$/.exec(text) ?? /^([^:]*):(.*)$/.exec(text));
    if (match !== null) return [{ name: match[1]!.trim(), address: match[2]!.trim(), spot: item }];
    if (text !== undefined) source.fail(item, `${quote(text)} is not NAME=ADDRESS`);
    return [];
  });
}
