/**
 * What a server gives to its successor, and takes from its predecessor: the view, its sockets, and the state folder.
 */
import type { Catalog } from '../catalog/catalog.ts';
import { everyRecord } from '../catalog/saved/every-record.ts';
import type { Readable, SavedSource } from '../catalog/saved/saved-lines.ts';
import { readSnapshot, snapshotText } from '../catalog/saved/snapshot.ts';
import type { Transaction } from '../catalog/transaction.ts';
import type { ResumePoint, Source } from '../model.ts';
import type { Feed } from './feed.ts';
import type { Gateways } from './gateways.ts';
import { resumePoint, sourceWords } from './source-words.ts';
import type { SourceStatus } from './source-status.ts';
import type { Subscribers } from './subscribers.ts';
import type { ListenerSocket, Transports } from './transports.ts';

/** What stands beside the records of a source that is handed over. */
export interface HandedSource extends SavedSource {
  /** A whole state of the source is in the view. */
  whole: boolean;
  /** Since when it gives no sign of life, milliseconds since 1970; 0: it does. */
  lostSince: number;
}

export interface HandedHead {
  /** ISO 8601. */
  saved: string;
  sources: HandedSource[];
}

/** The view of a predecessor: its head, then the text of a saved view. */
export interface HandedView extends Readable {
  head: Record<string, unknown>;
}

export interface HandingOptions {
  catalog: Catalog;
  feed: Feed;
  sources: readonly Source[];
  subscribers: Pick<Subscribers, 'saved' | 'reading'>;
  transports: Pick<Transports, 'sockets' | 'quiet' | 'ready' | 'resume' | 'retire' | 'staff'>;
  gateways: Pick<Gateways, 'hold' | 'release'>;
  wallClock: () => number;
}

/** More sources than the catalog can have. */
const SOURCES_MAX = 256;

export class Handing {
  private readonly options: HandingOptions;
  private readonly points = new Map<string, ResumePoint>();

  constructor(options: HandingOptions) {
    this.options = options;
  }

  /** Every socket of the listeners. */
  sockets(): ListenerSocket[] {
    return this.options.transports.sockets();
  }

  /** Sockets come as soon as there is a view: loads what is to serve them meanwhile. */
  expectSockets(): void {
    this.options.transports.staff();
  }

  /** Resolves when threads serve all bound sockets. */
  served(): Promise<void> {
    return this.options.transports.ready();
  }

  /** The view as it is now, while changes go on. */
  view(): { head: HandedHead; text: AsyncIterable<Buffer> } {
    const { catalog, feed, wallClock, subscribers } = this.options;
    const { reading } = subscribers;
    const proofOf = (source: string, revision: string): string | undefined =>
      this.options.sources.find(({ name }) => name === source)?.proof?.(revision);
    const words = sourceWords({ states: () => feed.states(), proofOf, reading });
    const states = new Map<string, Readonly<SourceStatus>>();
    for (const status of feed.states()) states.set(status.name, status);
    const sources: HandedSource[] = [];
    for (const name of catalog.sources) {
      const revision = catalog.revision(name);
      const status = states.get(name);
      if (revision === undefined || status === undefined) continue;
      const { synced: whole, state } = status;
      const lostSince = state === 'live' ? 0 : status.lostSince;
      const source = { name, revision, at: catalog.at(name), ...words(name, revision), whole, lostSince };
      // What was read from a saved view may be older than its source tells.
      if (!whole || catalog.awaits(name)) delete source.proof;
      sources.push(source);
    }
    const head: HandedHead = { saved: new Date(wallClock()).toISOString(), sources };
    return { head, text: textOf(catalog, head) };
  }

  /** The records of all sources that were handed over and are configured here. Rejects where the view is damaged. */
  async take(view: HandedView): Promise<number> {
    const { catalog, feed, subscribers } = this.options;
    const head = readHead(view.head);
    const transactions = new Map<number, { source: HandedSource; transaction: Transaction }>();
    for (const [i, source] of head.sources.entries()) {
      const { name, revision, at } = source;
      if (!catalog.sources.includes(name) || catalog.revision(name) !== undefined) continue;
      transactions.set(i, { source, transaction: catalog.begin(name, true, revision, at) });
    }
    let records: number;
    try {
      records = await readSnapshot(view, (number) => transactions.get(number)?.transaction);
    } catch (error) {
      for (const { transaction } of transactions.values()) transaction.rollback();
      throw error;
    }
    for (const { source, transaction } of transactions.values()) {
      await feed.restore(source.name, transaction, source.heard ?? Date.parse(head.saved));
      if (source.whole) feed.goOn(source.name, source.lostSince);
      const point = resumePoint(source, subscribers.reading);
      if (point !== undefined) this.points.set(source.name, point);
    }
    return records;
  }

  /** From where a source may go on that was handed over, or saved. */
  resume(source: string): ResumePoint | undefined {
    return this.points.get(source) ?? this.options.subscribers.saved?.resume(source);
  }

  /** What is still missing for serving as the predecessor does: sources that have no whole state, or said nothing yet. */
  missing(): { uncovered: string[]; awaited: string[] } {
    const uncovered: string[] = [];
    for (const { name, synced, restored, reason } of this.options.feed.states()) {
      if (!synced && !restored) uncovered.push(reason === '' ? name : `${name} (${reason})`);
    }
    return { uncovered, awaited: [...this.options.feed.awaited] };
  }

  /** Another process may have the state folder: nothing is written there until `release` or `takeUp`. */
  hold(): void {
    this.options.subscribers.saved?.hold();
  }

  /** No other process has, or had, the state folder. */
  release(): void {
    this.options.subscribers.saved?.release();
  }

  /** The state folder is this process's from now on. */
  async takeUp(): Promise<void> {
    await this.options.subscribers.saved?.takeUp();
  }

  /** Reads no UDP socket any more, and writes nothing to the state folder. */
  async leave(): Promise<void> {
    const { transports, subscribers, gateways } = this.options;
    gateways.hold();
    await Promise.all([transports.quiet(), Promise.resolve(subscribers.saved?.give())]);
  }

  /** After `leave`: goes on as before. */
  async stay(): Promise<void> {
    const { transports, gateways } = this.options;
    transports.resume();
    await Promise.all([this.takeUp(), gateways.release()]);
  }

  /** After `leave`: serves the TCP connections that there are, for at most so many milliseconds. */
  async retire(milliseconds: number): Promise<void> {
    await this.options.transports.retire(milliseconds);
  }
}

async function* textOf(catalog: Catalog, { saved, sources }: HandedHead): AsyncGenerator<Buffer> {
  const moment = catalog.openMoment();
  try {
    const plain = sources.map(({ name, revision, at }) => ({ name, revision, at }));
    yield* snapshotText({ saved, sources: plain, journal: undefined }, everyRecord(catalog, moment, plain));
  } finally {
    catalog.closeMoment(moment);
  }
}

function readHead(head: Record<string, unknown>): HandedHead {
  const { saved, sources } = head;
  if (typeof saved !== 'string' || Number.isNaN(Date.parse(saved))) throw new Error('the view has no time');
  if (!Array.isArray(sources) || sources.length > SOURCES_MAX) throw new Error('the view has no sources');
  for (const { name, revision, whole, lostSince } of sources as Partial<HandedSource>[])
    if (
      typeof name !== 'string' ||
      typeof revision !== 'string' ||
      typeof whole !== 'boolean' ||
      typeof lostSince !== 'number'
    )
      throw new Error('the view has a source without name, revision or state');
  return { saved, sources: sources as HandedSource[] };
}
