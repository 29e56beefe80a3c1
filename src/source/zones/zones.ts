/** The zones directory as a source: edits become transactions, and a broken file keeps its last good state. */
import { subtle } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { lstat, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { holdingClock, type Clock } from '../../base/clock.ts';
import type { Problem, ResourceKey, Sink, Source, SourceState } from '../../model.ts';
import { paced, slices } from '../reflector/slices.ts';
import { FILE_OCTETS_MAX, ioReason, tooLarge, unreadable, zoneNames } from './zone-dir.ts';
import type { Placed, ZoneFile, ZoneOptions } from './zone-file.ts';
import { deliveryOf, joiningZoneFiles, sayKept } from './zone-set.ts';
import { afterOf, fromSaved, holdsMembers } from './zone-remains.ts';
import type { Writing } from './zone-remains.ts';
import type { Delivered, Delivery, ZoneSet } from './zone-set.ts';
import { zoneThread, type ZoneThread } from './zone-thread.ts';
import { DirectoryWatch } from './zone-watch.ts';
import type { Watch } from './zone-watch.ts';

export interface ZonesOptions extends ZoneOptions {
  /** Milliseconds without further events before the directory is read. Default 50. */
  quiet?: number;
  /** Milliseconds after the first event after which the directory is read in any case. Default 120. */
  patience?: number;
  /** Milliseconds between polls, for file systems without events. Default 3,000. */
  poll?: number;
  /** @internal For tests. */
  clock?: Clock;
  /** @internal For tests. */
  watch?: Watch;
  /** @internal The thread that parses files. Default: that of the process. */
  thread?: ZoneThread;
}

const LINE_END = 0x0a;
/** Files do not show which claim is newer, so all claims in them are equal. */
const NO_AGE = 0;

const PREFIX = 'zones:';

/** True for the name of a source that reads a zones directory. */
export function isZones(source: string): boolean {
  return source.startsWith(PREFIX);
}

/** The last state of a file. */
interface Known {
  /** Device, inode, size and times: an equal signature means equal content, unless there was an event. */
  signature: string;
  digest: string;
  linked: boolean;
  zone: ZoneFile;
  /** When it was last taken up: its octets, and whether it ended with a line end. */
  octets: number;
  ended: boolean;
}

/**
 * The source `zones:DIR`. It waits for a directory that does not exist, and keeps the last view of one that
 * disappears. Never fails permanently.
 */
export function zones(
  dir: string,
  options: ZonesOptions = {},
): Source & { reload(): Promise<void>; look(): Promise<string> } {
  return new ZonesSource(dir, options);
}

class ZonesSource implements Source {
  readonly name: string;
  readonly #dir: string;
  readonly #options: ZonesOptions;
  readonly #clock: Clock;
  readonly #watch: DirectoryWatch;
  readonly #thread: ZoneThread;
  #sink: Sink | undefined;
  #closed = false;
  #end!: () => void;
  readonly #ended = new Promise<void>((resolve) => (this.#end = resolve));

  #files = new Map<string, Known>();
  /** All files together, as last delivered. */
  #delivered: Delivered | undefined;
  #revision = 0;
  #reported = new Map<string, string>();
  #state = '';

  /** Names of files with an event; `#all` if an event had no name. */
  #dirty = new Set<string>();
  #all = false;
  /** True if the thread has parsed some file, so that the next edit may need it. */
  #threaded = false;
  /** True if the next delivery must contain everything. */
  #full = false;
  #running: Promise<void> | undefined;
  #again = false;
  #firstEvent: number | undefined;
  #timer: unknown;

  constructor(dir: string, options: ZonesOptions) {
    this.name = `${PREFIX}${dir}`;
    this.#dir = dir;
    this.#options = options;
    this.#clock = options.clock ?? holdingClock;
    this.#thread = options.thread ?? zoneThread;
    this.#watch = new DirectoryWatch(dir, (name) => this.#event(name), options.watch);
  }

  start(sink: Sink): void {
    this.#sink = sink;
    this.#run();
  }

  async reload(): Promise<void> {
    this.#all = true;
    this.#full = true;
    // What is under way has listed the folder already.
    await this.#running;
    if (this.#closed) return;
    if (this.#running === undefined) this.#run();
    await this.#running;
  }

  seen(): string | undefined {
    const isInStep = this.#delivered !== undefined && this.#running === undefined && !this.#all;
    if (!isInStep || this.#dirty.size > 0 || !this.#state.startsWith('live')) return undefined;
    const files = [...this.#files].map(([name, { signature }]): FileSeen => [name, signature]);
    // Of a file that could not be read, nothing tells whether it has changed.
    return files.every(([, signature]) => signature !== '') ? seenText(files) : undefined;
  }

  async look(): Promise<string> {
    const files: FileSeen[] = [];
    for (const name of await zoneNames(this.#dir)) {
      const info = await stat(join(this.#dir, name), { bigint: true });
      if (!info.isDirectory()) files.push([name, signatureOf(info)]);
    }
    return seenText(files);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
    this.#watch.close();
    this.#end();
    await this.#running;
  }

  #event(name: string | undefined): void {
    if (name === undefined) this.#all = true;
    else this.#dirty.add(name);
    if (this.#threaded) this.#thread.warm();
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    const now = this.#clock.now();
    this.#firstEvent ??= now;
    const latest = this.#firstEvent + (this.#options.patience ?? 120) - now;
    this.#wait(Math.max(0, Math.min(this.#options.quiet ?? 50, latest)));
  }

  #wait(milliseconds: number): void {
    this.#clock.clearTimeout(this.#timer);
    if (!this.#closed) this.#timer = this.#clock.setTimeout(() => this.#run(), milliseconds);
  }

  #run(): void {
    if (this.#closed || this.#sink === undefined) return;
    this.#clock.clearTimeout(this.#timer);
    this.#firstEvent = undefined;
    this.#again = false;
    this.#running = this.#look(this.#sink)
      .catch((error: unknown) => {
        if (!this.#closed) this.#tell(this.#sink!, 'lost', `${this.#dir} ${ioReason(error)}`);
      })
      .then(() => {
        this.#running = undefined;
        if (this.#again) this.#wait(this.#options.quiet ?? 50);
        else this.#wait(this.#options.poll ?? 3000);
      });
  }

  /** One pass: lists the files, reads changed ones, delivers. */
  async #look(sink: Sink): Promise<void> {
    const dirty = this.#dirty;
    const all = this.#all;
    this.#dirty = new Set();
    this.#all = false;
    const linked = [...this.#files]
      .filter(([, known]) => known.linked)
      .map(([name]) => join(this.#dir, name));
    this.#watch.update(linked);
    let names: string[];
    try {
      names = await zoneNames(this.#dir);
    } catch (error) {
      this.#all ||= all;
      if (this.#closed) return;
      this.#tell(
        sink,
        this.#delivered === undefined ? 'starting' : 'lost',
        `${this.#dir} ${ioReason(error)}`,
      );
      return;
    }
    const files = new Map<string, Known>();
    for (const name of names) {
      const known = await this.#read(name, all || dirty.has(name));
      if (this.#closed) return;
      if (known !== undefined) files.set(name, known);
    }
    const before = this.#delivered?.set;
    const unchanged = !this.#full && sameZones(this.#files, files);
    this.#files = files;
    const zones = new Map([...files].map(([name, { zone }]) => [name, zone]));
    const set =
      before !== undefined && unchanged ? before : await paced(joiningZoneFiles(zones, before?.placed));
    if (this.#closed) return;
    await paced(this.#report(sink, set));
    if (this.#closed) return;
    if (set !== before) await this.#deliver(sink, set);
    if (!this.#closed) this.#tell(sink, 'live');
  }

  /** The new state of a file, or the old one if nothing has changed; undefined if it is gone or not a file. */
  async #read(name: string, force: boolean): Promise<Known | undefined> {
    const path = join(this.#dir, name);
    const old = this.#files.get(name);
    const linked = await lstat(path).then(
      (entry) => entry.isSymbolicLink(),
      () => undefined,
    );
    if (linked === undefined) return undefined;
    const state: Known = {
      signature: '',
      digest: '',
      linked,
      zone: old?.zone ?? unreadable({ file: path }, ''),
      octets: old?.octets ?? 0,
      ended: old?.ended ?? false,
    };
    const spoiled = async (zone: ZoneFile): Promise<Known> => ({
      ...state,
      zone: await this.#last(zone, path, old),
    });
    let octets: Buffer;
    try {
      const info = await stat(path, { bigint: true });
      if (info.isDirectory()) return undefined;
      state.signature = signatureOf(info);
      if (old !== undefined && !force && old.signature === state.signature) return old;
      if (!info.isFile()) return await spoiled(unreadable({ file: path }, 'is not a file'));
      if (info.size > FILE_OCTETS_MAX) return await spoiled(tooLarge(path, info.size));
      octets = await readFile(path);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (missing && !linked) return undefined;
      const reason = missing ? 'is a dangling symbolic link' : ioReason(error);
      state.signature = '';
      return spoiled(unreadable({ file: path }, reason));
    }
    // Runs in a thread of the pool, because a large file takes long.
    state.digest = Buffer.from(await subtle.digest('SHA-256', octets)).toString('base64');
    if (old !== undefined && old.digest === state.digest) return state;
    this.#threaded ||= this.#thread.wants(octets);
    let zone = state.zone;
    const parsed = this.#thread.parse(octets, path, this.#options).then((found) => void (zone = found));
    // close() does not wait for a large file.
    await Promise.race([parsed, this.#ended]);
    const ended = octets.length === 0 || octets.at(-1) === LINE_END;
    // Where this run has not read it yet, what an earlier one has saved of it counts.
    const before =
      old?.zone ?? (holdsMembers(zone) ? undefined : fromSaved(zone, path, await this.#savedIn(path)));
    const writing: Writing = {
      octets: octets.length,
      octetsBefore: state.octets,
      ended,
      endedBefore: state.ended,
      text: () => octets.toString(),
    };
    const after = afterOf(zone, path, before, writing);
    if (!after.usable) return spoiled(after);
    return { ...state, zone: after, octets: octets.length, ended };
  }

  async #savedIn(path: string): Promise<ResourceKey[]> {
    return (await this.#sink?.savedIn(path)) ?? [];
  }

  /** An unusable file goes on with what it last held, in this run or in the one that was saved. */
  async #last(zone: ZoneFile, path: string, old: Known | undefined): Promise<ZoneFile> {
    if (old !== undefined) return { ...zone, placed: old.zone.placed, refused: old.zone.refused };
    return fromSaved(zone, path, await this.#savedIn(path));
  }

  async #deliver(sink: Sink, set: ZoneSet): Promise<void> {
    const before = this.#delivered;
    // Who removes a file or a record means it. A folder without any file is more likely an accident, such as a mount
    // that is not there: that is a whole state, of which the receiver may hold what it takes away.
    const isEmpty = this.#files.size === 0;
    const full = this.#full || before === undefined || isEmpty;
    this.#full = false;
    const delivery = await paced(deliveryOf(set, before, full));
    if (this.#closed) return;
    const { delivered, puts, kept } = delivery;
    const gone = isEmpty ? [] : delivery.gone;
    this.#delivered = delivered;
    if (!full && puts.length === 0 && kept.length === 0 && gone.length === 0) return;
    sink.begin(full, String(++this.#revision));
    await paced(this.#say(sink, { ...delivery, gone }));
    if (this.#closed) return sink.rollback();
    await Promise.race([sink.commit(), this.#ended]);
  }

  /** Yields after each record, so that a slice may end there. */
  *#say(sink: Sink, { delivered, puts, kept, gone }: Delivery): Generator<void, void> {
    const { set, ages, held } = delivered;
    const put = (text: string, { resource, place }: Placed): void =>
      sink.put(resource, place, undefined, String(ages.get(text) ?? NO_AGE));
    for (const key of gone) {
      if (this.#closed) return;
      sink.delete(key);
      yield slices.record();
    }
    for (const [text, placed] of puts) {
      if (this.#closed) return;
      put(text, placed);
      yield slices.record();
    }
    for (const [text, key] of kept) {
      if (this.#closed) return;
      yield slices.record();
      if (sink.keep(key, ages.get(text)?.toString())) continue;
      held.delete(text);
      const bare = set.placed.get(text);
      if (bare !== undefined) put(text, bare);
    }
  }

  /** Reports the changed problems of each file to the sink. */
  *#report(sink: Sink, set: ZoneSet): Generator<void, void> {
    const reported = new Map<string, string>();
    for (const [name, { zone }] of this.#files) {
      yield slices.record();
      if (this.#closed) return;
      const problems = [
        ...zone.problems.map((problem) => sayKept(problem, zone, set)),
        ...(set.repeated.get(name) ?? []),
      ];
      if (problems.length > 0) this.#problems(sink, join(this.#dir, name), problems, reported);
    }
    if (this.#watch.trouble !== undefined) {
      const poll = (this.#options.poll ?? 3000) / 1000;
      const reason = `${this.#watch.trouble}: podns sees edits only every ${poll} s`;
      this.#problems(
        sink,
        this.#dir,
        [{ severity: 'warning', place: { file: this.#dir }, reason }],
        reported,
      );
    }
    for (const scope of this.#reported.keys()) if (!reported.has(scope)) sink.problems(scope, []);
    this.#reported = reported;
  }

  #problems(sink: Sink, scope: string, problems: Problem[], reported: Map<string, string>): void {
    const text = JSON.stringify(problems);
    if (this.#reported.get(scope) !== text) sink.problems(scope, problems);
    reported.set(scope, text);
  }

  #tell(sink: Sink, state: SourceState, reason?: string): void {
    const text = `${state} ${reason ?? ''}`;
    if (text === this.#state) return;
    this.#state = text;
    sink.state(state, reason);
  }
}

/** Its name, and its signature. */
type FileSeen = [name: string, signature: string];

function seenText(files: FileSeen[]): string {
  return JSON.stringify(files.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function signatureOf({ dev, ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}`;
}

function sameZones(before: ReadonlyMap<string, Known>, after: ReadonlyMap<string, Known>): boolean {
  if (before.size !== after.size) return false;
  for (const [name, { zone }] of after) if (before.get(name)?.zone !== zone) return false;
  return true;
}
