/** `/v1/status`: sources, revisions, lag, ages, rates and problems; the watch stream, outside names, the saved view. */
import type { FastifyInstance } from 'fastify';
import { KINDS, problemText, type Kind, type Problem } from '../model.ts';
import type { ServerCore } from '../server.ts';
import { heldFacts, type HeldFacts } from './accept.ts';
import type { HistogramFacts } from '../server/histogram.ts';
import type { WatchServerFacts } from '../watch/watch-server.ts';

/** A problem as text. */
export interface ProblemText {
  severity: Problem['severity'];
  text: string;
}

/** Times are RFC 3339, null for never; fields that end in `Ms` are milliseconds. */
export interface Status {
  version: string;
  node: string;
  /** The canonical suffix. */
  zone: string;
  started: string;
  ready: boolean;
  reasons: string[];
  /** The last revision of this process, as `/v1/watch` counts. */
  revision: string;
  counts: Record<Kind, number>;
  sources: SourceText[];
  /** Conflicts between sources, between VPCs, and over addresses. */
  conflicts: ProblemText[];
  /** How long changes took to be answerable: from the control plane's commit, and from the arrival of their octets. */
  propagation: { committed: HistogramFacts; received: HistogramFacts };
  watch: WatchServerFacts;
  events: { listeners: number };
  outside: OutsideText;
  saved: { path: string; at: string | null; problem: string | null } | null;
  listeners: { text: string; udp: string; received: number; answered: number; dropped: number }[];
  memory: { resident: number; heap: number; records: number };
  /** With `?digest`: equal for equal effective resources. Takes a while for many. */
  digest?: string;
}

export interface OutsideText {
  /** Where the default upstreams come from, and the default upstreams: those of VPCs without upstreams of their own. */
  source: string;
  defaults: string[];
  problem: string;
  upstreams: { upstream: string; state: string; reason: string }[];
  waiting: number;
  cache: { entries: number; bytes: number; hits: number; misses: number };
}

export interface SourceText {
  name: string;
  state: string;
  reason: string;
  /** The last revision of the source that podns has applied. */
  revision: string;
  synced: boolean;
  /** True if podns has served records of this source from the saved view. */
  restored: boolean;
  lastChange: string | null;
  lastHeard: string | null;
  lostSince: string | null;
  changes: number;
  /** Changes per second, over the last ten seconds. */
  rate: number;
  /** Time of the last change from the control plane's commit to answerable; null if the source does not report it. */
  lagMs: number | null;
  problems: ProblemText[];
  /** What the shrink guard holds of it. */
  held: HeldFacts[];
}

export function statusRoutes(app: FastifyInstance, server: ServerCore, version: string): void {
  const started = new Date().toISOString();
  app.get<{ Querystring: { digest?: string; vpc?: string } }>('/v1/status', async (request, reply) => {
    const status = statusOf(server, version, started);
    if (request.query.digest !== undefined)
      status.digest = await server.catalog.digestPaced(request.query.vpc);
    return reply.type('application/json; charset=utf-8').send(`${JSON.stringify(status, undefined, 2)}\n`);
  });
}

function statusOf(server: ServerCore, version: string, started: string): Status {
  const { catalog, subscribers, feed, config } = server;
  const { saved } = subscribers;
  const counts = Object.fromEntries(KINDS.map((kind) => [kind, server.restoring.count(kind)]));
  const { rss, heapUsed } = process.memoryUsage();
  return {
    version,
    node: config.nodeName,
    zone: config.zone,
    started,
    ...server.readiness(),
    revision: subscribers.watchServer.revision,
    counts: counts as Record<Kind, number>,
    sources: sourceTexts(server),
    conflicts: server.conflicts().map(textOf),
    propagation: { committed: feed.committed.facts(), received: feed.received.facts() },
    watch: subscribers.watchServer.facts(),
    events: { listeners: subscribers.events.size },
    outside: outsideText(server),
    saved:
      saved === undefined
        ? null
        : {
            path: saved.path,
            at: timeOf(saved.savedAt),
            problem: saved.problem === undefined ? null : problemText(saved.problem),
          },
    listeners: server.listeners.map(({ listener, udp, tcp, udpKind }) => ({
      text: listener.text,
      udp: udpKind,
      received: udp.counters.received + tcp.counters.received,
      answered: udp.counters.answered + tcp.counters.answered,
      dropped: udp.counters.dropped + tcp.counters.dropped,
    })),
    memory: { resident: rss, heap: heapUsed, records: catalog.memory().records },
  };
}

function outsideText({ outside }: ServerCore): OutsideText {
  const { source, defaults, problem, upstreams, waiting, cacheEntries, cacheSize } = outside.status();
  const { hits, misses } = outside.counters;
  return {
    source,
    defaults,
    problem,
    upstreams: upstreams.map(({ upstream, state, reason }) => ({ upstream, state, reason })),
    waiting,
    cache: { entries: cacheEntries, bytes: cacheSize, hits, misses },
  };
}

function sourceTexts(server: ServerCore): SourceText[] {
  return server.status().map((source) => ({
    name: source.name,
    state: source.state,
    reason: source.reason,
    revision: source.revision,
    synced: source.synced,
    restored: source.restored,
    lastChange: timeOf(source.lastChange),
    lastHeard: timeOf(source.lastHeard),
    lostSince: timeOf(source.lostSince),
    changes: source.changes,
    rate: source.rate,
    lagMs: source.lag < 0 ? null : source.lag,
    problems: source.problems.map(textOf),
    held: server.guard
      .standing()
      .filter((loss) => loss.source === source.name)
      .map(heldFacts),
  }));
}

function textOf(problem: Problem): ProblemText {
  return { severity: problem.severity, text: problemText(problem) };
}

function timeOf(milliseconds: number): string | null {
  return milliseconds === 0 ? null : new Date(milliseconds).toISOString();
}
