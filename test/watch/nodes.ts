/** podns servers with their admin listeners, readers of their watch streams, and processes of `podns serve`. */
import { spawn, type ChildProcess } from 'node:child_process';
import http from 'node:http';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import type { Status } from '../../src/admin/status.ts';
import type { PodnsServer } from '../../src/index.ts';
import { ServerCore } from '../../src/server.ts';
import type { ServerOptions } from '../../src/server/options.ts';
import type { Pod } from '../../src/model.ts';
import { encodeQuery } from '../harness/build.ts';
import { parseWire } from '../harness/wire.ts';
import { rcodeText } from '../scenarios/judge.ts';

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

/** Small memories: a test has many servers. */
export const RESERVE = { arena: 1 << 24, names: 1 << 22, addresses: 1 << 22 };

/** A server without sockets for DNS, and with an admin listener. */
export class Node {
  readonly server: ServerCore;
  readonly admin: Admin;
  url = '';

  constructor(options: ServerOptions = {}) {
    this.server = new ServerCore(options);
    this.admin = createAdmin({
      bind: '127.0.0.1:0',
      facts: { readiness: () => this.server.readiness() },
      routes: serverRoutes(this.server, 'test'),
    });
  }

  async start(): Promise<this> {
    await this.server.start();
    this.url = `http://${await this.admin.open()}`;
    return this;
  }

  get watchUrl(): string {
    return `${this.url}/v1/watch`;
  }

  status(digest = false): Promise<Status> {
    return statusOf(this.url, digest);
  }

  /** `NOERROR fd00::1 fd00::2 3`: rcode, sorted data, extended errors. */
  ask(name: string, address = 'fd00::1', type = 'AAAA'): Promise<string> {
    return ask(this.server, name, address, type);
  }

  async close(): Promise<void> {
    await this.admin.close();
    await this.server.close();
  }
}

export async function statusOf(url: string, digest = false): Promise<Status> {
  const response = await fetch(`${url}/v1/status${digest ? '?digest' : ''}`);
  return (await response.json()) as Status;
}

export async function ask(
  server: Pick<PodnsServer, 'answer'>,
  name: string,
  address = 'fd00::1',
  type = 'AAAA',
): Promise<string> {
  const answer = await server.answer(encodeQuery({ name, type, edns: {} }), { address });
  return answer === undefined ? 'dropped' : answerText(answer);
}

const OPTION_EDE = 15;

export function answerText(octets: Uint8Array): string {
  const message = parseWire(octets);
  const data = message.answer.map(({ text }) => text).sort();
  const errors = (message.edns?.options ?? [])
    .filter(({ code }) => code === OPTION_EDE)
    .map(({ data: [high, low] }) => String((high! << 8) | low!));
  return [rcodeText(message.rcode), ...data, ...errors].join(' ');
}

export function pod(name: string, ip6: string, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc: 'v',
    namespace: 'n',
    name,
    aid: 'p0123456789',
    names: [],
    ip6,
    overlays: [],
    ports: [],
    ready: true,
    ...more,
  };
}

export const VPC = { kind: 'vpc', name: 'v', net6: ['fd00::/64'], services6: [] } as const;
/** The client of most questions: `fd00::1`. */
export const CLIENT = pod('client', 'fd00::1');

export interface Line {
  type: string;
  revision: string;
  more?: true;
  at?: string;
  lost?: string;
  stamp?: number;
  object?: { kind: string; vpc?: string; name: string; ip6?: string };
}

/** Reads a watch stream, slowly if told to. */
export class WatchReader {
  readonly lines: Line[] = [];
  status = 0;
  ended = false;
  response: http.IncomingMessage | undefined;
  readonly headed: Promise<void>;
  private readonly request: http.ClientRequest;
  private wake: (() => void) | undefined;

  constructor(url: string, options: { read?: boolean } = {}) {
    let head!: () => void;
    this.headed = new Promise((resolve) => (head = resolve));
    this.request = http.get(url, { agent: false }, (response) => {
      this.status = response.statusCode ?? 0;
      this.response = response;
      head();
      response.on('error', () => undefined);
      response.on('close', () => {
        this.ended = true;
        this.wake?.();
      });
      if (options.read !== false) this.read(response);
    });
    this.request.on('error', () => {
      this.ended = true;
      head();
      this.wake?.();
    });
  }

  /** Resolves with the first line that fits, also of those that came before. */
  async until(fits: (line: Line) => boolean): Promise<Line> {
    for (let at = 0; ; at++) {
      while (at >= this.lines.length) {
        if (this.ended) throw new Error(`the stream has ended after ${this.lines.length} lines`);
        await new Promise<void>((resolve) => (this.wake = resolve));
      }
      if (fits(this.lines[at]!)) return this.lines[at]!;
    }
  }

  close(): void {
    this.request.destroy();
  }

  private read(response: http.IncomingMessage): void {
    const lines = createInterface({ input: response });
    lines.on('error', () => undefined);
    lines.on('line', (text) => {
      this.lines.push(JSON.parse(text) as Line);
      this.wake?.();
    });
  }
}

/** A process of `podns serve`, of the compiled program. */
export class Served {
  out = '';
  err = '';
  readonly child: ChildProcess;
  readonly ended: Promise<void>;

  constructor(args: string[]) {
    this.child = spawn(process.execPath, [MAIN, 'serve', ...args], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.ended = new Promise((resolve) => this.child.on('close', () => resolve()));
  }

  /** The bound address of the DNS listener and the URL of the admin listener, as the banner says them. */
  async addresses(): Promise<{ dns: string; admin: string }> {
    for (let tries = 0; tries < 1000; tries++) {
      const dns = /^ {2}DNS {4}([^@\n]*)/m.exec(this.out)?.[1];
      const admin = /^ {2}admin {2}(\S+)/m.exec(this.out)?.[1];
      if (dns !== undefined && admin !== undefined) return { dns, admin };
      if (this.child.exitCode !== null) break;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`no banner:\n${this.out}${this.err}`);
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.child.kill(signal);
    await this.ended;
  }
}

/** Polls until it holds; fails with the last value after a while. */
export async function eventually<Value>(
  read: () => Promise<Value> | Value,
  holds: (value: Value) => boolean,
): Promise<Value> {
  let value = await read();
  // A busy machine takes its time: only what never comes to be fails.
  for (let tries = 0; tries < 4000 && !holds(value); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 15));
    value = await read();
  }
  if (!holds(value)) throw new Error(`it never came to be: ${JSON.stringify(value)}`);
  return value;
}
