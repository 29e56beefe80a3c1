/**
 * An engine whose containers, networks, versions, delays and events a test writes: HTTP on a unix socket, with the
 * answers of Docker's API that podns reads, and its races.
 */
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import http from 'node:http';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface ScriptedEndpoint {
  ip4: string;
  ip6: string;
  fixed4: string;
  fixed6: string;
  aliases: string[];
}

export interface ScriptedContainer {
  id: string;
  name: string;
  created: string;
  status: string;
  health: string;
  hostname: string;
  labels: Record<string, string>;
  mode: string;
  exposed: string[];
  endpoints: Map<string, ScriptedEndpoint>;
}

export interface ScriptedNetwork {
  id: string;
  name: string;
  driver: string;
  scope: string;
  internal: boolean;
  labels: Record<string, string>;
  options: Record<string, string>;
  net4: string;
  net6: string;
  gateways: string[];
}

export interface ContainerOptions {
  name: string;
  labels?: Record<string, string>;
  networks?: Record<string, Partial<ScriptedEndpoint>>;
  mode?: string;
  hostname?: string;
  exposed?: string[];
  health?: string;
}

export class ScriptedEngine {
  readonly directory = mkdtempSync(join(tmpdir(), 'podns-engine-'));
  readonly socket = join(this.directory, 'docker.sock');
  /** What `/_ping` says; '' for an engine that says nothing there. */
  version = '1.41';
  minimum = '1.12';
  server = 'Docker/20.10.24 (linux)';
  /** Podman says names of networks in place of their ids, other words in events, and no DNS names. */
  podman = false;
  readonly containers = new Map<string, ScriptedContainer>();
  readonly networks = new Map<string, ScriptedNetwork>();
  /** Answers of `/services`; undefined: no manager. */
  services: object[] | undefined;
  /** A swarm without a leader lists no services. */
  leaderless = false;
  /** Every request's path, in order. */
  readonly requests: string[] = [];
  /** False: nobody is told of what happens, and nothing is remembered. */
  telling = true;
  /** Resolves before the answer to this path is made. */
  before: (path: string) => Promise<void> | undefined = () => undefined;
  /** The octets of the answer to this path, in place of the true ones. */
  instead: (path: string) => string | undefined = () => undefined;
  private http: http.Server | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly listeners = new Set<http.ServerResponse>();
  private readonly ring: { time: number; line: string }[] = [];
  private count = 0;

  /** Listens at the same path again after `stop`. */
  async start(): Promise<void> {
    const server = http.createServer((request, response) => void this.answer(request.url ?? '', response));
    server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    });
    this.http = server;
    await new Promise<void>((resolve) => server.listen(this.socket, resolve));
  }

  /** Cuts every connection; the socket is gone. */
  async stop(): Promise<void> {
    const server = this.http;
    this.http = undefined;
    this.ring.length = 0;
    this.listeners.clear();
    for (const socket of this.sockets) socket.destroy();
    if (server !== undefined) await new Promise((resolve) => server.close(resolve));
  }

  async end(): Promise<void> {
    await this.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  network(name: string, more: Partial<ScriptedNetwork> = {}): ScriptedNetwork {
    const network: ScriptedNetwork = {
      id: this.newId(),
      name,
      driver: 'bridge',
      scope: 'local',
      internal: false,
      labels: {},
      options: {},
      net4: '',
      net6: '',
      gateways: [],
      ...more,
    };
    this.networks.set(network.id, network);
    this.tell('network', 'create', network.id, { name });
    return network;
  }

  /** The default network of a Compose project. */
  projectNetwork(project: string, key: string, more: Partial<ScriptedNetwork> = {}): ScriptedNetwork {
    const labels = { 'com.docker.compose.project': project, 'com.docker.compose.network': key };
    return this.network(`${project}_${key}`, { labels, ...more });
  }

  removeNetwork(name: string): void {
    const { id } = this.networkCalled(name);
    this.networks.delete(id);
    this.tell('network', this.podman ? 'remove' : 'destroy', id, { name });
  }

  networkCalled(name: string): ScriptedNetwork {
    return [...this.networks.values()].find((network) => network.name === name)!;
  }

  called(name: string): ScriptedContainer {
    return [...this.containers.values()].find((container) => container.name === name)!;
  }

  create(options: ContainerOptions): ScriptedContainer {
    const id = this.newId();
    const { networks = {}, mode } = options;
    const container: ScriptedContainer = {
      id,
      name: options.name,
      created: new Date(1_700_000_000_000 + this.count * 1000).toISOString(),
      status: 'created',
      health: options.health ?? '',
      hostname: options.hostname ?? id.slice(0, 12),
      labels: options.labels ?? {},
      mode: mode ?? Object.keys(networks)[0] ?? 'default',
      exposed: options.exposed ?? [],
      endpoints: new Map(),
    };
    for (const [network, given] of Object.entries(networks))
      container.endpoints.set(network, { ip4: '', ip6: '', fixed4: '', fixed6: '', aliases: [], ...given });
    this.containers.set(id, container);
    this.tell('container', 'create', id, { name: container.name, ...container.labels });
    return container;
  }

  run(options: ContainerOptions): ScriptedContainer {
    const container = this.create(options);
    this.startContainer(container);
    return container;
  }

  /** The container of a service that Compose has made. */
  service(
    project: string,
    service: string,
    number = 1,
    more: Partial<ContainerOptions> = {},
  ): ScriptedContainer {
    const { labels, ...rest } = more;
    return this.run({
      name: `${project}-${service}-${number}`,
      networks: { [`${project}_default`]: { aliases: [service] } },
      labels: {
        'com.docker.compose.project': project,
        'com.docker.compose.service': service,
        'com.docker.compose.container-number': String(number),
        'com.docker.compose.oneoff': 'False',
        ...labels,
      },
      ...rest,
    });
  }

  startContainer(container: ScriptedContainer): void {
    for (const [name, endpoint] of container.endpoints) {
      const network = this.networkCalled(name);
      this.join(network, endpoint);
      this.tellJoin('connect', container, network);
    }
    container.status = 'running';
    this.tellContainer(container, 'start');
  }

  stopContainer(container: ScriptedContainer): void {
    container.status = 'exited';
    this.tellContainer(container, 'die');
    for (const [name, endpoint] of container.endpoints) {
      endpoint.ip4 = endpoint.ip6 = '';
      this.tellJoin('disconnect', container, this.networkCalled(name));
    }
    this.tellContainer(container, 'stop');
  }

  remove(container: ScriptedContainer): void {
    if (container.status === 'running' || container.status === 'paused') this.stopContainer(container);
    this.containers.delete(container.id);
    this.tellContainer(container, this.podman ? 'remove' : 'destroy');
  }

  rename(container: ScriptedContainer, name: string): void {
    const oldName = `/${container.name}`;
    container.name = name;
    this.tell('container', 'rename', container.id, { name, oldName });
  }

  setStatus(container: ScriptedContainer, status: string, action: string): void {
    container.status = status;
    this.tellContainer(container, action);
  }

  setHealth(container: ScriptedContainer, health: string): void {
    container.health = health;
    this.tellContainer(container, this.podman ? 'health_status' : `health_status: ${health}`);
  }

  connect(container: ScriptedContainer, name: string, given: Partial<ScriptedEndpoint> = {}): void {
    const endpoint = { ip4: '', ip6: '', fixed4: '', fixed6: '', aliases: [], ...given };
    container.endpoints.set(name, endpoint);
    if (container.status !== 'running') return;
    this.join(this.networkCalled(name), endpoint);
    this.tellJoin('connect', container, this.networkCalled(name));
  }

  disconnect(container: ScriptedContainer, name: string): void {
    container.endpoints.delete(name);
    if (container.status === 'running') this.tellJoin('disconnect', container, this.networkCalled(name));
  }

  tellContainer(container: ScriptedContainer, action: string): void {
    const health = this.podman && action === 'health_status' ? { HealthStatus: container.health } : {};
    this.tell('container', action, container.id, { name: container.name, ...container.labels }, health);
  }

  tell(
    type: string,
    action: string,
    id: string,
    attributes: Record<string, string>,
    more: object = {},
  ): void {
    if (!this.telling) return;
    const now = Date.now();
    const Actor = { ID: id, Attributes: attributes };
    const event = {
      Type: type,
      Action: action,
      Actor,
      scope: 'local',
      time: Math.floor(now / 1000),
      timeNano: now * 1e6,
    };
    this.send(JSON.stringify({ ...event, ...more }));
  }

  /** A line of the stream of events, whatever it is. */
  send(line: string): void {
    this.ring.push({ time: Date.now(), line });
    if (this.ring.length > 256) this.ring.shift();
    for (const response of this.listeners) response.write(`${line}\n`);
  }

  private tellJoin(action: string, container: ScriptedContainer, network: ScriptedNetwork): void {
    if (this.podman) this.tell('network', action, container.id, { name: network.name });
    else
      this.tell('network', action, network.id, {
        container: container.id,
        name: network.name,
        type: 'bridge',
      });
  }

  /** The first free address, as an engine gives it out. */
  private join(network: ScriptedNetwork, endpoint: ScriptedEndpoint): void {
    const taken = new Set<string>();
    for (const { endpoints } of this.containers.values()) {
      const other = endpoints.get(network.name);
      if (other !== undefined) taken.add(other.ip4).add(other.ip6);
    }
    const free = (prefix: string): string => {
      for (let host = 2; ; host++) if (!taken.has(prefix + String(host))) return prefix + String(host);
    };
    if (network.net4 !== '') endpoint.ip4 = endpoint.fixed4 || free(network.net4.replace(/0\/\d+$/, ''));
    if (network.net6 !== '') endpoint.ip6 = endpoint.fixed6 || free(network.net6.replace(/\/\d+$/, ''));
  }

  private newId(): string {
    return createHash('sha256').update(`engine ${this.count++}`).digest('hex');
  }

  private async answer(url: string, response: http.ServerResponse): Promise<void> {
    this.requests.push(url);
    await this.before(url);
    const { pathname, searchParams } = new URL(url, 'http://engine');
    response.setHeader('server', this.server);
    if (pathname === '/_ping') {
      if (this.version !== '') response.setHeader('api-version', this.version);
      response.end('OK');
      return;
    }
    const reply = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(this.instead(pathname) ?? JSON.stringify(value));
    };
    const match = /^\/v(\d+\.\d+)(\/.*)$/.exec(pathname);
    if (match === null) {
      if (pathname === '/version') reply(200, { ApiVersion: this.spoken, MinAPIVersion: this.minimum });
      else reply(400, { message: 'a request without a version' });
      return;
    }
    const asked = match[1]!;
    if (numberOf(asked) < numberOf(this.minimum)) {
      const message = `client version ${asked} is too old. Minimum supported API version is ${this.minimum}, please upgrade your client to a newer version`;
      reply(400, { message });
    } else if (numberOf(asked) > numberOf(this.spoken)) {
      const message = `client version ${asked} is too new. Maximum supported API version is ${this.spoken}`;
      reply(400, { message });
    } else this.route(match[2]!, searchParams, numberOf(asked), response, reply);
  }

  /** The version that the engine speaks, whether it says so or not. */
  spoken = '1.41';

  private route(
    path: string,
    search: URLSearchParams,
    version: number,
    response: http.ServerResponse,
    reply: (status: number, value: unknown) => void,
  ): void {
    const container = /^\/containers\/([^/]+)\/json$/.exec(path)?.[1];
    const network = /^\/networks\/([^/]+)$/.exec(path)?.[1];
    if (path === '/events') this.listen(Number(search.get('since')), response);
    else if (path === '/containers/json')
      reply(
        200,
        [...this.containers.values()].map((one) => this.row(one, version)),
      );
    else if (path === '/networks')
      reply(
        200,
        [...this.networks.values()].map((one) => this.describeNetwork(one)),
      );
    else if (path === '/services' && this.leaderless)
      reply(500, { message: 'rpc error: code = Unknown desc = The swarm does not have a leader.' });
    else if (path === '/services' && this.services !== undefined) reply(200, this.services);
    else if (path === '/services') reply(503, { message: 'This node is not a swarm manager.' });
    else if (container !== undefined) {
      const found = this.containers.get(container);
      if (found === undefined) reply(404, { message: `No such container: ${container}` });
      else reply(200, this.describe(found, version));
    } else if (network !== undefined) {
      const found =
        this.networks.get(network) ?? [...this.networks.values()].find(({ name }) => name === network);
      if (found === undefined) reply(404, { message: `network ${network} not found` });
      else reply(200, this.describeNetwork(found));
    } else reply(404, { message: 'page not found' });
  }

  private listen(since: number, response: http.ServerResponse): void {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    for (const { time, line } of this.ring) if (time >= since * 1000) response.write(`${line}\n`);
    this.listeners.add(response);
    response.on('close', () => this.listeners.delete(response));
  }

  private networksOf(container: ScriptedContainer, version: number): object {
    const all: Record<string, object> = {};
    for (const [name, endpoint] of container.endpoints) {
      const network = this.networkCalled(name);
      const { ip4, ip6, fixed4, fixed6, aliases } = endpoint;
      const live = container.status === 'running' || container.status === 'paused';
      const id = live || container.status === 'exited' ? network.id : '';
      const own = [container.name, ...aliases, container.id.slice(0, 12)];
      all[name] = {
        IPAMConfig:
          this.podman || fixed4 + fixed6 === '' ? null : { IPv4Address: fixed4, IPv6Address: fixed6 },
        Aliases: aliases.length === 0 ? null : [...aliases, container.id.slice(0, 12)],
        NetworkID: this.podman ? name : id,
        EndpointID: live ? `${container.id.slice(0, 8)}${name}` : '',
        IPAddress: ip4,
        GlobalIPv6Address: ip6,
        Gateway: live ? (network.gateways.find((text) => !text.includes(':')) ?? '') : '',
        IPv6Gateway: live ? (network.gateways.find((text) => text.includes(':')) ?? '') : '',
        ...(version >= numberOf('1.44') && !this.podman ? { DNSNames: own } : {}),
      };
    }
    return all;
  }

  private describe(container: ScriptedContainer, version: number): object {
    const { id, name, created, status, health, hostname, labels, mode, exposed } = container;
    return {
      Id: id,
      Name: `/${name}`,
      Created: created,
      State: {
        Status: status,
        Running: status === 'running' || status === 'paused' || status === 'restarting',
        ...(health === '' ? {} : { Health: { Status: health } }),
      },
      Config: {
        Hostname: hostname,
        Labels: labels,
        ExposedPorts: Object.fromEntries(exposed.map((port) => [port, {}])),
      },
      HostConfig: { NetworkMode: mode },
      NetworkSettings: { Networks: this.networksOf(container, version) },
    };
  }

  private row(container: ScriptedContainer, version: number): object {
    const { id, name, created, status, health, labels } = container;
    const words = health === '' ? '' : ` (${health === 'starting' ? 'health: ' : ''}${health})`;
    return {
      Id: id,
      Names: [`/${name}`],
      Created: Math.floor(Date.parse(created) / 1000),
      State: status,
      Status: `Up ${Math.floor(Date.now() / 1000) % 60} seconds${words}`,
      Labels: labels,
      NetworkSettings: { Networks: this.networksOf(container, 1) },
      ...(version >= numberOf('1.52') ? { Health: { Status: health === '' ? 'none' : health } } : {}),
    };
  }

  private describeNetwork(network: ScriptedNetwork): object {
    const { id, name, driver, scope, internal, labels, options, net4, net6, gateways } = network;
    const config = [net4, net6]
      .filter((subnet) => subnet !== '')
      .map((subnet) => ({
        Subnet: subnet,
        Gateway: gateways.find((gateway) => gateway.includes(':') === subnet.includes(':')),
      }));
    return {
      Id: id,
      Name: name,
      Created: '2026-01-01T00:00:00Z',
      Driver: driver,
      Scope: scope,
      Internal: internal,
      Ingress: name === 'ingress',
      ConfigOnly: false,
      Labels: labels,
      Options: options,
      IPAM: { Config: config },
    };
  }
}

/** So that versions compare: 1.9 is before 1.41. */
function numberOf(version: string): number {
  const [major = '0', minor = '0'] = version.split('.');
  return Number(major) * 1000 + Number(minor);
}
