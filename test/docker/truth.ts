/**
 * What podns has to serve of an engine, worked out from `inspect` of all containers and networks alone. It is written
 * against the contract, and shares nothing with the source.
 */
import type { Engine } from '../harness/engine.ts';

export interface Pod {
  namespace: string;
  name: string;
  names: string[];
  /** `overlay ip4 ip6 pinned`, `-` for none; sorted. */
  overlays: string[];
  ready: boolean;
}

export interface View {
  /** By `namespace/name`. */
  pods: Record<string, Omit<Pod, 'namespace' | 'name'>>;
  /** By `namespace/name`: `net4 net6 internal`. */
  overlays: Record<string, string>;
}

/** The parts of the Engine's answers that count here. */
export interface Inspected {
  Id: string;
  Name: string;
  State: { Status: string; Running: boolean; Health?: { Status: string } };
  Config: { Hostname: string; Domainname?: string; Labels: Record<string, string> | null };
  HostConfig: { NetworkMode: string };
  NetworkSettings: { Networks: Record<string, InspectedEndpoint> | null };
}

interface InspectedEndpoint {
  NetworkID: string;
  IPAddress: string;
  GlobalIPv6Address: string;
  Aliases: string[] | null;
  IPAMConfig: { IPv4Address?: string; IPv6Address?: string } | null;
}

interface InspectedNetwork {
  Id: string;
  Name: string;
  Driver: string;
  Internal: boolean;
  Labels: Record<string, string> | null;
  IPAM: { Config: { Subnet?: string }[] | null };
}

export interface Inspection {
  containers: Inspected[];
  networks: InspectedNetwork[];
}

const PROJECT = 'com.docker.compose.project';

/** Everything the engine says of itself; what goes away meanwhile is not there. */
export async function inspectAll(engine: Engine): Promise<Inspection> {
  const rows = await engine.api<{ Id: string }[]>('GET', '/containers/json?all=1');
  const nets = await engine.api<{ Id: string; Name: string }[]>('GET', '/networks');
  const one = async (path: string): Promise<unknown[]> => {
    const { status, text } = await engine.send('GET', path);
    return status === 200 ? [JSON.parse(text)] : [];
  };
  const containers = await Promise.all(rows.map(({ Id }) => one(`/containers/${Id}/json`)));
  const networks = await Promise.all(nets.map(({ Id }) => one(`/networks/${Id}`)));
  return { containers: containers.flat() as Inspected[], networks: networks.flat() as InspectedNetwork[] };
}

/** Compose labels of a network give it the project's namespace and the short name there. */
function overlayOf(network: InspectedNetwork): { namespace: string; name: string } {
  const project = network.Labels?.[PROJECT];
  const short = network.Labels?.['com.docker.compose.network'];
  if (project !== undefined && short !== undefined) return { namespace: project, name: short };
  return { namespace: project ?? 'default', name: network.Name.toLowerCase() };
}

function podOf(container: Inspected, networks: InspectedNetwork[]): Pod {
  const name = container.Name.replace(/^\//, '');
  const labels = container.Config.Labels ?? {};
  const project = labels[PROJECT];
  const namespace = project ?? 'default';
  const oneoff = /^true$/i.test(labels['com.docker.compose.oneoff'] ?? '');
  const service = oneoff ? undefined : labels['com.docker.compose.service'];
  const number = labels['com.docker.compose.container-number'];
  const standard =
    service !== undefined &&
    [`${project}-${service}-${number}`, `${project}_${service}_${number}`].includes(name);
  const own = standard ? `${service}-${number}` : name;
  const mode = container.HostConfig.NetworkMode;
  const names = new Set([name, container.Id.slice(0, 12)]);
  if (service !== undefined) names.add(service);
  if (mode !== 'host' && !mode.startsWith('container:') && container.Config.Hostname !== '') {
    names.add(container.Config.Hostname);
    const domain = container.Config.Domainname ?? '';
    if (domain !== '') names.add(`${container.Config.Hostname}.${domain}`);
  }
  const live = container.State.Status === 'running' || container.State.Status === 'paused';
  const overlays: string[] = [];
  // Podman shows the endpoints of the other container there.
  const endpoints = mode.startsWith('container:') ? {} : (container.NetworkSettings.Networks ?? {});
  for (const [key, endpoint] of Object.entries(endpoints)) {
    for (const alias of endpoint.Aliases ?? []) names.add(alias);
    // Podman writes the network's name in place of its id.
    const network = networks.find(({ Id, Name }) => Id === endpoint.NetworkID || Name === key);
    if (network === undefined || ['host', 'null'].includes(network.Driver)) continue;
    const overlay = overlayOf(network);
    const ip4 = live ? endpoint.IPAddress : '';
    const ip6 = live ? canonical6(endpoint.GlobalIPv6Address) : '';
    const asked = endpoint.IPAMConfig;
    const pinned =
      (ip4 !== '' && asked?.IPv4Address === ip4) ||
      (ip6 !== '' && asked?.IPv6Address !== undefined && canonical6(asked.IPv6Address) === ip6);
    const where = overlay.namespace === namespace ? overlay.name : `${overlay.namespace}/${overlay.name}`;
    overlays.push(attachment(where, ip4, ip6, pinned));
  }
  const folded = [...names].map((text) => text.toLowerCase());
  const health = container.State.Health?.Status ?? '';
  return {
    namespace,
    name: own.toLowerCase(),
    names: [...new Set(folded)].filter((text) => text !== own.toLowerCase()).sort(),
    overlays: overlays.sort(),
    ready: container.State.Status === 'running' && ['', 'none', 'healthy'].includes(health),
  };
}

function attachment(overlay: string, ip4: string, ip6: string, pinned: boolean): string {
  // Without an address there is nothing that could be pinned.
  const fixed = ip4 === '' && ip6 === '' ? '' : pinned ? 'pinned' : 'free';
  return `${overlay} ${ip4 === '' ? '-' : ip4} ${ip6 === '' ? '-' : ip6} ${fixed}`.trim();
}

/** As podns writes it. */
export function canonical6(text: string): string {
  return text === '' ? '' : new URL(`http://[${text}]/`).hostname.slice(1, -1);
}

/** The view that podns has to have. */
export function truthOf({ containers, networks }: Inspection): View {
  const view: View = { pods: {}, overlays: {} };
  const byId = new Map<string, Pod>();
  const pods = new Map<Pod, Inspected>();
  for (const container of containers) {
    const pod = podOf(container, networks);
    pods.set(pod, container);
    byId.set(container.Id, pod);
    byId.set(container.Name.slice(1), pod);
  }
  for (const [pod, container] of pods) {
    const [, shared] = /^container:(.*)$/.exec(container.HostConfig.NetworkMode) ?? [];
    const owner = shared === undefined ? undefined : byId.get(shared);
    const up = container.State.Status === 'running' || container.State.Status === 'paused';
    if (owner === undefined || owner.namespace !== pod.namespace || !up) continue;
    owner.names = [...new Set([...owner.names, pod.name, ...pod.names])]
      .filter((name) => name !== owner.name)
      .sort();
    pods.delete(pod);
  }
  for (const { namespace, name, ...rest } of pods.keys()) view.pods[`${namespace}/${name}`] = rest;
  for (const network of networks) {
    if (['host', 'null'].includes(network.Driver)) continue;
    const { namespace, name } = overlayOf(network);
    const subnets = (network.IPAM.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []);
    const net4 = subnets.find((subnet) => !subnet.includes(':')) ?? '-';
    const six = subnets.find((subnet) => subnet.includes(':'));
    const net6 = six === undefined ? '-' : `${canonical6(six.split('/')[0]!)}/${six.split('/')[1]}`;
    view.overlays[`${namespace}/${name}`] = `${net4} ${net6} ${network.Internal ? 'internal' : 'open'}`;
  }
  return view;
}

interface ServedPod {
  namespace: string;
  name: string;
  names: string[];
  ip6?: string;
  overlays: { overlay: string; ip4?: string; ip6?: string; pinned: boolean }[];
  ready: boolean;
}

interface ServedOverlay {
  namespace: string;
  name: string;
  net4?: string;
  net6?: string;
  internal?: boolean;
}

/** The same form, of what podns lists. */
export function viewOf(pods: ServedPod[], overlays: ServedOverlay[]): View {
  const view: View = { pods: {}, overlays: {} };
  for (const pod of pods)
    view.pods[`${pod.namespace}/${pod.name}`] = {
      names: pod.names.toSorted(),
      overlays: pod.overlays
        .map(({ overlay, ip4 = '', ip6 = '', pinned }) => attachment(overlay, ip4, ip6, pinned))
        .sort(),
      ready: pod.ready,
    };
  for (const { namespace, name, net4 = '-', net6 = '-', internal } of overlays)
    view.overlays[`${namespace}/${name}`] = `${net4} ${net6} ${internal === true ? 'internal' : 'open'}`;
  return view;
}

/** What a client on these overlays gets for a name of a namespace: all addresses that it can reach, sorted. */
export function addressesOf(
  view: View,
  namespace: string,
  name: string,
  client: ReadonlySet<string>,
): string[] {
  const bearers = Object.entries(view.pods).filter(([key, pod]) => {
    const slash = key.indexOf('/');
    return key.slice(0, slash) === namespace && (key.slice(slash + 1) === name || pod.names.includes(name));
  });
  const ready = bearers.filter(([, pod]) => pod.ready);
  const addresses = new Set<string>();
  for (const [, pod] of ready.length > 0 ? ready : bearers) {
    const rows = pod.overlays.map((text) => text.split(' '));
    const absolute = (overlay: string): string =>
      overlay.includes('/') ? overlay : `${namespace}/${overlay}`;
    const shared = rows.filter(([overlay]) => client.has(absolute(overlay!)));
    for (const [, ip4, ip6] of shared.length > 0 ? shared : rows)
      for (const address of [ip4!, ip6!]) if (address !== '-') addresses.add(address);
  }
  return [...addresses].sort();
}
