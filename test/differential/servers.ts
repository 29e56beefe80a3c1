/** The three servers, each a process on a loopback port of its own: nsd and knot with the zone file, podns with the records. */
import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const NODE_NAME = 'differential';
const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export class ServerProcess {
  log = '';
  readonly child: ChildProcess;
  readonly port: number;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;

  constructor(command: string, args: string[], port: number, folder: string) {
    this.port = port;
    this.child = spawn(command, args, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.child.stdout!, this.child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => (this.log += text));
    }
    this.ended = new Promise((resolve) => {
      this.child.on('error', (error) => {
        this.log += error.message;
        resolve({ code: null, signal: null });
      });
      this.child.on('close', (code, signal) => resolve({ code, signal }));
    });
  }

  /** Asks until it answers `query` without an error; throws when the process has ended before. */
  async ready(query: Buffer): Promise<this> {
    let over = false;
    void this.ended.then(() => (over = true));
    const socket = createSocket('udp4');
    socket.on('error', () => undefined);
    let answered = false;
    socket.on('message', (answer) => (answered = (answer[3]! & 15) === 0));
    try {
      while (!answered) {
        if (over) throw new Error(`${this.child.spawnfile} ended:\n${this.log}`);
        socket.send(query, this.port, '127.0.0.1');
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      return this;
    } finally {
      socket.close();
    }
  }

  async stop(): Promise<void> {
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), 5000);
    await this.ended;
    clearTimeout(timer);
  }
}

/** A port that nobody has, for UDP; servers that take no port 0 need one. */
export async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
  const { port } = socket.address();
  await new Promise<void>((resolve) => socket.close(() => resolve()));
  return port;
}

export async function startKnot(parent: string, zone: string, text: string): Promise<ServerProcess> {
  const folder = join(parent, 'knot');
  mkdirSync(folder);
  writeFileSync(join(folder, 'zone'), text);
  const port = await freePort();
  writeFileSync(
    join(folder, 'knot.conf'),
    `server:
  rundir: "${folder}"
  listen: 127.0.0.1@${port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
  nsid: ${NODE_NAME}
  tcp-idle-timeout: 60
log:
  - target: stderr
    any: warning
database:
  storage: "${folder}"
mod-cookies:
  - id: default
template:
  - id: default
    global-module: mod-cookies/default
zone:
  - domain: ${zone}
    storage: "${folder}"
    file: zone
    zonefile-load: whole
    journal-content: none
`,
  );
  return new ServerProcess('knotd', ['-c', join(folder, 'knot.conf')], port, folder);
}

export async function startNsd(parent: string, zone: string, text: string): Promise<ServerProcess> {
  const folder = join(parent, 'nsd');
  mkdirSync(folder);
  writeFileSync(join(folder, 'zone'), text);
  const port = await freePort();
  writeFileSync(
    join(folder, 'nsd.conf'),
    `server:
  server-count: 1
  ip-address: 127.0.0.1@${port}
  username: ""
  zonesdir: "${folder}"
  database: ""
  pidfile: "${folder}/nsd.pid"
  xfrdfile: "${folder}/xfrd.state"
  zonelistfile: "${folder}/zone.list"
  rrl-ratelimit: 0
  minimal-responses: yes
  answer-cookie: yes
  nsid: "ascii_${NODE_NAME}"
  tcp-query-count: 0
remote-control:
  control-enable: no
zone:
  name: ${zone}
  zonefile: zone
`,
  );
  return new ServerProcess('nsd', ['-d', '-c', join(folder, 'nsd.conf')], port, folder);
}

export async function startPodns(parent: string, document: object, args: string[]): Promise<ServerProcess> {
  const folder = join(parent, 'podns');
  mkdirSync(join(folder, 'zones'), { recursive: true });
  // JSON is YAML.
  writeFileSync(join(folder, 'zones', 'zone.yaml'), JSON.stringify(document));
  const port = await freePort();
  const listen = ['--listen', `127.0.0.1:${port}@aep/web`, '--admin', 'off', '--forward', 'off'];
  const all = [MAIN, 'serve', '--zones', 'zones', ...listen, '--node-name', NODE_NAME, ...args];
  return new ServerProcess(process.execPath, all, port, folder);
}
