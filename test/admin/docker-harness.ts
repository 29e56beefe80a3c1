/** A server whose Docker API is asked, over HTTP or with Docker's own client. */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { dockerRoutes } from '../../src/admin/docker/docker-routes.ts';
import { createAdmin, type Admin, type AdminOptions } from '../../src/admin/http.ts';
import { ServerCore } from '../../src/server.ts';
import type { Resource } from '../../src/model.ts';
import { zones } from '../../src/source/zones/zones.ts';
import { RESERVE } from '../watch/nodes.ts';

export class DockerNode {
  readonly server: ServerCore;
  readonly admin: Admin;
  /** For configurations of Docker's client, and sockets. */
  readonly folder = mkdtempSync(join(tmpdir(), 'podns-docker-'));
  address = '';
  private readonly hasSource: boolean;

  constructor(
    options: Partial<AdminOptions> & { zones?: string; limits?: { readers: number; stall: number } } = {},
  ) {
    const { zones: path, limits, ...admin } = options;
    this.hasSource = path !== undefined;
    this.server = new ServerCore({
      config: { workers: 0, nodeName: 'node7' },
      reserve: RESERVE,
      sources: path === undefined ? [] : [zones(path)],
    });
    this.admin = createAdmin({
      bind: '127.0.0.1:0',
      facts: { readiness: () => this.server.readiness() },
      routes: [(app) => dockerRoutes(app, this.server, '1.2.3', limits)],
      ...admin,
    });
  }

  async start(...put: Resource[]): Promise<this> {
    await this.server.start();
    if (put.length > 0) await this.server.apply({ put });
    while (this.hasSource && !this.server.readiness().ready)
      await new Promise((resolve) => setTimeout(resolve, 5));
    await this.server.settled();
    this.address = await this.admin.open();
    return this;
  }

  /** Over TCP, as JSON. */
  async get<T = unknown>(path: string, init: RequestInit = {}): Promise<{ status: number; body: T }> {
    const response = await fetch(`http://${this.address}${path}`, init);
    return { status: response.status, body: (await response.json()) as T };
  }

  /** Where Docker's client finds it. */
  get host(): string {
    return this.address.startsWith('unix:')
      ? `unix://${this.address.slice('unix:'.length)}`
      : `tcp://${this.address}`;
  }

  async close(): Promise<void> {
    await this.admin.close();
    await this.server.close(0);
    rmSync(this.folder, { recursive: true });
  }

  /** What Docker's client prints for a command at this host, or at a base path of it; without the space at line ends. */
  docker(base: string, ...args: string[]): Promise<{ code: number | null; out: string; err: string }> {
    return runDocker(['-H', this.host + base, ...args], this.folder);
  }
}

/** The client runs beside this process, which is the server that it asks. */
export function runDocker(
  args: string[],
  config: string,
  environment: Record<string, string> = {},
): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn('docker', args, {
    env: { PATH: process.env['PATH'], HOME: config, DOCKER_CONFIG: config, TZ: 'UTC', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ran = { code: null as number | null, out: '', err: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (ran.out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (ran.err += text));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, out: trimmed(ran.out), err: trimmed(ran.err) }));
  });
}

function trimmed(text: string): string {
  return text.replace(/[ \t]+$/gm, '');
}
