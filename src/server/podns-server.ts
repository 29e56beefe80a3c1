/** The library's face: what `createServer` gives, without anything of what is inside. */
import { EventEmitter } from 'node:events';
import { KINDS, type Kind, type Problem } from '../model.ts';
import type { Explanation } from '../explain/explanation.ts';
import type { ExplainAsk } from '../explain/facts.ts';
import { ServerCore } from '../server.ts';
import type { Listen } from '../transport/listen.ts';
import { Announcer, type ServerEvents } from './announcer.ts';
import type { Changes } from './changes.ts';
import type { AnswerClient, QueryResult } from './direct-client.ts';
import type { ServerOptions } from './options.ts';
import type { SourceStatus } from './source-status.ts';
import type { OpenListener } from './transports.ts';

/** One address and port that is answered, over UDP and TCP. */
export interface BoundListener {
  /** `127.0.0.1:5300@aep/nextcloud`. */
  readonly text: string;
  readonly address: string;
  /** As bound: never 0. */
  readonly port: number;
  /** Answers what was asked here, within `graceMs` (5,000), and closes the sockets. */
  close(graceMs?: number): Promise<void>;
}

export interface ServerStatus {
  /** Every source has delivered a whole state, or an earlier run has saved one. */
  ready: boolean;
  /** One line each: what is missing, or degraded. */
  reasons: string[];
  /** Effective resources: those that answers are made of. */
  counts: Record<Kind, number>;
  sources: SourceStatus[];
  /** Refused input, and conflicts between sources, VPCs and addresses. */
  problems: Problem[];
  listeners: BoundListener[];
}

export interface PodnsServer extends EventEmitter<ServerEvents> {
  /**
   * Binds the listeners of the configuration, restores the saved view, and starts the sources. Resolves when all that
   * was bound is served; the `ready` event tells when the sources have delivered. Rejects with StateFolderError where
   * another user may have written the saved view, with BindError where a listener cannot be bound.
   */
  start(): Promise<void>;
  /**
   * Opens one more listener, `ADDR:PORT[@vpc[/namespace]]`, UDP and TCP, at any time. Rejects with ListenError where
   * the text is wrong, with BindError where the system refuses.
   */
  listen(listen: string | Listen): Promise<BoundListener>;
  /**
   * One atomic change of the library's own records; resolves when it is answerable. Changes are applied in the order
   * of the calls. Rejects with a TypeError that names every fault of every object, and then changes nothing.
   */
  apply(changes: Changes): Promise<void>;
  /**
   * Answers one DNS message without a socket: at once, or with a promise where the answer takes time (an outside name,
   * a TXT list, a query that is held). Undefined where a server would stay silent. Throws TypeError where an address
   * is wrong, ListenError where the scope is.
   */
  answer(packet: Uint8Array, client: AnswerClient): Uint8Array | undefined | Promise<Uint8Array | undefined>;
  /**
   * Why a client gets its answer: how the server identifies the client and reads the name, which records it considers,
   * and what resolvers do with the answer. Asks no upstream. Rejects with ExplainError if the question cannot be asked.
   */
  explain(ask: ExplainAsk): Promise<Explanation>;
  /** The answer itself, as that client would get it on that listener. Rejects as `explain` does. */
  query(ask: ExplainAsk): Promise<QueryResult>;
  status(): ServerStatus;
  /**
   * Answers what is under way, with SERVFAIL what is left after `graceMs` (5,000); then stops the sources and saves
   * the view.
   */
  close(graceMs?: number): Promise<void>;
}

/**
 * Makes a server; nothing runs before `start` or `listen`, but `apply` and `answer` work at once.
 * Throws ConfigError where a setting is unknown or wrong, TypeError where a source's URL is wrong, MemoryFullError when
 * the address space for the view cannot be had.
 */
export function createServer(options: ServerOptions = {}): PodnsServer {
  const events = new EventEmitter<ServerEvents>();
  const core = new ServerCore(options, new Announcer(events));
  return Object.assign(events, {
    start: () => core.start(),
    listen: async (listen: string | Listen) => boundListener(await core.listen(listen)),
    apply: (changes: Changes) => core.apply(changes),
    answer: (packet: Uint8Array, client: AnswerClient) => core.answer(packet, client),
    explain: (ask: ExplainAsk) => core.explain(ask),
    query: (ask: ExplainAsk) => core.query(ask),
    status: () => statusOf(core),
    close: (graceMs?: number) => core.close(graceMs),
  });
}

function statusOf(core: ServerCore): ServerStatus {
  return {
    ...core.readiness(),
    counts: Object.fromEntries(KINDS.map((kind) => [kind, core.catalog.count(kind)])) as Record<Kind, number>,
    sources: core.status(),
    problems: core.problems(),
    listeners: core.listeners.map(boundListener),
  };
}

function boundListener({ listener, port, close }: OpenListener): BoundListener {
  return { text: listener.text, address: listener.address, port, close };
}
