/**
 * Questions of one tenant to one upstream over TCP: one connection, kept for a while and pipelined (RFC 7766 section
 * 6.2).
 */
import type { Clock } from '../../base/clock.ts';
import type { Endpoint } from './endpoint.ts';
import type { Guest, Places } from '../routes/places.ts';
import { Frames, frame } from '../../dns/frames.ts';
import { put16 } from '../../dns/octets.ts';
import { questionEnd } from '../question.ts';
import type { Question } from '../question.ts';
import type { Sockets, Stream } from './sockets.ts';
import { matchReply } from './upstream-answer.ts';

/** Milliseconds without a question after which the connection is closed. */
const IDLE = 8000;
/** Unsolicited messages after which the connection is closed. */
const STRANGE_MAX = 16;
/** Questions in flight on the connection; the next is refused. */
const PIPELINE_MAX = 256;

export interface StreamAsk {
  /** The message, not yet read; a part of a buffer that is not written again. */
  reply(message: Uint8Array): void;
  failed(reason: string): void;
}

interface Pending {
  question: Question;
  edns: boolean;
  query: Uint8Array;
  ask: StreamAsk;
  /** Milliseconds, when it was written. */
  since: number;
  /** It was written on a connection that had worked before: if that closes, it may try a new one. */
  mayRetry: boolean;
}

export interface UpstreamTcpOptions {
  endpoint: Endpoint;
  sockets: Sockets;
  clock: Clock;
  places: Places;
  tenant: number;
  /** Writes our query with an id of its choice. */
  build: (question: Question, edns: boolean) => Uint8Array;
  /** A message that is no reply to anything in flight. */
  strange: () => void;
}

export class UpstreamTcp implements Guest {
  private readonly options: UpstreamTcpOptions;
  private stream: Stream | undefined;
  private readonly pending = new Map<number, Pending>();
  private frames = new Frames();
  private answered = false;
  private strangeCount = 0;
  private heardAt = 0;
  private idleTimer: unknown;

  constructor(options: UpstreamTcpOptions) {
    this.options = options;
  }

  /** Asks; exactly one of the callbacks follows, unless the returned function takes the question back. */
  ask(question: Question, edns: boolean, ask: StreamAsk): () => void {
    return this.send(question, edns, ask);
  }

  get tenant(): number {
    return this.options.tenant;
  }

  leave(): void {
    this.drop('');
  }

  private send(question: Question, edns: boolean, ask: StreamAsk, retry = false): () => void {
    const { clock, places } = this.options;
    const isFull = this.pending.size >= PIPELINE_MAX;
    if (isFull || (this.stream === undefined && !places.enter(this))) {
      ask.failed(
        isFull ? 'is asked too much over TCP' : 'was not asked over TCP: too many connections are open',
      );
      return () => {};
    }
    places.work(this);
    const query = this.freshQuery(question, edns);
    clock.clearTimeout(this.idleTimer);
    const since = clock.now();
    const entry: Pending = { question, edns, query, ask, since, mayRetry: !retry && this.answered };
    this.pending.set(idOf(query), entry);
    if (this.stream === undefined) this.open();
    this.stream?.write(frame(query));
    // After a retry the entry is another one, so it is found by its callbacks.
    return () => {
      for (const [id, other] of this.pending) {
        if (other.ask !== ask) continue;
        this.pending.delete(id);
        // Nothing at all came since the question went out: the connection may be dead without a word.
        if (this.heardAt < other.since || !this.answered) this.drop('');
        else this.restIfIdle();
      }
    };
  }

  close(): void {
    this.drop('closing');
  }

  private freshQuery(question: Question, edns: boolean): Uint8Array {
    for (;;) {
      const query = this.options.build(question, edns);
      let id = idOf(query);
      // A scripted source of ids may repeat itself, so from a taken one on the next free is used.
      while (this.pending.has(id)) id = (id + 1) & 0xffff;
      put16(query, 0, id);
      return query;
    }
  }

  private open(): void {
    this.frames = new Frames();
    this.answered = false;
    this.strangeCount = 0;
    const stream: Stream = this.options.sockets.stream(this.options.endpoint, {
      data: (octets) => {
        if (this.stream === stream) this.data(octets);
      },
      closed: (code) => {
        if (this.stream === stream)
          this.drop(code === '' ? 'closed the TCP connection' : `cannot be reached over TCP (${code})`);
      },
    });
    this.stream = stream;
  }

  private data(octets: Uint8Array): void {
    this.heardAt = this.options.clock.now();
    const { frames } = this;
    frames.push(octets);
    // The connection may be given up in the midst of a chunk.
    while (this.frames === frames) {
      const message = frames.next();
      if (message === null) break;
      // A copy: what `next` returns is overwritten soon.
      this.message(new Uint8Array(message));
    }
  }

  private message(message: Uint8Array): void {
    const entry = message.length < 12 ? undefined : this.pending.get(idOf(message));
    if (entry === undefined || matchReply(message, entry.query, questionEnd(entry.question)) === 0) {
      this.options.strange();
      if (++this.strangeCount >= STRANGE_MAX) this.drop('sent what nobody had asked for');
      return;
    }
    this.pending.delete(idOf(message));
    this.answered = true;
    this.restIfIdle();
    entry.ask.reply(message);
  }

  private restIfIdle(): void {
    if (this.pending.size > 0 || this.stream === undefined) return;
    const { clock, places } = this.options;
    places.rest(this);
    clock.clearTimeout(this.idleTimer);
    this.idleTimer = clock.setTimeout(() => {
      if (this.pending.size === 0) this.drop('');
    }, IDLE);
  }

  /** Gives the connection up; what waited on it tries another once, or fails. */
  private drop(reason: string): void {
    const { stream } = this;
    this.stream = undefined;
    if (stream !== undefined) this.options.places.leave(this);
    this.answered = false;
    this.frames = new Frames();
    this.options.clock.clearTimeout(this.idleTimer);
    stream?.destroy();
    const waiting = [...this.pending.values()];
    this.pending.clear();
    for (const entry of waiting) {
      if (entry.mayRetry && reason !== 'closing') this.send(entry.question, entry.edns, entry.ask, true);
      else entry.ask.failed(reason === '' ? 'was silent over TCP' : reason);
    }
  }
}

function idOf(message: Uint8Array): number {
  return (message[0] << 8) | message[1];
}
