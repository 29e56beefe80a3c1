/**
 * Watching a directory that may be replaced: itself, the directories above it that a rename or a symbolic
 * link would change (as Kubernetes does with a ConfigMap), and the directories its linked files live in.
 */
import { lstatSync, readlinkSync, statSync, watch as watchFile } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';

/** As `fs.watch`; `name` is null where the system does not say which entry changed. */
export type Watch = (path: string, listener: (event: string, name: string | null) => void) => FSWatcher;

/** Links followed on the way, as the kernel limits them. */
const HOPS_MAX = 40;
/** Directories of linked files that are watched; the rest is left to the slow look. */
const LINKED_MAX = 64;

/**
 * The directories to watch for `path`, each with the entries that matter, or null for all. Where the path ends
 * early, the last directory that exists is watched for the next step.
 */
export function watchPoints(path: string, linked: Iterable<string> = []): Map<string, Set<string> | null> {
  const points = new Map<string, Set<string> | null>();
  const add = (directory: string, name: string): void => {
    const names = points.get(directory);
    if (names === undefined) points.set(directory, new Set([name]));
    else names?.add(name);
  };
  const whole = walk(path, add);
  if (whole !== undefined) points.set(whole, null);
  let count = 0;
  for (const file of linked) {
    if (++count > LINKED_MAX) break;
    walk(file, add);
  }
  return points;
}

/** Goes along a path, links followed, and tells `add` each step that a link or the end makes interesting. */
function walk(path: string, add: (directory: string, name: string) => void): string | undefined {
  let rest = resolve(path).split(sep).filter(Boolean);
  let at: string = sep;
  let hops = 0;
  while (rest.length > 0) {
    const name = rest.shift()!;
    if (name === '.') continue;
    if (name === '..') {
      at = dirname(at);
      continue;
    }
    const here = join(at, name);
    const stat = tryStat(here);
    if (stat === undefined || rest.length === 0 || stat.isSymbolicLink()) add(at, name);
    if (stat === undefined) return undefined;
    if (stat.isSymbolicLink()) {
      if (++hops > HOPS_MAX) return undefined;
      const target = tryRead(here);
      if (target === undefined) return undefined;
      if (target.startsWith(sep)) at = sep;
      rest = [...target.split(sep).filter(Boolean), ...rest];
      continue;
    }
    at = here;
  }
  return at;
}

function tryStat(path: string) {
  try {
    return lstatSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function tryRead(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

interface Watched {
  watcher: FSWatcher;
  names: Set<string> | null;
}

/** The watchers of one directory. `changed` is told the entry's name where it is one of the directory itself. */
export class DirectoryWatch {
  readonly #path: string;
  readonly #changed: (name: string | undefined) => void;
  readonly #watch: Watch;
  /** By path and inode: a directory made anew under its old name needs a new watcher. */
  #watched = new Map<string, Watched>();
  /** Why something cannot be watched; undefined while all is. */
  trouble: string | undefined;

  constructor(path: string, changed: (name: string | undefined) => void, watch: Watch = watchFile) {
    this.#path = path;
    this.#changed = changed;
    this.#watch = watch;
  }

  /** Looks again at what is to be watched. Call it before reading, so that no change falls between. */
  update(linked: Iterable<string> = []): void {
    this.trouble = undefined;
    const next = new Map<string, Watched>();
    for (const [directory, names] of watchPoints(this.#path, linked)) {
      const identity = identityOf(directory);
      if (identity === undefined) continue;
      const key = `${identity} ${directory}`;
      const old = this.#watched.get(key);
      this.#watched.delete(key);
      if (old !== undefined) old.names = names;
      const watched = old ?? this.#open(directory, names, key);
      if (watched !== undefined) next.set(key, watched);
    }
    this.close();
    this.#watched = next;
  }

  close(): void {
    for (const { watcher } of this.#watched.values()) watcher.close();
    this.#watched.clear();
  }

  #open(directory: string, names: Set<string> | null, key: string): Watched | undefined {
    try {
      const watcher = this.#watch(directory, (_event, name) => {
        if (watched.names === null) this.#changed(name ?? undefined);
        else if (name === null || watched.names.has(name)) this.#changed(undefined);
      });
      const watched: Watched = { watcher, names };
      watcher.on('error', () => {
        watcher.close();
        this.#watched.delete(key);
      });
      return watched;
    } catch (error) {
      this.trouble = `${directory} cannot be watched (${(error as NodeJS.ErrnoException).code})`;
      return undefined;
    }
  }
}

function identityOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true });
    return `${stat.dev}:${stat.ino}`;
  } catch {
    return undefined;
  }
}
