/**
 * The catalog on disk: written whole now and then, and what changed since in journals beside it, so that what a
 * change costs does not depend on how much there is.
 *
 * A process that is killed loses nothing that `flush` has written. When the host loses power, what the system has
 * not put on its disk yet is missing from the end of the journal, as a rule the last half minute; the checksums tell
 * where it ends, and what comes before is served. A view that was written whole is on the disk before it replaces
 * another.
 */
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Problem } from '../../model.ts';
import type { Catalog } from '../catalog.ts';
import { identityOf, inodeOf } from './image-file.ts';
import type { SavedPosition } from './image-file.ts';
import { Journal, journalNumbers, journalPath, removeJournals } from './journal.ts';
import type { Moment } from '../moments.ts';
import { deleteLine, reasonOf, SLICE, WRITE } from './saved-lines.ts';
import type { SavedHead, SavedSource } from './saved-lines.ts';
import { loadView, problemOf } from './saved-load.ts';
import type { LoadedView } from './saved-load.ts';
import type { Sayings, ChangeLog } from './change-log.ts';
import { everyRecord } from './every-record.ts';
import { writeSnapshot } from './snapshot.ts';

/** What is saved of a source beside its records; asked in the same pass of the event loop as the records are taken. */
export type SourceWords = (name: string, revision: string) => Pick<SavedSource, 'heard' | 'proof'>;

export interface SavedFilesOptions {
  catalog: Catalog;
  path: string;
  /** Milliseconds since 1970. */
  now: () => number;
  words?: SourceWords;
  /** The view cannot be written whole, though the journal goes on; undefined: it has been written whole. */
  reportWhole?: (problem: Problem | undefined) => void;
  /** For tests: a disk that fails. */
  openFile?: typeof open;
  /** Octets of journals below which the view is not written whole anew. */
  journalLeast?: number;
}

/** The journals may be as large as the view, or this, before the view is written whole. */
const JOURNAL_LEAST = 1 << 20;
/** So many times that, and nothing more is appended until the view could be written whole. */
const JOURNAL_MOST = 8;
/** Each start begins a journal. */
const JOURNALS_MOST = 16;

/** Slices in which changes are written, as long as a slice does not exceed its maximum, some 3 ms. */
const SLICES = 32;
const SLICE_MOST = 1024;

/** The last committed state, and what is saved beside its records. */
interface Look {
  moment: Moment;
  head: SavedHead;
}

const aborted = new Error('the view is not written whole: the process ends');

export class SavedFiles {
  readonly path: string;
  /** Time of the last one that was written or read, ms since 1970; 0: nothing. */
  savedAt = 0;
  readonly #options: SavedFilesOptions;
  readonly #openFile: typeof open;
  readonly #log: ChangeLog;
  /** Octets of the whole file that the journals go on from; undefined where there is none. */
  #base: number | undefined;
  /** `saved` of what the next journal goes on from. */
  #saved = '';
  #journal: Journal | undefined;
  /** The journals that go on from the whole file, the open one excepted. */
  #closed: { number: number; octets: number }[] = [];
  #number = 0;
  /** Revisions of sources that were read without a proof: they have none until they report more. */
  readonly #unproved = new Map<string, string>();
  #flushing = false;
  #rewriting: Promise<void> | undefined;
  #ended = false;

  constructor(options: SavedFilesOptions) {
    this.#options = options;
    this.path = options.path;
    this.#openFile = options.openFile ?? open;
    // From the beginning: a log that begins in the middle of a commit has only half of it.
    this.#log = options.catalog.keepLog();
  }

  /** See `loadView`. To be called once, before the first `flush`. */
  async load(): Promise<{ view?: LoadedView; problem?: Problem }> {
    const { catalog, now } = this.#options;
    const { view, problem, number, chain } = await loadView(catalog, this.path, now, () => this.#ended);
    this.#number = number;
    if (view !== undefined) this.savedAt = view.savedAt;
    for (const { name, revision, proof } of view?.sources ?? [])
      if (proof === undefined) this.#unproved.set(name, revision);
    if (chain !== undefined) {
      this.#base = chain.octets;
      this.#saved = chain.saved;
      this.#closed = chain.journals;
    }
    return { ...(view && { view }), ...(problem && { problem }) };
  }

  /** Where the files end; undefined while anything is not in them yet, or the whole file is being written anew. */
  position(): SavedPosition | undefined {
    const isSettled = !this.#flushing && this.#rewriting === undefined && this.#log.isEmpty;
    if (!isSettled || this.#base === undefined) return undefined;
    const open = this.#journal === undefined ? [] : [this.#journal];
    const journals = [...this.#closed, ...open].map(({ number, octets }) => {
      return { number, octets, inode: inodeOf(journalPath(this.path, number)) };
    });
    return { whole: identityOf(this.path), journals };
  }

  /**
   * Writes the records of commits that have finished since the last time. Rejects where they did not reach the disk.
   */
  async flush(): Promise<void> {
    this.#flushing = true;
    try {
      await this.#flush();
    } finally {
      this.#flushing = false;
    }
  }

  async #flush(): Promise<void> {
    const log = this.#log;
    // At the end of the process nothing is written whole that a journal can hold.
    const isTooLong = !this.#ended && this.#octets() > JOURNAL_MOST * this.#enough();
    if (this.#base === undefined || log.overflown || isTooLong) {
      await this.#rewriting;
      const look = this.#look();
      this.#base = undefined;
      log.restart();
      await this.#startOver(look);
      return;
    }
    const look = this.#look();
    const { moment, head } = look;
    const sayings = log.take();
    let goesOn = false;
    try {
      try {
        this.#journal ??= await this.#create(this.#saved);
        await this.#journal.append(head, this.#changes(moment, head.sources, sayings));
      } catch (error) {
        log.putBack(sayings);
        throw error;
      }
      log.done(sayings);
      this.#note(head);
      const full = this.#octets() > this.#enough() || this.#closed.length > JOURNALS_MOST;
      if (!full || this.#ended || this.#rewriting !== undefined) return;
      // What is reported from this moment on goes into a journal that both the old whole file and the new one lead to.
      await this.#turnTo(await this.#create(head.saved));
      goesOn = true;
    } finally {
      if (!goesOn) this.#options.catalog.closeMoment(moment);
    }
    this.#rewrite(look, this.#journal.number);
  }

  /** Nothing is written after it. */
  async close(): Promise<void> {
    this.#ended = true;
    await this.#rewriting;
    await this.#journal?.close();
    this.#journal = undefined;
  }

  /** Gives up writing the view whole, if that is under way and the journal goes on without it. */
  hurry(): void {
    this.#ended = this.#base !== undefined;
  }

  /** Gives up reading: nothing is written either. */
  abandon(): void {
    this.#ended = true;
  }

  /**
   * Another process may have written these files meanwhile, and does not any more: the next `flush` writes the view
   * whole, with a journal that none of theirs has the number of.
   */
  async renew(): Promise<void> {
    await this.#rewriting;
    await this.#journal?.close();
    this.#journal = undefined;
    this.#closed = [];
    this.#base = undefined;
    this.#ended = false;
    this.#number = Math.max(this.#number, ...(await journalNumbers(this.path)));
  }

  #octets(): number {
    return this.#closed.reduce((sum, { octets }) => sum + octets, this.#journal?.octets ?? 0);
  }

  #enough(): number {
    return Math.max(this.#base ?? 0, this.#options.journalLeast ?? JOURNAL_LEAST);
  }

  /** The last committed state, with what is saved beside its records. */
  #look(): Look {
    const { catalog, words, now } = this.#options;
    const sources: SavedSource[] = [];
    for (const name of catalog.sources) {
      const revision = catalog.revision(name);
      if (revision === undefined) continue;
      const source: SavedSource = { name, revision, at: catalog.at(name), ...words?.(name, revision) };
      if (this.#unproved.get(name) === revision || catalog.awaits(name)) delete source.proof;
      sources.push(source);
    }
    return { head: { saved: new Date(now()).toISOString(), sources }, moment: catalog.openMoment() };
  }

  #note({ saved }: SavedHead): void {
    this.#saved = saved;
    this.savedAt = Date.parse(saved);
  }

  async #create(since: string): Promise<Journal> {
    const journal = await Journal.create(this.path, this.#number + 1, since, this.#openFile);
    this.#number = journal.number;
    return journal;
  }

  async #turnTo(journal: Journal): Promise<void> {
    const before = this.#journal;
    this.#journal = journal;
    if (before === undefined) return;
    this.#closed.push(before);
    await before.close();
  }

  /** The files hold less than is known of them now, or nothing: until this is done, nothing is appended. */
  async #startOver(look: Look): Promise<void> {
    try {
      await mkdir(dirname(this.path), { recursive: true, mode: 0o700 });
      await this.#turnTo(await this.#create(look.head.saved));
    } catch (error) {
      this.#options.catalog.closeMoment(look.moment);
      throw error;
    }
    await this.#writeWhole(look, this.#journal!.number, () => undefined);
    this.#note(look.head);
    this.#options.reportWhole?.(undefined);
  }

  /** Beside the journal, which goes on. */
  #rewrite(look: Look, journal: number): void {
    const { reportWhole } = this.#options;
    const goOn = (): void => {
      if (this.#ended) throw aborted;
    };
    this.#rewriting = this.#writeWhole(look, journal, goOn)
      .then(
        () => reportWhole?.(undefined),
        (error: unknown) => {
          if (error === aborted) return;
          reportWhole?.(problemOf(this.path, `the view cannot be written whole: ${reasonOf(error)}`));
        },
      )
      .finally(() => (this.#rewriting = undefined));
  }

  /** Everything that was reported at a moment; that journal goes on from it. `goOn` may throw to give it up. */
  async #writeWhole({ moment, head }: Look, journal: number, goOn: () => void): Promise<void> {
    try {
      const lines = everyRecord(this.#options.catalog, moment, head.sources, goOn);
      this.#base = await writeSnapshot(this.path, { ...head, journal }, lines, this.#openFile);
      this.#closed = this.#closed.filter(({ number }) => number >= journal);
      await removeJournals(this.path, (number) => number < journal);
    } finally {
      this.#options.catalog.closeMoment(moment);
    }
  }

  async *#changes(moment: Moment, sources: SavedSource[], sayings: Sayings): AsyncGenerator<Buffer> {
    const lines = this.#options.catalog.linesAt(moment, sources);
    // On a busy process slices are scarce: the more there is to write, the more each slice does.
    const slice = Math.min(SLICE_MOST, Math.max(SLICE, Math.ceil(sayings.length / SLICES)));
    for (const [i, saying] of sayings.entries()) {
      if (typeof saying === 'number') {
        if (moment.has(saying)) lines.record(saying);
      } else {
        const source = lines.numberOf(saying.source);
        if (source !== undefined) lines.line(deleteLine(saying.key, source));
      }
      if (i % slice !== slice - 1) continue;
      if (lines.length < WRITE) await new Promise(setImmediate);
      else yield lines.take();
    }
    yield lines.take();
  }
}
