/** The zones directory as a source: edits become transactions, and what is broken stays as it last was. */
import { hash } from 'node:crypto';
import { lstat, readFile, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { keyOf, keyText } from '../model.ts';
import type { Problem, ResourceKey, Sink, Source, SourceState } from '../model.ts';
import { systemClock } from './reflector-run.ts';
import type { Clock } from './reflector-run.ts';
import { FILE_OCTETS_MAX, ioReason, isZoneFileName, unreadable, zoneText } from './zone-dir.ts';
import { parseZoneFile } from './zone-file.ts';
import type { Placed, ZoneFile, ZoneOptions } from './zone-file.ts';
import { agesOf, joinZoneFiles } from './zone-set.ts';
import type { ZoneSet } from './zone-set.ts';
import { DirectoryWatch } from './zone-watch.ts';
import type { Watch } from './zone-watch.ts';

export interface ZonesOptions extends ZoneOptions {
  /** Milliseconds without a further event before the directory is read. Default 50. */
  quiet?: number;
  /** Milliseconds from the first event after which it is read in any case. Default 120. */
  patience?: number;
  /** Milliseconds between looks that need no event, for file systems that send none. Default 3,000. */
  poll?: number;
  clock?: Clock;
  watch?: Watch;
}

/** Files do not say what is newer: all claims in them are alike, whenever podns read them. */
const NO_AGE = 0;

/** A file as it was last read. */
interface Known {
  /** Device, inode, size and times: the same signature, the same content, unless an event says otherwise. */
  signature: string;
  digest: string;
  linked: boolean;
  zone: ZoneFile;
}

/**
 * The source `zones:DIR`. A directory that does not exist is waited for; one that goes away leaves its last
 * view standing. Never fails for good.
 */
export function zones(dir: string, options: ZonesOptions = {}): Source & { reload(): void } {
  return new ZonesSource(dir, options);
}

class ZonesSource implements Source {
  readonly name: string;
  readonly #dir: string;
  readonly #options: ZonesOptions;
  readonly #clock: Clock;
  readonly #watch: DirectoryWatch;
  #sink: Sink | undefined;
  #closed = false;
  #end!: () => void;
  readonly #ended = new Promise<void>((resolve) => (this.#end = resolve));

  #files = new Map<string, Known>();
  #placed: Map<string, Placed> | undefined;
  /** By `keyText` of a VPC; see `Sink.put`. */
  #ages = new Map<string, number>();
  /** Refused ones of which the receiver may have a version from before our own start. */
  #held = new Map<string, ResourceKey>();
  #revision = 0;
  #reported = new Map<string, string>();
  #state = '';

  /** Names of which an event told; `#all` when it did not say which. */
  #dirty = new Set<string>();
  #all = false;
  /** The next delivery restates everything. */
  #full = false;
  #running: Promise<void> | undefined;
  #again = false;
  #firstEvent: number | undefined;
  #cancel: (() => void) | undefined;

  constructor(dir: string, options: ZonesOptions) {
    this.name = `zones:${dir}`;
    this.#dir = dir;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#watch = new DirectoryWatch(dir, (name) => this.#event(name), options.watch);
  }

  start(sink: Sink): void {
    this.#sink = sink;
    this.#run();
  }

  reload(): void {
    this.#all = true;
    this.#full = true;
    if (this.#running === undefined) this.#run();
    else this.#again = true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    this.#watch.close();
    this.#end();
    await this.#running;
  }

  #event(name: string | undefined): void {
    if (name === undefined) this.#all = true;
    else this.#dirty.add(name);
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
    this.#cancel?.();
    if (!this.#closed) this.#cancel = this.#clock.after(milliseconds, () => this.#run());
  }

  #run(): void {
    if (this.#closed || this.#sink === undefined) return;
    this.#cancel?.();
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

  /** One look: list, read what changed, deliver. */
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
      names = (await readdir(this.#dir)).filter(isZoneFileName).sort();
    } catch (error) {
      this.#all ||= all;
      if (this.#closed) return;
      this.#tell(sink, this.#placed === undefined ? 'starting' : 'lost', `${this.#dir} ${ioReason(error)}`);
      return;
    }
    const files = new Map<string, Known>();
    for (const name of names) {
      const known = await this.#read(name, all || dirty.has(name));
      if (this.#closed) return;
      if (known !== undefined) files.set(name, known);
    }
    this.#files = files;
    const before = this.#placed;
    const set = joinZoneFiles(new Map([...files].map(([name, { zone }]) => [name, zone])), before);
    this.#report(sink, set);
    this.#placed = set.placed;
    await this.#deliver(sink, before, set);
    if (!this.#closed) this.#tell(sink, 'live');
  }

  /** A file's new state, or its old one where nothing changed; undefined where it is gone or no file. */
  async #read(name: string, force: boolean): Promise<Known | undefined> {
    const path = join(this.#dir, name);
    const old = this.#files.get(name);
    const linked = await lstat(path).then(
      (entry) => entry.isSymbolicLink(),
      () => undefined,
    );
    if (linked === undefined) return undefined;
    const state: Known = { signature: '', digest: '', linked, zone: old?.zone ?? unreadable(path, '') };
    let octets: Buffer;
    try {
      const info = await stat(path, { bigint: true });
      if (info.isDirectory()) return undefined;
      state.signature = `${info.dev}:${info.ino}:${info.size}:${info.mtimeNs}:${info.ctimeNs}`;
      if (old !== undefined && !force && old.signature === state.signature) return old;
      if (!info.isFile()) return { ...state, zone: keepLast(unreadable(path, 'is not a file'), old) };
      if (info.size > FILE_OCTETS_MAX) {
        const reason = `has ${info.size} octets, ${FILE_OCTETS_MAX} are allowed`;
        return { ...state, zone: keepLast(unreadable(path, reason), old) };
      }
      octets = await readFile(path);
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      if (missing && !linked) return undefined;
      const reason = missing ? 'is a symbolic link to nothing' : ioReason(error);
      return { ...state, signature: '', zone: keepLast(unreadable(path, reason), old) };
    }
    state.digest = hash('sha256', octets, 'base64');
    if (old !== undefined && old.digest === state.digest) return state;
    const read = zoneText(octets);
    const zone =
      'text' in read ? parseZoneFile(read.text, path, this.#options) : unreadable(path, read.reason);
    return { ...state, zone: keepLast(zone, old) };
  }

  async #deliver(sink: Sink, before: Map<string, Placed> | undefined, set: ZoneSet): Promise<void> {
    const full = this.#full || before === undefined;
    const after = set.placed;
    const ages = agesOf(set.vpcs, this.#ages);
    const held = new Map([...set.wanting].filter(([text]) => full || this.#held.has(text)));
    const puts: [string, Placed][] = [];
    for (const [text, placed] of after) {
      const old = before?.get(text);
      const isNew = full || old === undefined || changed(old, placed) || this.#held.has(text);
      if (!held.has(text) && (isNew || ages.get(text) !== this.#ages.get(text))) puts.push([text, placed]);
    }
    const kept = [...held].filter(([text]) => full || ages.get(text) !== this.#ages.get(text));
    const gone: ResourceKey[] = [];
    for (const [text, { resource }] of full ? [] : before) if (!after.has(text)) gone.push(keyOf(resource));
    for (const [text, key] of full ? [] : this.#held) if (!held.has(text) && !after.has(text)) gone.push(key);
    this.#ages = ages;
    this.#held = held;
    if (!full && puts.length === 0 && kept.length === 0 && gone.length === 0) return;
    this.#full = false;
    sink.begin(full, String(++this.#revision));
    for (const key of gone) sink.delete(key);
    for (const [text, { resource, place }] of puts)
      sink.put(resource, place, undefined, String(ages.get(text) ?? NO_AGE));
    for (const [text, key] of kept) {
      if (sink.keep?.(key, ages.get(text)?.toString()) === true) continue;
      held.delete(text);
      const bare = after.get(text);
      if (bare !== undefined)
        sink.put(bare.resource, bare.place, undefined, String(ages.get(text) ?? NO_AGE));
    }
    await Promise.race([sink.commit(), this.#ended]);
  }

  /** Tells the sink of each file's problems where they changed. */
  #report(sink: Sink, set: ZoneSet): void {
    const reported = new Map<string, string>();
    for (const [name, { zone }] of this.#files) {
      const problems = [
        ...zone.problems.map((problem) => sayKept(problem, zone, set)),
        ...(set.repeated.get(name) ?? []),
      ];
      if (problems.length > 0) this.#problems(sink, join(this.#dir, name), problems, reported);
    }
    if (this.#watch.trouble !== undefined) {
      const poll = (this.#options.poll ?? 3000) / 1000;
      const reason = `${this.#watch.trouble}: edits are seen only every ${poll} s`;
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

/** An unusable file goes on with what it last held. */
function keepLast(zone: ZoneFile, old: Known | undefined): ZoneFile {
  if (zone.usable || old === undefined) return zone;
  return { ...zone, placed: old.zone.placed, refused: old.zone.refused };
}

function changed(old: Placed, placed: Placed): boolean {
  return old !== placed && !isDeepStrictEqual(old.resource, placed.resource);
}

/** Says of an error what is served instead. */
function sayKept(problem: Problem, zone: ZoneFile, set: ZoneSet): Problem {
  if (problem.severity !== 'error') return problem;
  if (!zone.usable && zone.placed.length > 0)
    return { ...problem, reason: `${problem.reason}; the file's last good state is served` };
  if (problem.key !== undefined && set.kept.has(keyText(problem.key)))
    return { ...problem, reason: `${problem.reason}; its last good version is served` };
  return problem;
}
