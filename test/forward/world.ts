/** A forwarder in a world moved by hand: a clock, scripted upstreams, answers built octet by octet. */
import { buildOpt, buildQuery } from '../../src/dns/build.ts';
import type { QueryParts } from '../../src/dns/build.ts';
import { encodeName } from '../../src/dns/name.ts';
import { parseMessage } from '../../src/dns/print.ts';
import type { Message } from '../../src/dns/print.ts';
import type { Endpoint } from '../../src/forward/upstream/endpoint.ts';
import { Forwarder } from '../../src/forward/forwarder.ts';
import type { ForwarderOptions, ForwardRequest } from '../../src/forward/options.ts';
import type { WriteOpt } from '../../src/forward/cache/reply.ts';
import type {
  DatagramEvents,
  Datagrams,
  Sockets,
  Stream,
  StreamEvents,
} from '../../src/forward/upstream/sockets.ts';

export class TestClock {
  time = 1000;
  private timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  setTimeout(run: () => void, ms: number): unknown {
    const timer = { at: this.time + ms, run };
    this.timers.push(timer);
    return timer;
  }

  clearTimeout(timer: unknown): void {
    this.timers = this.timers.filter((other) => other !== timer);
  }

  /** Runs what falls due, in order, each at its own time. */
  advance(ms: number): void {
    const end = this.time + ms;
    for (;;) {
      const next = this.timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.timers = this.timers.filter((timer) => timer !== next);
      this.time = Math.max(this.time, next.at);
      next.run();
    }
    this.time = end;
  }

  get pending(): number {
    return this.timers.length;
  }
}

/** One query that came to a scripted upstream. */
export interface Asked {
  upstream: string;
  tcp: boolean;
  query: Uint8Array;
  message: Message;
  open: boolean;
  reply(message: Uint8Array): void;
  /** UDP: an error of the socket. TCP: the connection ends. */
  error(code: string): void;
}

/** Sockets whose other side is the test: every query is noted, and answered when the test says so. */
export class ScriptedSockets implements Sockets {
  readonly asked: Asked[] = [];
  openSockets = 0;
  streams = 0;
  /** Answers at once, one microtask later, when it returns octets. */
  script: ((asked: Asked) => Uint8Array | undefined) | undefined;

  datagrams(endpoint: Endpoint, events: DatagramEvents): Datagrams {
    this.openSockets++;
    let open = true;
    let last: Asked | undefined;
    return {
      send: (query) => {
        const asked: Asked = {
          upstream: endpoint.text,
          tcp: false,
          query,
          message: parseMessage(query),
          open: true,
          reply: (message) => {
            if (open) events.message(message);
          },
          error: (code) => {
            if (open) events.error(code);
          },
        };
        last = asked;
        this.note(asked);
      },
      close: () => {
        if (open) this.openSockets--;
        open = false;
        if (last !== undefined) last.open = false;
      },
    };
  }

  stream(endpoint: Endpoint, events: StreamEvents): Stream {
    this.streams++;
    let open = true;
    return {
      write: (framed) => {
        const query = framed.slice(2);
        this.note({
          upstream: endpoint.text,
          tcp: true,
          query,
          message: parseMessage(query),
          open: true,
          reply: (message) => {
            if (open) events.data(Uint8Array.of(message.length >> 8, message.length & 255, ...message));
          },
          error: (code) => {
            if (!open) return;
            open = false;
            this.streams--;
            events.closed(code);
          },
        });
      },
      destroy: () => {
        if (open) this.streams--;
        open = false;
      },
    };
  }

  get last(): Asked {
    return this.asked.at(-1)!;
  }

  /** `upstream` of each query so far, TCP ones marked; without probes. */
  get order(): string[] {
    return this.asked
      .filter(({ message }) => message.question!.name !== '.')
      .map(({ upstream, tcp }) => (tcp ? `${upstream}/tcp` : upstream));
  }

  private note(asked: Asked): void {
    this.asked.push(asked);
    const answer = this.script?.(asked);
    if (answer !== undefined) queueMicrotask(() => asked.reply(answer));
  }
}

export interface RecordParts {
  /** Presentation text, or a pointer when absent: the question's name. */
  name?: string;
  type: number;
  class?: number;
  ttl: number;
  data: Uint8Array;
}

export interface AnswerParts {
  rcode?: number;
  flags?: number;
  answer?: RecordParts[];
  authority?: RecordParts[];
  additional?: RecordParts[];
  /** An OPT record goes last, as in `buildOpt`; none when absent. */
  edns?: NonNullable<QueryParts['edns']>;
}

/** Answer to `query` (header and question are taken from it), with QR and RA. */
export function answerTo(query: Uint8Array, parts: AnswerParts = {}): Uint8Array {
  const end = questionEnd(query);
  const sections = [parts.answer ?? [], parts.authority ?? [], parts.additional ?? []];
  const records = sections.flat().map(recordOctets);
  if (parts.edns !== undefined) records.push(buildOpt(parts.edns));
  const octets = Buffer.concat([query.subarray(0, end), ...records]);
  octets.writeUInt16BE(0x8180 | (parts.flags ?? 0) | (parts.rcode ?? 0), 2);
  sections.forEach((section, i) => octets.writeUInt16BE(section.length, 6 + 2 * i));
  if (parts.edns !== undefined) octets.writeUInt16BE(sections[2]!.length + 1, 10);
  return new Uint8Array(octets);
}

export function questionEnd(message: Uint8Array): number {
  let at = 12;
  while (message[at] !== 0) at += message[at]! + 1;
  return at + 5;
}

function recordOctets(record: RecordParts): Uint8Array {
  const owner = record.name === undefined ? Uint8Array.of(0xc0, 0x0c) : encodeName(record.name);
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(record.type, 0);
  fixed.writeUInt16BE(record.class ?? 1, 2);
  fixed.writeUInt32BE(record.ttl, 4);
  fixed.writeUInt16BE(record.data.length, 8);
  return Buffer.concat([owner, fixed, record.data]);
}

export function a(ttl: number, last = 1, name?: string): RecordParts {
  const record: RecordParts = { type: 1, ttl, data: Uint8Array.of(192, 0, 2, last) };
  if (name !== undefined) record.name = name;
  return record;
}

/** SOA of the root with this MINIMUM. */
export function soa(ttl: number, minimum: number): RecordParts {
  const numbers = Buffer.alloc(22);
  numbers.writeUInt32BE(7, 2);
  numbers.writeUInt32BE(minimum, 18);
  return { name: '.', type: 6, ttl, data: numbers };
}

/** A plain stand-in for the server's own encoder: payload size, DO and the extended error. */
export const writeOpt: WriteOpt<ForwardRequest> = (query, _tcp, ede, out, at) => {
  const text = Buffer.from(ede?.text ?? '');
  const options =
    ede === undefined ? [] : [{ code: 15, data: Buffer.concat([Buffer.from([0, ede.code]), text]) }];
  const opt = buildOpt({ size: 1232, do: query.dnssecOk, options });
  out.set(opt, at);
  return at + opt.length;
};

export interface World {
  clock: TestClock;
  sockets: ScriptedSockets;
  forwarder: Forwarder;
  /** Asks; the messages that come back are in the returned array. */
  ask(parts?: AskParts): Message[];
}

export type AskParts = Partial<QueryParts> & Partial<Omit<ForwardRequest, 'packet'>> & { vpc?: string };

/** The number of a VPC by its name, '' for none. */
export function tenantOf(vpc: string): number {
  if (vpc !== '' && !tenants.includes(vpc)) tenants.push(vpc);
  return tenants.indexOf(vpc) + 1;
}

const tenants: string[] = [];

export function makeWorld(options: Partial<ForwarderOptions> = {}): World {
  const clock = new TestClock();
  const sockets = new ScriptedSockets();
  const forwarder = new Forwarder({
    writeOpt,
    upstreams: ['192.0.2.1', '192.0.2.2'],
    clock,
    sockets,
    localAddresses: () => ['127.0.0.1', '::1'],
    ...options,
  });
  return { clock, sockets, forwarder, ask: (parts) => askOf(forwarder, parts) };
}

export function requestOf(parts: AskParts = {}): ForwardRequest {
  const {
    tenant = tenantOf(parts.vpc ?? 'aep'),
    upstreams,
    clientKey = 'fdfd::1',
    tcp = false,
    limit = tcp ? 65535 : 1232,
    suffix,
    isShared,
  } = parts;
  const packet = buildQuery({ name: 'www.example.com', type: 1, id: 7, edns: {}, ...parts });
  return {
    packet,
    tenant,
    upstreams,
    clientKey,
    limit,
    tcp,
    suffix,
    ...(isShared === true ? { isShared } : {}),
  };
}

/** Every answer is read by a strict parser, and must carry the client's id and fit its limit. */
export function askOf(forwarder: Forwarder, parts: AskParts = {}): Message[] {
  const request = requestOf(parts);
  const messages: Message[] = [];
  forwarder.ask(request, (octets) => {
    const message = parseMessage(octets);
    if (octets.length > request.limit) throw new Error(`${octets.length} octets exceed ${request.limit}`);
    if (message.length !== octets.length) throw new Error('trailing octets');
    if (message.id !== (parts.id ?? 7)) throw new Error('not the id of the client');
    messages.push(message);
  });
  return messages;
}

/** Lets microtasks run. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
}
