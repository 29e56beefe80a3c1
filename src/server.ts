/** Wires configuration → sources → catalog → trie → transports, for the library, the admin listener and the command. */
import { Deferred } from './answer/defer/deferred.ts';
import { systemClock, monotonicBy } from './base/clock.ts';
import type { AnswerSettings } from './answer/settings.ts';
import type { Peer } from './answer/peer.ts';
import { DEFERRED, Responder } from './answer/responder.ts';
import { Catalog } from './catalog/catalog.ts';
import { completeConfig } from './config.ts';
import type { Config } from './config/table.ts';
import { AnswerCounts } from './server/answer-counts.ts';
import type { Answering } from './transport/transport.ts';
import type { Listen } from './transport/listen.ts';
import type { Kind, Problem, Resource, ResourceKey, Sink, Source } from './model.ts';
import type { Announcer } from './server/announcer.ts';
import { Feed } from './server/feed.ts';
import { gatewaysOf } from './server/engines.ts';
import type { Gateways } from './server/gateways.ts';
import { endServer } from './server/ending.ts';
import type { ServerOptions } from './server/options.ts';
import { Handing } from './server/handing.ts';
import type { HandedView } from './server/handing.ts';
import type { SourceStatus } from './server/source-status.ts';
import { catalogInventory } from './server/inventory.ts';
import { ShrinkGuard } from './server/shrink-guard.ts';
import { tidying } from './server/tidying.ts';
import { lazyExplainer } from './server/explaining.ts';
import type { Explainer } from './explain/explainer.ts';
import type { Explanation } from './explain/explanation.ts';
import type { ExplainAsk } from './explain/facts.ts';
import { Transports } from './server/transports.ts';
import type { OpenListener } from './server/transports.ts';
import { Staleness } from './server/staleness.ts';
import type { Readiness } from './server/staleness.ts';
import { Subscribers } from './server/subscribers.ts';
import { ApiChanges, validated } from './server/changes.ts';
import type { Changes } from './server/changes.ts';
import { Observing } from './server/observing.ts';
import { silent } from './server/logger.ts';
import { Forwarding } from './server/forwarding.ts';
import { DirectClients } from './server/direct-client.ts';
import type { AnswerClient, QueryResult } from './server/direct-client.ts';
import { Recording } from './server/recording.ts';
import { answerSettings } from './server/settings.ts';
import { turnedAway } from './server/turned-away.ts';
import { LARGE_LOAD, releaseMemory } from './server/release-memory.ts';
import { restoringOf } from './server/restoring.ts';
import type { Restoring } from './server/restoring.ts';
import { checkStateFolder } from './server/state-folder.ts';
import { configuredSources } from './server/sources.ts';
import { reserveMemory } from './trie/memory.ts';
import type { TrieMemory } from './trie/memory.ts';
import { View } from './trie/read/view.ts';
import { TrieWriter } from './trie/write/writer.ts';

/** Undefined where a server would stay silent. */
type Answer = Uint8Array | undefined;

/** The name of the source that `apply` feeds. */
const API_SOURCE = 'api';

/** A server with its internals; users of the library get `PodnsServer` of `server/podns-server.ts`. */
export class ServerCore {
  readonly config: Config;
  readonly catalog: Catalog;
  /**
   * The flat memory of the view, and the settings of answers: for further readers, such as benches and other threads.
   */
  readonly memory: TrieMemory;
  readonly settings: AnswerSettings;
  private readonly announcer: Announcer | undefined;
  /** Problems, and what people are told of them. */
  readonly observing: Observing;
  private readonly sources: Source[];
  /** The subscribers of changes: readers of the watch stream and of the events, and the saved view. */
  readonly subscribers: Subscribers;
  readonly feed: Feed;
  readonly guard: ShrinkGuard;
  private readonly writer: TrieWriter;
  private readonly staleness: Staleness;
  private readonly responder: Responder;
  readonly deferred: Deferred;
  readonly outside: Forwarding;
  readonly recording: Recording;
  private readonly transports: Transports;
  /** What a successor is given, and what a predecessor has given. */
  readonly handing: Handing;
  private readonly answering: Answering;
  /** What the main thread has answered, and what each VPC has asked. */
  readonly answers: AnswerCounts;
  private readonly peers: DirectClients;
  /** Made when it is first asked. */
  private readonly explainer: () => Explainer;
  private readonly tidy: () => void;
  private readonly out = new Uint8Array(65535);
  private readonly api: ApiChanges;
  private readonly sinks: Sink[] = [];
  /** What there was before this process. */
  readonly restoring: Restoring;
  private running: Source[] = [];
  /** Of the networks of container engines. */
  readonly gateways: Gateways;

  constructor(options: ServerOptions = {}, announcer?: Announcer) {
    const config = completeConfig(options.config);
    const clock = options.clock ?? systemClock;
    const wallClock = options.wallClock ?? Date.now;
    const elapsed = monotonicBy(wallClock);
    const seconds = (): number => Math.floor(wallClock() / 1000);
    const isLoading = (): boolean => this.restoring.isLoading;
    this.config = config;
    this.announcer = announcer;
    this.observing = new Observing({
      logger: options.logger ?? silent,
      wallClock,
      elapsed,
      event: (event) => this.subscribers.problem(event),
    });
    const { logger } = this.observing;
    this.gateways = gatewaysOf(config, {
      clock,
      observing: this.observing,
      transports: () => this.transports,
    });
    this.sources = [...configuredSources(config, this.gateways), ...(options.sources ?? [])];
    this.catalog = new Catalog({
      sources: this.sources.map(({ name }) => name),
      familyOf: (source) => this.sources.find(({ name }) => name === source)?.family ?? source,
    });
    this.tidy = tidying(this.catalog);
    this.guard = new ShrinkGuard({
      clock,
      wallClock,
      logger,
      held: (source) => this.catalog.held(source),
      release: (source, vpcs) => this.feed.release(source, vpcs),
      mark: (vpc, held) => this.staleness.hold(vpc, held),
    });
    const { engines } = this.gateways;
    const settings = answerSettings(config, options.version ?? '', options.cookieSecret, engines);
    const memory = options.image?.memory ?? reserveMemory(options.reserve);
    this.settings = settings;
    this.memory = memory;
    const building = {
      ...settings,
      canForward: true,
      now: seconds,
      resourceOf: (key: ResourceKey) => this.feed.known(key),
      onForget: (vpc: string) => this.staleness.forget(vpc),
    };
    this.writer = new TrieWriter(memory, building, options.image);
    this.feed = new Feed({
      catalog: this.catalog,
      projection: this.writer,
      ...(config.shrinkGuard && { guard: this.guard }),
      wallClock,
      elapsed,
      yieldTurn: () => this.restoring.turn(),
      onCommit: (changes) => this.afterCommit(changes),
      onChange: (change, source, at) => {
        if (change.type === 'put') {
          this.staleness.note(source, change.resource);
          if (change.resource.kind === 'vpc') this.outside.changed(change.resource);
        } else if (change.key.kind === 'vpc') this.outside.forget(change.key.vpc);
        this.observing.change(change);
        this.subscribers.change(change, at);
      },
      onState: (source) => this.afterState(source),
      onProblems: (source, scope, problems) => {
        this.observing.sourceProblems(source, scope, problems);
        for (const problem of problems) announcer?.problem(source, problem);
      },
      onTaken: (source, revision, full, changes) =>
        this.observing.reports.committed(source, revision, full, changes),
    });
    this.staleness = new Staleness({
      writer: this.writer,
      wallClock,
      elapsed,
      staleAfter: config.staleAfter,
      snapshotMaxAge: config.snapshotMaxAge,
      states: () => this.feed.states(),
      vpcsOf: (source) => this.sources.find(({ name }) => name === source)?.vpcs,
    });
    this.subscribers = new Subscribers({
      config,
      catalog: this.catalog,
      feed: this.feed,
      guard: this.guard,
      staleness: this.staleness,
      isLoading,
      sources: this.sources,
      version: options.version ?? '',
      wallClock,
      report: (problem) => {
        this.observing.look();
        if (problem !== undefined) announcer?.problem('saved view', problem);
      },
      follower: announcer,
    });
    this.responder = new Responder(new View(memory), settings, seconds);
    this.outside = new Forwarding({
      config,
      catalog: { get: (key) => this.restoring.get(key) },
      responder: this.responder,
      listeners: () =>
        this.transports.listeners.map(({ listener, port }) => ({ address: listener.address, port })),
    });
    this.deferred = new Deferred(this.responder, {
      clock,
      limits: { all: config.holds, vpc: config.vpcHolds, client: config.clientHolds },
      syncHold: config.syncHold,
      podHold: config.podHold,
      podGrace: config.podGrace,
      inventory: catalogInventory(this.catalog),
      isLive: () => this.staleness.live,
      isLoading,
      outside: this.outside,
    });
    // Not the quiet logger: each line of the query log is one of its own.
    this.recording = new Recording({ config, logger: options.logger, memory, settings, wallClock });
    this.answers = new AnswerCounts(this.responder);
    this.answering = this.answers.counting({
      answerNow: (packet, start, end, peer, out) => this.answerNow(packet, start, end, peer, out),
      defer: (packet, peer, reply) => {
        this.observing.asked();
        this.deferred.defer(packet, peer, this.recording.replying(packet, peer, reply));
      },
    });
    this.transports = new Transports({
      memory,
      sharedCache: this.outside.sharedCache,
      settings,
      recorder: this.recording.recorder,
      answering: this.answering,
      workers: config.workers,
      tcp: { idleMs: config.tcpIdle, connections: config.tcpConnections, client: config.tcpClient },
      logger,
      inherited: options.inherited,
      vpcCounts: () => this.answers.lend(),
    });
    this.observing.begin({
      config,
      catalog: this.catalog,
      isLoading,
      elapsed,
      states: () => this.feed.states(),
      addressProblems: () => this.writer.problems(),
      listeners: () => this.transports.listeners.map(({ listener }) => listener),
      forwarder: () => this.outside.status(),
      heldLists: () => this.guard.problems(),
      savedView: () => this.subscribers.saved?.problem,
      turnedAway: () => turnedAway(this.transports.listeners, this.deferred, this.outside.counters),
    });
    this.peers = new DirectClients(this.transports);
    const { catalog, feed, gateways, deferred, outside, transports, sources, subscribers } = this;
    const { sinks, staleness, writer } = this;
    const common = { catalog, feed, sources, subscribers };
    this.handing = new Handing({ ...common, gateways, transports, wallClock });
    const parts = { ...common, config, clock, logger, memory, sinks, staleness, writer };
    const replaced = (): void => this.afterCommit(LARGE_LOAD);
    this.restoring = restoringOf({ ...parts, handing: this.handing }, options, replaced);
    const inventory = catalogInventory(catalog);
    const fixed = { memory, settings, config, seconds };
    this.explainer = lazyExplainer({ ...fixed, catalog, inventory, feed, deferred, outside, transports });
    this.api = new ApiChanges(() => this.feed.sink(API_SOURCE));
  }

  /**
   * Takes up the saved view, or that of a predecessor; `start` does so as well. Rejects with StateFolderError where
   * somebody else may have written it.
   */
  restore(handed?: HandedView): Promise<void> {
    return this.restoring.restore(handed);
  }

  /**
   * Binds the configured listeners while the saved view is taken up, when queries are held, and starts the sources.
   * Resolves when all that was bound is served. Rejects as `restore` does, and with the first listener that cannot be
   * bound.
   */
  async start(): Promise<void> {
    const restored = this.restore();
    // Whoever waits for it below is told.
    restored.catch(() => undefined);
    if (this.config.state !== '') checkStateFolder(this.config.state);
    for (const listen of this.config.listen) await this.bind(listen);
    await restored;
    if (this.restoring.isClosed) return;
    this.staleness.look();
    this.sources.forEach((source, i) => {
      this.running.push(source);
      source.start(this.sinks[i]!, this.handing.resume(source.name));
    });
    await this.transports.ready();
  }

  /**
   * Opens one more listener, `ADDR:PORT[@vpc[/namespace]]`, for UDP and TCP; its `close` closes it. Both work while
   * the server answers. Rejects with the system's error.
   */
  listen(listen: string | Listen): Promise<OpenListener> {
    return this.transports.listen(listen);
  }

  /** Like `listen`, but does not wait for worker threads to start; early queries wait for them. */
  bind(listen: string | Listen): Promise<OpenListener> {
    return this.transports.open(listen);
  }

  get listeners(): readonly OpenListener[] {
    return this.transports.listeners;
  }

  /**
   * Applies one atomic change of the library's own records; resolves when it is answerable. Changes are applied in the
   * order of the calls. Rejects with a TypeError that lists every problem of each object, and then changes nothing.
   */
  async apply(changes: Changes): Promise<void> {
    await this.api.apply(validated(changes, this.config.zone));
  }

  /** Answers one message without a socket. Undefined if a server would send nothing. */
  answer(packet: Uint8Array, client: AnswerClient): Answer | Promise<Answer> {
    return this.answerPeer(packet, this.peers.of(client));
  }

  /**
   * Why a client gets its answer: how the server identifies the client and reads the name, which records it considers, and
   * what resolvers do with the answer. Asks no upstream. Rejects with ExplainError if the question cannot be asked.
   */
  async explain(ask: ExplainAsk): Promise<Explanation> {
    this.restoring.checkThere();
    return this.explainer().explain(ask);
  }

  /** The answer itself, as that client would get it on that listener. Rejects as `explain` does. */
  async query(ask: ExplainAsk): Promise<QueryResult> {
    this.restoring.checkThere();
    const { packet, peer } = await this.explainer().prepare(ask);
    const began = performance.now();
    const answer = await this.answerPeer(packet, peer);
    return { answer, listener: peer.listener.text, milliseconds: performance.now() - began };
  }

  private answerPeer(packet: Uint8Array, peer: Peer): Answer | Promise<Answer> {
    const length = this.answerNow(packet, 0, packet.length, peer, this.out);
    if (length > 0) return this.out.slice(0, length);
    if (length !== DEFERRED) return undefined;
    return new Promise((resolve) => {
      const reply = (answer: Uint8Array): void => resolve(answer.length === 0 ? undefined : answer.slice());
      const own = packet.slice();
      this.deferred.defer(own, peer, this.recording.replying(own, peer, reply));
    });
  }

  /** The state of each source. */
  status(): SourceStatus[] {
    return this.feed.status();
  }

  readiness(): Readiness {
    return this.restoring.readiness(this.observing.readiness(this.staleness.readiness()));
  }

  /** Everything that stands wrong with what sources say: refused input, conflicts between sources, VPCs and addresses. */
  problems(): Problem[] {
    return [...this.feed.status().flatMap(({ problems }) => problems), ...this.conflicts()];
  }

  /** The current conflicts between sources, between VPCs and over addresses. */
  conflicts(): Problem[] {
    return [...this.catalog.conflicts(), ...this.writer.problems()];
  }

  /** Of every VPC, by which its queries are counted. */
  vpcNumbers(): Iterable<[name: string, number: number]> {
    return this.writer.vpcNumbers();
  }

  /** Octets of the view in use. */
  viewUsage(): { arena: number; names: number; addresses: number } {
    return this.writer.usage;
  }

  /** Effective resources of a kind, sorted. */
  list(kind: Kind, filter: { vpc?: string; namespace?: string } = {}): Iterable<Resource> {
    return this.catalog.list(kind, filter, true);
  }

  /** Reads again what does not announce its changes (SIGHUP); resolves when that is answerable. */
  async reload(): Promise<void> {
    const { running } = this;
    await Promise.all(running.map(async (source) => source.reload?.()));
    await this.settled();
    this.observing.reloaded(running.length);
  }

  /** Resolves when everything that the sources have delivered so far is answerable. */
  settled(): Promise<void> {
    return this.feed.settled();
  }

  /** Answers queries in flight, those left after `graceMs` (5 s) with SERVFAIL; then saves the view and stops. */
  close(graceMs?: number): Promise<void> {
    const { gateways, transports, deferred, outside, subscribers, staleness } = this;
    this.recording.close();
    this.restoring.close();
    this.observing.close();
    this.guard.close();
    return endServer(
      { gateways, transports, deferred, outside, sources: this.running.splice(0), subscribers, staleness },
      graceMs,
    );
  }

  private answerNow(packet: Uint8Array, start: number, end: number, peer: Peer, out: Uint8Array): number {
    this.responder.view.refresh();
    const length = this.responder.answer(packet, start, end, peer, out, 0);
    this.recording.answered(this.responder, peer, out, length);
    this.responder.cached?.reader.leave();
    return length;
  }

  private afterCommit(changes: number): void {
    this.guard.committed();
    this.staleness.look();
    this.deferred.viewChanged();
    this.subscribers.commit();
    this.announceReady();
    this.observing.recordsChanged();
    // The writer updates the other copy once its readers have left, at the latest with the next change.
    setImmediate(() => {
      this.writer.tables.settle();
      this.tidy();
      if (changes >= LARGE_LOAD) void releaseMemory();
    });
  }

  /** Records that `apply` got before `start` do not make a server ready whose sources have not begun. */
  private announceReady(): void {
    this.announcer?.readiness(() => this.running.length === this.sources.length && this.staleness.covered);
  }

  private afterState(name: string): void {
    this.staleness.look();
    for (const status of this.feed.states()) if (status.name === name) this.observing.sourceState(status);
    this.announcer?.source(() => this.feed.status().find((status) => status.name === name)!);
    this.announceReady();
  }
}
