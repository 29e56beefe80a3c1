/** The saved view: read at the start, written after changes, and vouched for while nothing changes. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { SnapshotKeeper } from '../catalog/snapshot-keeper.ts';
import { loadSnapshot, saveSnapshot } from '../catalog/snapshot.ts';
import type { Problem, ResumePoint } from '../model.ts';
import type { Feed } from './feed.ts';
import type { SourceStatus } from './source-status.ts';

export interface SavedViewOptions {
  /** The state folder; it exists. */
  folder: string;
  catalog: Catalog;
  feed: Pick<Feed, 'restore'>;
  states: () => Iterable<Readonly<SourceStatus>>;
  /** What a source needs beside its revision to go on; see `Source.proof`. */
  proofOf: (source: string, revision: string) => string | undefined;
  /**
   * What must be equal for a source to go on where it was: another version of podns, or other rules for names,
   * may read the same stream otherwise.
   */
  reading: string;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** The damaged file, or a write that fails; undefined when writing works again. */
  report: (problem: Problem | undefined) => void;
}

/** Where a view of some moment was heard to be still right, without being written again. */
interface Vouched {
  /** `saved` of the snapshot that is meant. */
  saved: number;
  /** By source, milliseconds since 1970. */
  heard: Record<string, number>;
}

const SNAPSHOT = 'view.ndjson';
const VOUCHED = 'view.heard.json';
/** How often a view that does not change is vouched for, milliseconds. */
const VOUCH = 60_000;

export class SavedView {
  readonly path: string;
  /** Milliseconds since 1970, 0 for never in this run. */
  savedAt = 0;
  /** What stands wrong with it. */
  problem: Problem | undefined;
  private readonly options: SavedViewOptions;
  private readonly keeper: SnapshotKeeper;
  private readonly points = new Map<string, ResumePoint>();
  private timer: NodeJS.Timeout | undefined;
  private vouching: Promise<void> = Promise.resolve();
  /** Commits so far, and how many of them the file has. */
  private commits = 0;
  private written = 0;
  private loading = false;

  constructor(options: SavedViewOptions) {
    this.options = options;
    this.path = join(options.folder, SNAPSHOT);
    this.keeper = new SnapshotKeeper({ save: () => this.save(), report: (problem) => this.tell(problem) });
  }

  /** Makes visible what was saved; resolves with the number of records, 0 where there is nothing. Never rejects. */
  async load(): Promise<number> {
    const { catalog, feed, reading, wallClock } = this.options;
    const { snapshot, problem } = await loadSnapshot(catalog, this.path, wallClock);
    if (problem !== undefined) this.tell(problem);
    this.timer = setInterval(() => this.vouch(), VOUCH).unref();
    if (snapshot === undefined) return 0;
    this.savedAt = snapshot.savedAt;
    const vouched = await this.readVouched(snapshot.savedAt);
    const known = snapshot.sources.filter(({ name }) => catalog.sources.includes(name));
    this.loading = true;
    for (const [i, { name, revision, heard, proof }] of known.entries()) {
      await feed.restore(name, snapshot.transactions[i]!, vouched[name] ?? heard ?? snapshot.savedAt);
      const [readAs, own] = proof === undefined ? [] : (JSON.parse(proof) as string[]);
      if (readAs === reading && own !== undefined) this.points.set(name, { revision, proof: own });
    }
    this.loading = false;
    return snapshot.records;
  }

  /** From where a source may go on, if it can prove that nothing was missed. */
  resume(source: string): ResumePoint | undefined {
    return this.points.get(source);
  }

  /** After every commit. */
  changed(): void {
    // What is read from the file need not be written to it.
    if (this.loading) return;
    this.commits++;
    this.keeper.changed();
  }

  /** Writes what is not written yet. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    await this.keeper.close();
    this.vouch();
    await this.vouching;
  }

  private async save(): Promise<void> {
    const { catalog, wallClock, proofOf, reading } = this.options;
    const now = wallClock();
    const { commits } = this;
    await saveSnapshot(
      catalog,
      this.path,
      () => now,
      (name, revision) => {
        const proof = proofOf(name, revision);
        return {
          heard: this.heard(name),
          proof: proof === undefined ? undefined : JSON.stringify([reading, proof]),
        };
      },
    );
    this.savedAt = now;
    this.written = commits;
  }

  private heard(source: string): number | undefined {
    for (const { name, lastHeard } of this.options.states()) {
      if (name === source && lastHeard > 0) return lastHeard;
    }
    return undefined;
  }

  /** A failure here costs nothing but age. */
  private vouch(): void {
    if (this.savedAt === 0 || this.commits !== this.written) return;
    const heard: Record<string, number> = {};
    for (const { name, lastHeard } of this.options.states()) heard[name] = lastHeard;
    const text = JSON.stringify({ saved: this.savedAt, heard } satisfies Vouched);
    const path = join(this.options.folder, VOUCHED);
    this.vouching = this.vouching
      .then(() => writeFile(`${path}.tmp`, `${text}\n`, { mode: 0o600 }))
      .then(() => rename(`${path}.tmp`, path))
      .catch(() => undefined);
  }

  private async readVouched(savedAt: number): Promise<Record<string, number>> {
    try {
      const text = await readFile(join(this.options.folder, VOUCHED), 'utf8');
      const { saved, heard } = JSON.parse(text) as Vouched;
      return saved === savedAt ? heard : {};
    } catch {
      return {};
    }
  }

  private tell(problem: Problem | undefined): void {
    this.problem = problem;
    this.options.report(problem);
  }
}
