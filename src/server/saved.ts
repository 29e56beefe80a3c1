/** The saved view: read at the start, written after changes, and confirmed regularly while nothing changes. */
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import type { SavedPosition } from '../catalog/saved/image-file.ts';
import { SavedFiles } from '../catalog/saved/saved-files.ts';
import type { SavedFilesOptions } from '../catalog/saved/saved-files.ts';
import { SnapshotKeeper } from '../catalog/saved/snapshot-keeper.ts';
import type { Clock } from '../base/clock.ts';
import type { Problem, ResumePoint } from '../model.ts';
import type { Feed } from './feed.ts';
import { resumePoint, sourceWords, type WordsOptions } from './source-words.ts';

export interface SavedViewOptions extends WordsOptions {
  /** The state folder, which exists. */
  folder: string;
  catalog: Catalog;
  feed: Pick<Feed, 'restore'>;
  /** Milliseconds since 1970. */
  wallClock: () => number;
  /** Reports a damaged file or a failed write; undefined once writing works again. */
  report: (problem: Problem | undefined) => void;
  /** For tests. */
  clock?: Clock;
  files?: Pick<SavedFilesOptions, 'openFile' | 'journalLeast'>;
}

/** In the state folder. */
export const VIEW_FILE = 'view.ndjson';
/** Milliseconds after which an unchanged view is confirmed, which saves the last sign of life of its sources. */
const VOUCH = 60_000;

/** What writes the image beside the saved view; see `SavedImage` of `image.ts`. */
export interface ImageWriter {
  changed(): void;
  rewritten(): void;
  hold(): Promise<void>;
  release(): void;
  close(): Promise<void>;
}

export class SavedView {
  private readonly options: SavedViewOptions;
  private readonly files: SavedFiles;
  private readonly keeper: SnapshotKeeper;
  private readonly points = new Map<string, ResumePoint>();
  private timer: NodeJS.Timeout | undefined;
  /** The files are being read: until all is visible, nothing may be written. */
  private loading = false;
  private image: ImageWriter | undefined;
  /** Another process writes the files, or may. */
  private held = false;
  /** The current problems of reading and of writing. */
  private wrong: { files?: Problem | undefined; whole?: Problem | undefined } = {};

  constructor(options: SavedViewOptions) {
    const { catalog, folder, wallClock: now, clock } = options;
    this.options = options;
    this.files = new SavedFiles({
      ...options.files,
      catalog,
      path: join(folder, VIEW_FILE),
      now,
      words: sourceWords(options),
      reportWhole: (whole) => {
        this.tell({ whole });
        if (whole === undefined) this.image?.rewritten();
      },
    });
    this.keeper = new SnapshotKeeper({
      save: () => this.files.flush(),
      report: (files) => this.tell({ files }),
      ...(clock && { clock }),
    });
  }

  get path(): string {
    return this.files.path;
  }

  /** Milliseconds since 1970, 0 for never. */
  get savedAt(): number {
    return this.files.savedAt;
  }

  /** The current problem. */
  get problem(): Problem | undefined {
    return this.wrong.files ?? this.wrong.whole;
  }

  /** Where the files end; undefined while they do not hold all that is visible. */
  position(): SavedPosition | undefined {
    return this.loading ? undefined : this.files.position();
  }

  /** From now on there is an image, too. */
  keepImage(image: ImageWriter): void {
    this.image = image;
    if (this.held) void image.hold();
  }

  /**
   * Makes the saved view visible; resolves with the number of records, undefined if nothing is saved that can be used. Never
   * rejects.
   */
  async load(): Promise<number | undefined> {
    this.loading = true;
    const records = await this.loadNow();
    this.loading = false;
    // The problem may have changed meanwhile.
    if (records !== undefined) this.changed();
    return records;
  }

  private async loadNow(): Promise<number | undefined> {
    const { feed, reading } = this.options;
    const { view, problem } = await this.files.load();
    if (problem !== undefined) this.tell({ files: problem });
    this.timer = setInterval(() => this.vouch(), VOUCH).unref();
    if (view === undefined) return undefined;
    for (const [i, { name, revision, heard, proof }] of view.sources.entries()) {
      await feed.restore(name, view.transactions[i]!, heard ?? view.savedAt);
      const point = resumePoint({ name, revision, proof }, reading);
      if (point !== undefined) this.points.set(name, point);
    }
    return view.records;
  }

  /** Another process may have these files: nothing is written until `release` or `takeUp`. */
  hold(): void {
    this.held = true;
    void this.image?.hold();
  }

  /** No other process has the files, nor has had them. */
  release(): void {
    if (!this.held) return;
    this.held = false;
    this.image?.release();
    if (!this.loading) this.keeper.changed();
  }

  /** Another process had the files, and has them no more: everything is written whole, soon. */
  async takeUp(): Promise<void> {
    await this.files.renew();
    this.timer ??= setInterval(() => this.vouch(), VOUCH).unref();
    this.held = true;
    this.release();
  }

  /** Writes what has changed, and nothing after it, until `takeUp`. */
  async give(): Promise<void> {
    this.held = true;
    await this.image?.hold();
    this.files.hurry();
    await this.keeper.settle();
  }

  /** The revision from which a source may continue if it can prove that it has missed nothing. */
  resume(source: string): ResumePoint | undefined {
    return this.points.get(source);
  }

  /** Called after every commit. */
  changed(): void {
    // Records that come from the files need not be written to them.
    if (this.loading || this.held) return;
    this.keeper.changed();
    this.image?.changed();
  }

  /** Writes all pending changes. While the files are being read, nothing is written, and nothing more is read. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    if (this.loading) {
      this.files.abandon();
      await this.image?.hold();
      return;
    }
    this.vouch();
    this.files.hurry();
    await this.keeper.close();
    await this.image?.close();
    await this.files.close();
  }

  /** Without a saved view there is nothing to confirm. */
  private vouch(): void {
    if (this.savedAt !== 0) this.changed();
  }

  private tell(wrong: { files?: Problem | undefined } | { whole?: Problem | undefined }): void {
    const before = this.problem;
    this.wrong = { ...this.wrong, ...wrong };
    if (this.problem !== before) this.options.report(this.problem);
  }
}
