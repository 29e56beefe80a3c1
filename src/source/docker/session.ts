/**
 * One connection to an engine: its events, then a list, then looks at whatever an event concerns. Events say who is
 * concerned; what is so comes from a look that began after the event, or is followed by another look.
 */
import type { Clock } from '../../base/clock.ts';
import { StreamError, type StreamEvent } from '../reflector/dialect.ts';
import { paced, slices } from '../reflector/slices.ts';
import type { Target } from '../watch/http.ts';
import { AddressBook, without } from './addresses.ts';
import { EngineClient, ROWS_MOST } from './client.ts';
import { eventFilters, readEvents, type EngineEvent } from './events.ts';
import {
  containerFacts,
  gistOf,
  isId,
  networkFacts,
  rowFacts,
  type ContainerFacts,
  type NetworkFacts,
  type RowFacts,
} from './facts.ts';
import type { Gateways } from './gateways.ts';
import { Inspector, type Look } from './inspector.ts';
import { Services } from './services.ts';
import type { Changes, EngineView, Refusal } from './view.ts';

export interface SessionOptions {
  target: Target;
  /** What earlier sessions have left. */
  view: EngineView;
  clock: Clock;
  signal: AbortSignal;
  nextRevision: () => string;
  gateways: Gateways;
  /** The networks have been listed, or one has changed. */
  onNetworks: () => void;
  /** A whole state of so many containers has been taken in. */
  onListed: (containers: number) => void;
}

/** Events of so many seconds before are asked for again: the engine answers before it listens. */
const OVERLAP = 5;
/** Milliseconds between two lists. */
const LIST_EVERY = 60_000;
/** Milliseconds after the last event of a container until one more look: some events come before their effect. */
const AFTER_EVENT = 500;
/** Milliseconds that a first list waits for containers that do not answer: until then nothing is denied. */
const PATIENCE = 3_000;
/** Events of a list in one batch. */
const BATCH = 100;

interface Finding {
  id: string;
  look: Look<ContainerFacts>;
  started: number;
  at: number | undefined;
}

type Report = () => void;

export class Session {
  /** When the octets of the last event came. */
  heard: number | undefined;
  private readonly options: SessionOptions;
  private readonly client: EngineClient;
  private readonly view: EngineView;
  private readonly inspector: Inspector<ContainerFacts>;
  private readonly services: Services;
  private readonly addresses = new AddressBook();
  /** The last row of each container in a list. */
  private rows = new Map<string, RowFacts>();
  /** Containers of which a look has found something new, and not what the last list says, since that list began. */
  private touched = new Set<string>();
  private findings: Finding[] = [];
  /** What lists and looks at networks have found, to be entered between two changes. */
  private reports: Report[] = [];
  /** Looks at networks, by id; true: another one is needed after it. */
  private readonly networkLooks = new Map<string, Promise<void>>();
  private readonly networkAgain = new Set<string>();
  private failure: unknown;
  private failed = false;
  private ended = false;
  private listing = false;
  private listAgain = false;
  private listed = false;
  private timer: unknown;
  private wake: (() => void) | undefined;
  private revision = '0';

  constructor(options: SessionOptions) {
    this.options = options;
    this.view = options.view;
    this.client = new EngineClient(options.target, options.signal);
    this.inspector = new Inspector<ContainerFacts>({
      clock: options.clock,
      look: (id) => this.look(id),
      done: (id, look, started, at) => {
        this.findings.push({ id, look, started, at });
        this.stir();
      },
    });
    this.services = new Services({
      client: this.client,
      clock: options.clock,
      report: (services) => {
        this.reports.push(() => this.view.putServices(services));
        this.stir();
      },
    });
  }

  async *run(): AsyncGenerator<StreamEvent[]> {
    const { client, options } = this;
    await client.negotiate();
    const since = Math.floor(client.time / 1000) - OVERLAP;
    const events = await client.events(since, eventFilters(client.server));
    yield [{ type: 'connected', resumed: false }];
    readEvents(this.noting(events), (event) => this.hear(event)).then(
      () => this.fail(new StreamError('retry', 'the engine has ended its stream of events')),
      (error: unknown) => this.fail(error),
    );
    await this.list(true);
    await this.inspector.settled(PATIENCE);
    yield* this.snapshot();
    options.onListed(this.rows.size);
    for (;;) {
      this.timer ??= options.clock.setTimeout(() => this.relist(), LIST_EVERY);
      await this.stirred();
      if (this.failed) throw this.failure;
      if (options.signal.aborted) return;
      yield* this.change();
    }
  }

  close(): void {
    this.ended = true;
    this.options.clock.clearTimeout(this.timer);
    this.inspector.close();
    this.services.close();
    this.client.close();
    this.stir();
  }

  private async *noting(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.heard = performance.now();
      yield chunk;
    }
  }

  private fail(error: unknown): void {
    if (!this.failed) this.failure = error;
    this.failed = true;
    this.inspector.close();
    this.stir();
  }

  private hear(event: EngineEvent): void {
    if (event.about === 'unknown') {
      this.relist();
      return;
    }
    if (event.about === 'services') {
      this.services.changed();
      return;
    }
    if (event.about === 'network' && event.id !== event.container) void this.lookAtNetwork(event.id);
    const id = event.about === 'container' ? event.id : event.container;
    if (id === '') return;
    // Nobody has so many containers: a list says which there are.
    if (this.inspector.size > ROWS_MOST) {
      this.relist();
      return;
    }
    this.inspector.mark(id, event.at);
    this.inspector.later(id, AFTER_EVENT);
  }

  private stir(): void {
    this.wake?.();
  }

  /** Resolves when something is to be done. */
  private async stirred(): Promise<void> {
    const { signal } = this.options;
    while (!this.failed && !signal.aborted && this.findings.length + this.reports.length === 0)
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.wake = undefined;
          signal.removeEventListener('abort', wake);
          resolve();
        };
        this.wake = wake;
        signal.addEventListener('abort', wake, { once: true });
      });
  }

  /** Lists again in the background; a list that fails ends the connection. */
  private relist(): void {
    if (this.ended) return;
    this.options.clock.clearTimeout(this.timer);
    this.timer = undefined;
    if (this.listing || !this.listed) {
      this.listAgain = true;
      return;
    }
    this.list(false).catch((error: unknown) => this.fail(error));
  }

  private async list(first: boolean): Promise<void> {
    this.listing = true;
    this.listAgain = false;
    const { touched } = this;
    this.touched = new Set();
    const services = this.services.read();
    const networks = await this.networks();
    const rows = new Map<string, RowFacts>();
    await this.client.list('/containers/json?all=1', (value) => {
      const row = rowFacts(value);
      if (row !== undefined) rows.set(row.id, row);
    });
    // A swarm without a leader answers late.
    if (first) await this.atMost(PATIENCE, services);
    const enter = (): void => this.enterList(networks, rows, first ? undefined : touched);
    if (first) enter();
    else this.reports.push(enter);
    this.listing = false;
    this.listed = true;
    this.stir();
    if (this.listAgain) this.relist();
  }

  /**
   * Networks and containers may have come and gone since the rows were written; so only looks add and remove. A row
   * that is as it was proves nothing where a look has found something new between the two. `touched`: those;
   * undefined for the first list.
   */
  private enterList(
    networks: readonly NetworkFacts[],
    rows: ReadonlyMap<string, RowFacts>,
    touched: ReadonlySet<string> | undefined,
  ): void {
    const first = touched === undefined;
    const present = new Set(networks.map(({ id }) => id));
    for (const facts of networks) {
      if (first || this.view.networkIs(facts)) this.view.putNetwork(facts);
      else void this.lookAtNetwork(facts.id);
    }
    for (const { id } of [...this.view.allNetworks()]) {
      if (present.has(id)) continue;
      if (first) this.view.removeNetwork(id);
      else void this.lookAtNetwork(id);
    }
    for (const [id, row] of rows)
      if (first || touched.has(id) || this.rows.get(id)?.mark !== row.mark) this.inspector.mark(id);
    for (const id of [...this.view.containerIds()]) {
      if (rows.has(id)) continue;
      if (first) this.view.removeContainer(id);
      else this.inspector.mark(id);
    }
    this.rows = new Map(rows);
    this.options.onNetworks();
  }

  /** Podman's list calls its own network `bridge`, and everything else calls it `podman`: it is asked for each. */
  private async networks(): Promise<NetworkFacts[]> {
    const networks: NetworkFacts[] = [];
    await this.client.list('/networks', (value) => {
      const facts = networkFacts(value);
      if (typeof facts !== 'string') networks.push(facts);
    });
    if (this.client.server.startsWith('Docker')) return networks;
    const exact: NetworkFacts[] = [];
    for (const facts of networks) {
      const answer = await this.client.get(`/networks/${encodeURIComponent(facts.id)}`);
      const read = 'value' in answer ? networkFacts(answer.value) : facts;
      if (!('missing' in answer)) exact.push(typeof read === 'string' ? facts : read);
    }
    return exact;
  }

  private async atMost(milliseconds: number, work: Promise<void>): Promise<void> {
    const { clock } = this.options;
    let timer: unknown;
    const late = new Promise<void>((resolve) => (timer = clock.setTimeout(resolve, milliseconds)));
    await Promise.race([work, late]);
    clock.clearTimeout(timer);
  }

  private async look(id: string): Promise<Look<ContainerFacts>> {
    try {
      const answer = await this.client.get(`/containers/${id}/json`);
      if ('missing' in answer) return { gone: true };
      if ('fault' in answer) return answer;
      const facts = containerFacts(answer.value);
      if (typeof facts === 'string') return { fault: facts };
      // An event may name a container in other words than its id.
      if (facts.id !== id) return { gone: true };
      await this.learnNetworks(facts);
      return { found: facts };
    } catch (error) {
      return { retry: error instanceof Error ? error.message : String(error) };
    }
  }

  /** An attachment can be named only when its network is known. */
  private async learnNetworks({ endpoints }: ContainerFacts): Promise<void> {
    for (const { networkId } of endpoints)
      if (isId(networkId) && !this.view.knowsNetwork(networkId)) await this.lookAtNetwork(networkId);
  }

  /** At most one look at a network at a time, and one more after it where it was asked for meanwhile. */
  private lookAtNetwork(id: string): Promise<void> {
    const running = this.networkLooks.get(id);
    if (running !== undefined) {
      this.networkAgain.add(id);
      return running;
    }
    const look = this.readNetwork(id).finally(() => {
      this.networkLooks.delete(id);
      if (this.networkAgain.delete(id) && !this.ended) void this.lookAtNetwork(id);
    });
    this.networkLooks.set(id, look);
    return look;
  }

  private async readNetwork(id: string): Promise<void> {
    try {
      const answer = await this.client.get(`/networks/${encodeURIComponent(id)}`);
      const facts = 'value' in answer ? networkFacts(answer.value) : undefined;
      this.reports.push(() => {
        if ('missing' in answer) this.view.removeNetwork(id);
        else if (typeof facts === 'object') this.view.putNetwork(facts);
        this.options.onNetworks();
      });
      this.stir();
    } catch {
      // The next list says it.
    }
  }

  /** Enters what has been found. Milliseconds since 1970 of the oldest event among its causes. */
  private enter(): number | undefined {
    const { reports, findings } = this;
    this.reports = [];
    this.findings = [];
    for (const report of reports) report();
    let since: number | undefined;
    for (const { id, look, started, at } of findings) {
      if (at !== undefined) since = Math.min(since ?? Infinity, at);
      if ('found' in look) this.found(look.found, started, at !== undefined);
      else if ('gone' in look) this.gone(id);
      else this.unread(id, 'fault' in look ? look.fault : look.retry, 'retry' in look);
    }
    return since;
  }

  private found(facts: ContainerFacts, started: number, hasNews: boolean): void {
    const stale = this.addresses.enter(facts, started, hasNews);
    if (this.view.putContainer(facts) && this.rows.get(facts.id)?.gist !== gistOf(facts))
      this.touched.add(facts.id);
    if (this.options.gateways.learn(facts)) this.options.onNetworks();
    for (const { id, keys } of stale) {
      const known = this.view.container(id);
      if (known !== undefined) this.view.putContainer(without(known, keys));
      this.inspector.mark(id);
    }
  }

  private gone(id: string): void {
    this.addresses.leave(id);
    this.view.removeContainer(id);
    this.rows.delete(id);
  }

  /** A look that failed is taken again; only where nothing is known of the container is that worth a word. */
  private unread(id: string, reason: string, passing: boolean): void {
    const known = this.view.container(id);
    if (passing && known !== undefined) return;
    const row = this.rows.get(id) ?? known ?? { id, name: id.slice(0, 12), labels: {}, created: '' };
    this.view.refuseContainer(
      row,
      passing ? `the engine does not describe it: ${reason}; podns asks again` : reason,
    );
  }

  private async *snapshot(): AsyncGenerator<StreamEvent[]> {
    if (this.failed) throw this.failure;
    this.enter();
    for (const id of this.inspector.pending) this.unread(id, 'no answer yet', true);
    await paced(this.view.changes());
    const revision = this.next();
    yield [{ type: 'snapshot', revision }];
    let batch: StreamEvent[] = [];
    for (const item of this.view.all()) {
      slices.record();
      batch.push('resource' in item ? putOf(item, revision, true) : refusalOf(item, revision, true));
      if (batch.length < BATCH && !slices.due) continue;
      yield batch;
      batch = [];
      await slices.pause();
    }
    yield [...batch, { type: 'synced', revision }];
  }

  /** One change for all that has been found meanwhile; a bookmark where nothing has changed. */
  private async *change(): AsyncGenerator<StreamEvent[]> {
    const at = this.enter();
    const events = eventsOf(await paced(this.view.changes()), this.next(), at);
    yield events.length > 0 ? events : [{ type: 'bookmark', revision: this.revision }];
  }

  private next(): string {
    this.revision = this.options.nextRevision();
    return this.revision;
  }
}

function putOf({ resource, place }: Changes['puts'][number], revision: string, more: boolean): StreamEvent {
  return { type: 'put', revision, resource, place: { text: place }, more };
}

function refusalOf(refusal: Refusal, revision: string, more: boolean): StreamEvent {
  return { type: 'refused', revision, ...refusal, more };
}

function eventsOf(
  { puts, deletes, refusals }: Changes,
  revision: string,
  at: number | undefined,
): StreamEvent[] {
  const events: StreamEvent[] = [
    ...deletes.map((key): StreamEvent => ({ type: 'delete', revision, key, more: true })),
    ...puts.map((put) => putOf(put, revision, true)),
    ...refusals.map((refusal) => refusalOf(refusal, revision, true)),
  ];
  const last = events.at(-1);
  if (last !== undefined && 'more' in last) last.more = false;
  if (at !== undefined) for (const event of events) if ('at' in event || 'more' in event) event.at = at;
  return events;
}
