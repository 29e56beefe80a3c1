/** A real Docker Engine or Podman of the test's own, in namespaces that take everything along when they end. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { engineImage } from './engine-image.ts';
import { missingTools, namespaceReason } from './tools.ts';

export type EngineKind = 'docker' | 'podman';

/** The image that every container here is made of; see `engine-image.ts`. */
export const IMAGE = 'localhost/podns-test:1';

/** Where Podman's own programs are. */
const HELPERS = ['/usr/lib/podman', '/usr/libexec/podman', '/usr/bin'];

/** Milliseconds for a test of an engine, on a machine that has other work. */
export const SLOW = 120_000;

/** Only bounds a hang. */
const HANG = 60_000;

/** Why this engine cannot run here, or undefined. */
export function engineReason(kind: EngineKind): string | undefined {
  if (process.platform !== 'linux' || process.getuid?.() !== 0)
    return 'a container engine of its own needs root';
  const tools = ['bash', 'busybox', 'nsenter', 'iptables', 'dig', 'gcc', 'musl-gcc', 'runc'];
  const own = kind === 'docker' ? ['dockerd', 'containerd'] : ['podman', 'conmon'];
  const reason = namespaceReason() ?? missingTools([...own, ...tools]);
  if (reason !== undefined || kind === 'docker') return reason;
  const missing = ['netavark', 'aardvark-dns'].filter(
    (name) => !HELPERS.some((folder) => existsSync(join(folder, name))),
  );
  return missing.length === 0
    ? undefined
    : `missing ${missing.join(', ')}: apt-get install ${missing.join(' ')}`;
}

export interface Ran {
  code: number;
  out: string;
}

interface Answer {
  status: number;
  text: string;
}

/**
 * The engine runs in network, mount and process namespaces of its own. The first process there ends when its input
 * does, as it does when the test's process ends for whatever reason, and the kernel then ends all others: the engine,
 * its containers, their mounts and networks.
 */
export class Engine {
  readonly kind: EngineKind;
  /** A socket's path has at most 107 octets. */
  readonly folder = mkdtempSync('/tmp/pe-');
  readonly socket = join(this.folder, 'd.sock');
  log = '';
  private holder: ChildProcess | undefined;
  private inner = 0;
  private daemon: ChildProcess | undefined;
  private readonly flags: string[];

  constructor(kind: EngineKind, flags: string[] = []) {
    this.kind = kind;
    this.flags = flags;
  }

  /** The name of the cgroup of its containers. */
  private get group(): string {
    return this.folder.slice('/tmp/'.length);
  }

  async start(): Promise<this> {
    // Engines share files in /run, such as the addresses that Podman has given away.
    const script = [
      'mount -t tmpfs none /run && mkdir /run/netns && ip link set lo up && echo up && cat >/dev/null',
      // All processes of the namespace but this one; then what they have mounted and written.
      'kill -9 -1; sleep 0.1',
      `grep -o "${this.folder}[^ ]*" /proc/mounts | xargs -r umount -l; rm -rf ${this.folder}`,
      `find /sys/fs/cgroup -depth -type d -path '*/${this.group}*' -exec rmdir {} + 2>/dev/null`,
    ].join('\n');
    const holder = spawn(
      'unshare',
      ['-n', '-m', '-p', '-f', '--mount-proc', '--kill-child', 'bash', '-c', script],
      { stdio: ['pipe', 'pipe', 'pipe'] },
    );
    this.holder = holder;
    holder.stderr.on('data', (data) => (this.log += String(data)));
    await new Promise<void>((resolve, reject) => {
      holder.stdout.once('data', () => resolve());
      holder.once('exit', () => reject(new Error(`no namespaces: ${this.log}`)));
    });
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, 'utf8');
    this.inner = Number(children.trim().split(' ')[0]);
    await this.run();
    const image = engineImage(this.folder);
    const answer = await this.send('POST', `/images/create?fromSrc=-`, image);
    const id = /[0-9a-f]{64}/.exec(answer.text)?.[0];
    if (id === undefined) throw new Error(`the image was refused: ${answer.text}`);
    // Podman ignores a name given above.
    await this.api('POST', `/images/${id}/tag?repo=localhost/podns-test&tag=1`);
    return this;
  }

  /** Starts the engine itself, again after `kill`. */
  async run(): Promise<void> {
    const { folder } = this;
    const command = this.kind === 'docker' ? this.dockerCommand() : this.podmanCommand();
    const environment = {
      PATH: process.env['PATH'],
      CONTAINERS_CONF: join(folder, 'containers.conf'),
      CONTAINERS_STORAGE_CONF: join(folder, 'storage.conf'),
      TMPDIR: folder,
    };
    this.daemon = spawn('nsenter', [...this.enter('-n', '-m', '-p'), ...command], {
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.daemon.stdout!, this.daemon.stderr!])
      stream.on('data', (data) => (this.log = (this.log + String(data)).slice(-20_000)));
    for (let attempt = 0; attempt < 600; attempt++) {
      if (this.daemon.exitCode !== null) throw new Error(`the engine has ended:\n${this.log}`);
      const answer = await this.send('GET', '/_ping').catch(() => undefined);
      if (answer?.status === 200) return;
      await pause(25);
    }
    throw new Error(`the engine does not answer:\n${this.log}`);
  }

  private dockerCommand(): string[] {
    const { folder } = this;
    // The machine's own configuration is not read.
    writeFileSync(join(folder, 'daemon.json'), '{}');
    return [
      ...[
        'dockerd',
        '--config-file',
        join(folder, 'daemon.json'),
        '--data-root',
        join(folder, 'data'),
        '--exec-root',
        join(folder, 'exec'),
      ],
      ...['--pidfile', join(folder, 'pid'), '-H', `unix://${this.socket}`, '--storage-driver', 'vfs'],
      ...['--cgroup-parent', `/${this.group}`, '--ipv6', '--fixed-cidr-v6', 'fd00:d0c::/64', '--ip6tables'],
      ...['--experimental', ...this.flags],
    ];
  }

  private podmanCommand(): string[] {
    const { folder } = this;
    // Not every machine lets a container have the limits that Podman asks for by default.
    writeFileSync(
      join(folder, 'containers.conf'),
      `[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
lock_type = "file"
cgroup_manager = "cgroupfs"
events_logger = "file"
helper_binaries_dir = ${JSON.stringify(HELPERS)}
tmp_dir = "${folder}/tmp"
events_logfile_path = "${folder}/events.log"
runtime = "runc"
[network]
network_backend = "netavark"
network_config_dir = "${folder}/networks"
`,
    );
    writeFileSync(
      join(folder, 'storage.conf'),
      `[storage]\ndriver = "vfs"\ngraphroot = "${folder}/data"\nrunroot = "${folder}/run"\n`,
    );
    const own = ['--root', join(folder, 'data'), '--runroot', join(folder, 'run'), '--storage-driver', 'vfs'];
    return ['podman', ...own, 'system', 'service', '--time', '0', `unix://${this.socket}`];
  }

  /** Arguments of nsenter for these namespaces of the engine. */
  enter(...spaces: string[]): string[] {
    return ['-t', String(this.inner), ...spaces, '--'];
  }

  /** As a crash does. */
  async kill(): Promise<void> {
    const { daemon } = this;
    if (daemon === undefined) return;
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    // nsenter waits for its child when it has entered a process namespace.
    const children = readFileSync(`/proc/${daemon.pid}/task/${daemon.pid}/children`, 'utf8').trim();
    for (const pid of children === '' ? [daemon.pid!] : children.split(' '))
      process.kill(Number(pid), 'SIGKILL');
    await ended;
  }

  async close(): Promise<void> {
    const { holder } = this;
    if (holder !== undefined && holder.exitCode === null) {
      const ended = new Promise((resolve) => holder.once('close', resolve));
      const daemon = this.daemon;
      const gone =
        daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null
          ? undefined
          : new Promise((resolve) => daemon.once('exit', resolve));
      holder.stdin!.end();
      await Promise.all([ended, gone]);
    }
    rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** A request to the Engine API; any status. */
  send(method: string, path: string, body?: Buffer | object): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const payload = body === undefined || Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      const headers =
        payload === undefined
          ? {}
          : {
              'content-type': Buffer.isBuffer(body) ? 'application/x-tar' : 'application/json',
              'content-length': payload.length,
            };
      const asked = request({ socketPath: this.socket, method, path, headers, agent: false, timeout: HANG });
      asked.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
        response.on('error', reject);
      });
      asked.on('timeout', () => asked.destroy(new Error(`${method} ${path} hung:\n${this.log}`)));
      asked.on('error', reject);
      asked.end(payload);
    });
  }

  /** The answer's JSON; throws for any status of failure. */
  async api<T = unknown>(method: string, path: string, body?: object): Promise<T> {
    const { status, text } = await this.send(method, path, body);
    if (status >= 400) throw new Error(`${method} ${path}: ${status} ${text}`);
    return (text.trim() === '' ? undefined : JSON.parse(text)) as T;
  }

  /** Creates a container that sleeps, and starts it; returns its id. */
  async container(name: string, options: ContainerOptions = {}): Promise<string> {
    const id = await this.create(name, options);
    await this.api('POST', `/containers/${id}/start`);
    return id;
  }

  async create(name: string, options: ContainerOptions = {}): Promise<string> {
    const { network, endpoint, host, ...config } = options;
    const body = {
      Image: IMAGE,
      Cmd: ['/bin/sleep', '100000'],
      StopSignal: 'SIGKILL',
      StopTimeout: 0,
      ...config,
      HostConfig: { ...(network === undefined ? {} : { NetworkMode: network }), ...host },
      ...(network === undefined || endpoint === undefined
        ? {}
        : { NetworkingConfig: { EndpointsConfig: { [network]: endpoint } } }),
    };
    const query = name === '' ? '' : `?name=${name}`;
    return (await this.api<{ Id: string }>('POST', `/containers/create${query}`, body)).Id;
  }

  /** A container as Compose makes it: with its labels, and the service as an alias on the project's network. */
  service(project: string, service: string, number = 1, options: ContainerOptions = {}): Promise<string> {
    const network = options.network ?? `${project}_default`;
    return this.container(`${project}-${service}-${number}`, {
      network,
      ...options,
      Labels: composeLabels(project, service, number, options.Labels),
      endpoint: { Aliases: [service], ...options.endpoint },
    });
  }

  async network(name: string, options: object = {}): Promise<string> {
    return (
      await this.api<{ Id: string }>('POST', '/networks/create', { Name: name, Driver: 'bridge', ...options })
    ).Id;
  }

  /** A network as Compose makes it, called `default` in the project unless said. */
  projectNetwork(project: string, name = 'default', options: object = {}): Promise<string> {
    const Labels = { 'com.docker.compose.project': project, 'com.docker.compose.network': name };
    return this.network(`${project}_${name}`, { Labels, ...options });
  }

  /** Puts a container on one more network. */
  async join(network: string, container: string, aliases: string[] = []): Promise<void> {
    const body = { Container: container, EndpointConfig: { Aliases: aliases } };
    const { status, text } = await this.send('POST', `/networks/${network}/connect`, body);
    if (status !== 200) throw new Error(`${network} cannot be joined: ${status} ${text}`);
  }

  async leave(network: string, container: string): Promise<void> {
    const { status, text } = await this.send('POST', `/networks/${network}/disconnect`, {
      Container: container,
    });
    if (status !== 200) throw new Error(`${network} cannot be left: ${status} ${text}`);
  }

  async remove(container: string): Promise<void> {
    await this.api('DELETE', `/containers/${container}?force=1`);
  }

  async pid(container: string): Promise<number> {
    const seen = await this.api<{ State: { Pid: number } }>('GET', `/containers/${container}/json`);
    return seen.State.Pid;
  }

  /** Runs a program in a running container: in its network and, unless `host`, in its files. */
  async exec(container: string, command: string[], host = false): Promise<Ran> {
    const pid = await this.pid(container);
    const inner = ['nsenter', '-t', String(pid), '-n', ...(host ? [] : ['-m']), '--', ...command];
    return ran('nsenter', [...this.enter('-p', '-m'), ...inner]);
  }
}

export interface ContainerOptions {
  network?: string;
  /** `EndpointSettings` of that network. */
  endpoint?: object;
  host?: object;
  Labels?: Record<string, string>;
  [key: string]: unknown;
}

export function composeLabels(
  project: string,
  service: string,
  number = 1,
  more: Record<string, string> = {},
): Record<string, string> {
  return {
    'com.docker.compose.project': project,
    'com.docker.compose.service': service,
    'com.docker.compose.container-number': String(number),
    'com.docker.compose.oneoff': 'False',
    ...more,
  };
}

/** Runs a program to its end; standard output and error together. */
export function ran(
  program: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'], timeout: HANG });
    let out = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (out += String(data)));
    child.on('error', reject);
    child.on('close', (code, signal) =>
      signal === null
        ? resolve({ code: code!, out })
        : reject(new Error(`${program} ${args.join(' ')} hung: ${out}`)),
    );
  });
}

export function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
