/** Pods as Docker's containers: how they are listed, filtered and inspected. */
import type { Pod } from '../../model.ts';
import { endpointsOf, type Surroundings } from './endpoints.ts';
import { DockerFailure } from './failure.ts';
import { invalidFilter, type Filters } from './filters.ts';
import { containerId } from './ids.ts';
import { NO_TIME, nameOf, scopeLabels } from './networks.ts';

export const CONTAINER_FILTERS = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'isolation',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
];

const STATES = ['created', 'restarting', 'running', 'removing', 'paused', 'exited', 'dead'];
const HEALTH = ['starting', 'healthy', 'unhealthy', 'none'];

function healthOf({ ready }: Pod): string {
  return ready ? 'healthy' : 'unhealthy';
}

export function containerLabels(pod: Pod): Record<string, string> {
  const labels: Record<string, string> = {
    'com.docker.compose.oneoff': 'False',
    'com.docker.compose.service': pod.names[0] ?? pod.name,
    'podns.aid': pod.aid,
    ...scopeLabels(pod.vpc, pod.namespace),
  };
  if (pod.ip6 !== undefined) labels['podns.ip6'] = pod.ip6;
  if (pod.names.length > 0) labels['podns.names'] = pod.names.join(',');
  return labels;
}

/** Throws DockerFailure where a value is wrong. Returns whether a container is listed. */
export function containerFilter(filters: Filters): (pod: Pod, surroundings: Surroundings) => boolean {
  for (const value of filters.get('status'))
    if (!STATES.includes(value)) throw invalidFilter('status', value);
  for (const value of filters.get('health'))
    if (!HEALTH.includes(value))
      throw new DockerFailure(400, `Unrecognised filter value for health: ${value}`);
  for (const key of ['before', 'since'])
    if (filters.has(key))
      throw new DockerFailure(400, `podns does not know which pod came first: filter '${key}'`);
  const exposed = filters.get('expose').map(portRange);
  // Pods have no images, volumes and published ports, and none has ended.
  const never =
    ['ancestor', 'exited', 'publish', 'volume'].some((key) => filters.has(key)) ||
    filters.flag('is-task') === true ||
    !filters.exact('status', 'running');
  return (pod, surroundings) =>
    !never &&
    filters.exact('health', healthOf(pod)) &&
    filters.found('id', containerId(pod)) &&
    filters.found('name', nameOf(pod), `/${nameOf(pod)}`) &&
    filters.labelled(containerLabels(pod)) &&
    (exposed.length === 0 || exposed.some((holds) => pod.ports.some(holds))) &&
    (!filters.has('network') || isOnOne(pod, filters, surroundings));
}

/** By a network's name, or the beginning of its id. */
function isOnOne(pod: Pod, filters: Filters, surroundings: Surroundings): boolean {
  return pod.overlays.some(({ overlay: name }) => {
    const overlay = surroundings.overlay(pod, name);
    return filters.exact('network', nameOf(overlay)) || filters.begins('network', overlay.aid);
  });
}

/** `80`, `80-90/udp`. */
function portRange(text: string): (port: { port: number; protocol: string }) => boolean {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/([a-z]+))?$/i.exec(text);
  if (match === null) throw new DockerFailure(400, `invalid filter 'expose=${text}'`);
  const first = Number(match[1]);
  const last = Number(match[2] ?? first);
  const wanted = (match[3] ?? 'tcp').toLowerCase();
  return ({ port, protocol }) => port >= first && port <= last && protocol === wanted;
}

/** The network that a container is on before others. */
function networkMode(networks: Record<string, object>): string {
  return Object.keys(networks)[0] ?? 'none';
}

/** A row of `docker ps`. */
export function containerRow(pod: Pod, surroundings: Surroundings): object {
  const networks = endpointsOf(pod, surroundings);
  const created = surroundings.created(pod);
  return {
    Id: containerId(pod),
    Names: [`/${nameOf(pod)}`],
    Image: '',
    ImageID: '',
    Command: '',
    Created: created === NO_TIME ? 0 : Math.floor(Date.parse(created) / 1000),
    Ports: pod.ports.map(({ port, protocol }) => ({ PrivatePort: port, Type: protocol })),
    Labels: containerLabels(pod),
    State: 'running',
    Status: `Up (${healthOf(pod)})`,
    HostConfig: { NetworkMode: networkMode(networks) },
    NetworkSettings: { Networks: networks },
    Mounts: [],
  };
}

/** `docker inspect`. */
export function containerDetails(pod: Pod, surroundings: Surroundings, zone: string): object {
  const networks = endpointsOf(pod, surroundings);
  const created = surroundings.created(pod);
  return {
    Id: containerId(pod),
    Created: created,
    Path: '',
    Args: [],
    State: stateOf(pod, created),
    Image: '',
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: '',
    Name: `/${nameOf(pod)}`,
    RestartCount: 0,
    Driver: '',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: null,
    HostConfig: {
      NetworkMode: networkMode(networks),
      PortBindings: {},
      RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
    },
    GraphDriver: { Name: '', Data: null },
    Mounts: [],
    Config: configOf(pod, zone),
    NetworkSettings: {
      Bridge: '',
      SandboxID: '',
      SandboxKey: '',
      Ports: Object.fromEntries(portsOf(pod).map((port) => [port, null])),
      EndpointID: '',
      Gateway: '',
      // The address in the VPC is on none of the networks.
      GlobalIPv6Address: pod.ip6 ?? '',
      GlobalIPv6PrefixLen: 0,
      IPAddress: '',
      IPPrefixLen: 0,
      IPv6Gateway: '',
      MacAddress: '',
      Networks: networks,
    },
  };
}

function stateOf(pod: Pod, created: string): object {
  return {
    Status: 'running',
    Running: true,
    Paused: false,
    Restarting: false,
    OOMKilled: false,
    Dead: false,
    Pid: 0,
    ExitCode: 0,
    Error: '',
    StartedAt: created,
    FinishedAt: NO_TIME,
    Health: { Status: healthOf(pod), FailingStreak: pod.ready ? 0 : 1, Log: [] },
  };
}

function configOf(pod: Pod, zone: string): object {
  return {
    Hostname: pod.name,
    Domainname: `${pod.namespace}.${zone}`,
    User: '',
    ExposedPorts: Object.fromEntries(portsOf(pod).map((port) => [port, {}])),
    Env: [],
    Cmd: null,
    Image: '',
    Volumes: null,
    WorkingDir: '',
    Entrypoint: null,
    Labels: containerLabels(pod),
  };
}

/** `80/tcp`. */
function portsOf({ ports }: Pod): string[] {
  return ports.map(({ port, protocol }) => `${port}/${protocol}`);
}
