/** podns with engines as its source, in the network namespace of the first of them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { pause, ran, type Engine } from '../harness/engine.ts';
import { addressesOf, inspectAll, truthOf, viewOf, type View } from './truth.ts';

const MAIN = join(import.meta.dirname, '../../dist/cli/main.js');

/** Far below the time after which podns lists an engine anew, so that a list cannot make up for an event. */
const SETTLES = 20_000;

export interface NodeOptions {
  /** The VPC of each engine; one engine is `docker`. */
  vpcs?: string[];
  flags?: string[];
  /** More lines of podns.yaml. */
  config?: object;
}

export class Node {
  readonly engines: Engine[];
  readonly vpcs: string[];
  log = '';
  private child: ChildProcess | undefined;
  private readonly options: NodeOptions;
  private readonly admin: string;

  constructor(engines: Engine[], options: NodeOptions = {}) {
    this.engines = engines;
    this.options = options;
    this.vpcs = options.vpcs ?? ['docker'];
    this.admin = join(engines[0]!.folder, 'admin.sock');
  }

  async start(): Promise<this> {
    const { engines, options, admin } = this;
    const first = engines[0]!;
    const config = join(first.folder, 'podns.yaml');
    const docker = engines.map(({ socket }, index) => ({ socket: `unix:${socket}`, vpc: this.vpcs[index] }));
    // JSON is YAML.
    writeFileSync(config, JSON.stringify({ docker, ...options.config }));
    const command = ['serve', '-c', config, '--admin', `unix:${admin}`, ...(options.flags ?? [])];
    const child = spawn('nsenter', [...first.enter('-n'), process.execPath, MAIN, ...command], {
      cwd: first.folder,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (data) => (this.log += String(data)));
    for (let attempt = 0; attempt < 400; attempt++) {
      if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}:\n${this.log}`);
      const status = await this.status('/readyz').catch(() => 0);
      if (status === 200) return this;
      await pause(50);
    }
    throw new Error(`serve is not ready:\n${this.log}`);
  }

  get pid(): number {
    return this.child!.pid!;
  }

  async close(): Promise<void> {
    const { child } = this;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  }

  private ask(path: string): Promise<{ status: number; text: string }> {
    return new Promise((resolve, reject) => {
      const asked = request({ socketPath: this.admin, path, agent: false, timeout: SETTLES });
      asked.on('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece: string) => (text += piece));
        response.on('end', () => resolve({ status: response.statusCode!, text }));
        response.on('error', reject);
      });
      asked.on('timeout', () => asked.destroy(new Error(`${path} hung`)));
      asked.on('error', reject).end();
    });
  }

  private async status(path: string): Promise<number> {
    return (await this.ask(path)).status;
  }

  async get<T>(path: string): Promise<T> {
    const { status, text } = await this.ask(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** What podns serves of an engine. */
  async view(index = 0): Promise<View> {
    const vpc = this.vpcs[index]!;
    const [pods, overlays] = await Promise.all([
      this.get<Parameters<typeof viewOf>[0]>(`/v1/pods?vpc=${vpc}`),
      this.get<Parameters<typeof viewOf>[1]>(`/v1/overlays?vpc=${vpc}`),
    ]);
    return viewOf(pods, overlays);
  }

  /** Waits until podns serves exactly what the engine says; fails with the difference otherwise. */
  async equal(index = 0): Promise<View> {
    const end = Date.now() + SETTLES;
    for (;;) {
      const engine = this.engines[index]!;
      const truth = truthOf(await inspectAll(engine));
      const view = await this.view(index);
      if (engine.kind === 'podman') forgetIdle(truth, view);
      if (JSON.stringify(sorted(view)) === JSON.stringify(sorted(truth))) return truth;
      if (Date.now() > end) expect(view, this.log).toEqual(truth);
      await pause(30);
    }
  }

  /** Asks podns over UDP from the container's network; sorted. */
  async dig(
    engine: Engine,
    container: string,
    server: string,
    name: string,
    ...more: string[]
  ): Promise<string[]> {
    const kinds = more.length > 0 ? [more] : [['A'], ['AAAA']];
    const lines: string[] = [];
    for (const kind of kinds) {
      const command = ['dig', `@${server}`, '+short', '+tries=1', '+timeout=5', name, ...kind];
      lines.push(...(await engine.exec(container, command, true)).out.split('\n'));
    }
    return lines.filter((line) => line !== '').sort();
  }

  /** Every name of every pod, asked from this container, gives what the truth says. */
  async answersEqual(truth: View, container: string, of: string, server: string): Promise<number> {
    const engine = this.engines[0]!;
    const client = new Set(
      truth.pods[of]!.overlays.map((text) => {
        const overlay = text.split(' ')[0]!;
        return overlay.includes('/') ? overlay : `${of.split('/')[0]}/${overlay}`;
      }),
    );
    const expected: string[] = [];
    const questions: string[] = [];
    for (const [key, pod] of Object.entries(truth.pods)) {
      const namespace = key.slice(0, key.indexOf('/'));
      for (const name of [key.slice(namespace.length + 1), ...pod.names]) {
        const addresses = addressesOf(truth, namespace, name, client);
        const qname = `${name}.${namespace}.vpc.internal.`;
        questions.push(`${qname} A`, `${qname} AAAA`);
        for (const address of addresses) expected.push(`${qname} ${address}`);
      }
    }
    writeFileSync(join(engine.folder, 'questions'), questions.join('\n') + '\n');
    const command = [
      'dig',
      `@${server}`,
      '+noall',
      '+answer',
      '+tries=2',
      '+timeout=5',
      '-f',
      join(engine.folder, 'questions'),
    ];
    const { out } = await engine.exec(container, command, true);
    const seen = out
      .split('\n')
      .flatMap((line) => /^(\S+)\s+\d+\s+IN\s+A+\s+(\S+)$/.exec(line)?.slice(1).join(' ') ?? []);
    expect([...new Set(seen)].sort(), out).toEqual([...new Set(expected)].sort());
    return questions.length;
  }
}

/** Podman has no event for a network that comes or goes: those that nobody is on are seen at the next list. */
function forgetIdle(...views: View[]): void {
  for (const { pods, overlays } of views) {
    const used = Object.entries(pods).flatMap(([key, pod]) =>
      pod.overlays
        .map((text) => text.split(' ')[0]!)
        .map((name) => (name.includes('/') ? name : `${key.split('/')[0]}/${name}`)),
    );
    for (const name of Object.keys(overlays)) if (!used.includes(name)) delete overlays[name];
  }
}

function sorted(view: View): unknown[] {
  return [Object.entries(view.pods), Object.entries(view.overlays)].map((entries) =>
    entries
      .toSorted(([left], [right]) => (left < right ? -1 : 1))
      .map(([key, value]) =>
        typeof value === 'string' ? [key, value] : [key, value.names, value.overlays, value.ready],
      ),
  );
}

/** Runs the command of podns. */
export function podns(args: string[], cwd: string): Promise<{ code: number; out: string }> {
  return ran(process.execPath, [MAIN, ...args], { cwd });
}
