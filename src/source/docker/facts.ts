/**
 * What podns reads of the Engine's answers, in a form of its own: only what names and addresses depend on. Nothing
 * of an answer is trusted to have the type that the Engine's documentation gives it.
 */

/** A container, as `GET /containers/ID/json` describes it. */
export interface ContainerFacts {
  id: string;
  /** Without the slash before it. */
  name: string;
  /** RFC 3339. */
  created: string;
  /** `running`, `paused`, `restarting`, `exited`, `created`, `dead`, `removing`. */
  status: string;
  /** `healthy`, `unhealthy`, `starting`; '' without a health check. */
  health: string;
  hostname: string;
  domainname: string;
  labels: Readonly<Record<string, string>>;
  /** `HostConfig.NetworkMode`: `host`, `container:ID`, or the first network. */
  mode: string;
  endpoints: Endpoint[];
  /** `80/tcp`, exposed or published: the side of the container. */
  ports: string[];
}

/** The attachment of a container to a network. */
export interface Endpoint {
  /** The name of the network, or what the user wrote for it where the container has never run. */
  network: string;
  /** '' where the container has never run. */
  networkId: string;
  ip4: string;
  ip6: string;
  /** The addresses that the user has asked for. */
  fixed4: string;
  fixed6: string;
  /** The addresses by which it leaves that network: the host's, on a bridge; '' where it is not on it now. */
  gateway4: string;
  gateway6: string;
  /** Names of the container on that network. */
  names: string[];
}

export interface NetworkFacts {
  id: string;
  name: string;
  created: string;
  driver: string;
  /** `local`, `swarm` or `global`. */
  scope: string;
  internal: boolean;
  ingress: boolean;
  configOnly: boolean;
  labels: Readonly<Record<string, string>>;
  options: Readonly<Record<string, string>>;
  ipam: { subnet: string; gateway: string }[];
}

/** A service of a swarm. */
export interface ServiceFacts {
  id: string;
  name: string;
  labels: Readonly<Record<string, string>>;
  vips: { networkId: string; address: string }[];
  ports: string[];
}

/** A row of `GET /containers/json`. */
export interface RowFacts {
  id: string;
  name: string;
  created: string;
  labels: Readonly<Record<string, string>>;
  /** Equal as long as nothing that podns reads has changed. */
  mark: string;
  /** What an inspection of the container says too: equal to `gistOf` it where both saw the same. */
  gist: string;
}

type Raw = Readonly<Record<string, unknown>>;

const EMPTY: Raw = Object.freeze({});

function mapOf(value: unknown): Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Raw) : EMPTY;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textsOf(value: unknown): string[] {
  return listOf(value).filter((item): item is string => typeof item === 'string' && item !== '');
}

function labelsOf(value: unknown): Record<string, string> {
  const labels = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(mapOf(value))) {
    // Of all labels only these are read, and containers may have a lot of others.
    if (typeof text === 'string' && /^(podns|com\.docker|io\.podman\.compose)\./.test(key))
      labels[key] = text;
  }
  return labels;
}

function optionsOf(value: unknown): Record<string, string> {
  const options = Object.create(null) as Record<string, string>;
  for (const [key, text] of Object.entries(mapOf(value))) if (typeof text === 'string') options[key] = text;
  return options;
}

/** The reason where the answer does not describe a container. */
export function containerFacts(value: unknown): ContainerFacts | string {
  const raw = mapOf(value);
  const id = textOf(raw.Id);
  const name = textOf(raw.Name).replace(/^\//, '');
  if (!isId(id) || name === '') return 'the engine describes a container without Id or Name';
  const config = mapOf(raw.Config);
  const state = mapOf(raw.State);
  const host = mapOf(raw.HostConfig);
  const settings = mapOf(raw.NetworkSettings);
  const mode = textOf(host.NetworkMode);
  const health = textOf(mapOf(state.Health ?? state.Healthcheck).Status);
  return {
    id,
    name,
    created: createdOf(raw.Created),
    status: textOf(state.Status).toLowerCase(),
    health: health === 'none' ? '' : health,
    hostname: textOf(config.Hostname),
    domainname: textOf(config.Domainname),
    labels: labelsOf(config.Labels),
    mode,
    // Podman shows the endpoints of the other container where one shares its network.
    endpoints: mode.startsWith('container:')
      ? []
      : Object.entries(mapOf(settings.Networks)).map(([network, given]) => endpointOf(network, given)),
    ports: [
      ...new Set([
        ...Object.keys(mapOf(config.ExposedPorts)),
        ...Object.keys(mapOf(host.PortBindings)),
        ...Object.keys(mapOf(settings.Ports)),
      ]),
    ],
  };
}

function endpointOf(network: string, value: unknown): Endpoint {
  const raw = mapOf(value);
  const ipam = mapOf(raw.IPAMConfig);
  const dnsNames = textsOf(raw.DNSNames);
  return {
    network,
    networkId: textOf(raw.NetworkID),
    ip4: textOf(raw.IPAddress),
    ip6: textOf(raw.GlobalIPv6Address),
    fixed4: textOf(ipam.IPv4Address),
    fixed6: textOf(ipam.IPv6Address),
    gateway4: addressOf(raw.Gateway),
    gateway6: addressOf(raw.IPv6Gateway),
    names: [...new Set([...dnsNames, ...textsOf(raw.Aliases)])],
  };
}

/** The reason where the answer does not describe a network. */
export function networkFacts(value: unknown): NetworkFacts | string {
  const raw = mapOf(value);
  const id = textOf(raw.Id);
  const name = textOf(raw.Name);
  if (id === '' || name === '') return 'the engine describes a network without Id or Name';
  return {
    id,
    name,
    created: textOf(raw.Created),
    driver: textOf(raw.Driver),
    scope: textOf(raw.Scope),
    internal: raw.Internal === true,
    ingress: raw.Ingress === true,
    configOnly: raw.ConfigOnly === true,
    labels: labelsOf(raw.Labels),
    options: optionsOf(raw.Options),
    ipam: listOf(mapOf(raw.IPAM).Config).map((item) => {
      const config = mapOf(item);
      return { subnet: textOf(config.Subnet), gateway: addressOf(config.Gateway) };
    }),
  };
}

/** The reason where the answer does not describe a service. */
export function serviceFacts(value: unknown): ServiceFacts | string {
  const raw = mapOf(value);
  const spec = mapOf(raw.Spec);
  const endpoint = mapOf(raw.Endpoint);
  const id = textOf(raw.ID);
  const name = textOf(spec.Name);
  if (id === '' || name === '') return 'the engine describes a service without ID or Name';
  return {
    id,
    name,
    labels: labelsOf(spec.Labels),
    vips: listOf(endpoint.VirtualIPs).map((item) => {
      const vip = mapOf(item);
      return { networkId: textOf(vip.NetworkID), address: addressOf(vip.Addr) };
    }),
    ports: listOf(endpoint.Ports).map((item) => {
      const { Protocol: protocol, TargetPort: port } = mapOf(item);
      return `${String(port)}/${textOf(protocol)}`;
    }),
  };
}

/** A row of the list of containers, or undefined where it has no id. */
export function rowFacts(value: unknown): RowFacts | undefined {
  const raw = mapOf(value);
  const id = textOf(raw.Id);
  if (!isId(id)) return undefined;
  const names = textsOf(raw.Names);
  const own = names.find((name) => name.lastIndexOf('/') <= 0) ?? names[0] ?? id.slice(0, 12);
  const health = mapOf(raw.Health).Status ?? /\((?:health: )?(\w+)\)/.exec(textOf(raw.Status))?.[1];
  const endpoints = Object.entries(mapOf(mapOf(raw.NetworkSettings).Networks)).map(([network, given]) => {
    const { NetworkID, EndpointID, IPAddress, GlobalIPv6Address, Aliases, DNSNames } = mapOf(given);
    return [network, NetworkID, EndpointID, IPAddress, GlobalIPv6Address, Aliases, DNSNames];
  });
  return {
    id,
    name: own.replace(/^\//, ''),
    created: createdOf(raw.Created),
    labels: labelsOf(raw.Labels),
    mark: JSON.stringify([names, raw.State, health, endpoints]),
    gist: gistText(
      own.replace(/^\//, ''),
      textOf(raw.State).toLowerCase(),
      health === undefined || health === 'none' ? '' : textOf(health),
      endpoints.map(([network, , , ip4, ip6]) => `${textOf(network)} ${textOf(ip4)} ${textOf(ip6)}`),
    ),
  };
}

/** Of an inspection, what a list says as well. */
export function gistOf({ name, status, health, endpoints }: ContainerFacts): string {
  return gistText(
    name,
    status,
    health,
    endpoints.map(({ network, ip4, ip6 }) => `${network} ${ip4} ${ip6}`),
  );
}

function gistText(name: string, status: string, health: string, endpoints: string[]): string {
  return [name, status, health, ...endpoints.sort()].join('\n');
}

/** Lists have seconds since 1970, inspections RFC 3339. */
function createdOf(value: unknown): string {
  if (typeof value !== 'number') return textOf(value);
  const date = new Date(value * 1000);
  return Number.isNaN(date.getTime()) ? '' : date.toISOString();
}

/** Without the length of a prefix. */
function addressOf(value: unknown): string {
  return textOf(value).split('/', 1)[0]!;
}

/** An id of a container becomes part of a request's path. */
export function isId(text: string): boolean {
  return /^[0-9a-zA-Z_.-]{1,128}$/.test(text) && !text.startsWith('.');
}
