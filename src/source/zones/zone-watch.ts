/**
 * Watches a directory that may be replaced: the directory itself, the directories above it that a rename or a
 * symbolic link would change (Kubernetes does so with a ConfigMap), and the directories of its linked files.
 */
import { lstatSync, readlinkSync, statSync, watch as watchFile } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';

/** Like `fs.watch`; `name` is null if the system does not report which entry changed. */
export type Watch = (path: string, listener: (event: string, name: string | null) => void) => FSWatcher;

/** The maximum of links on a path, as in the kernel. */
const HOPS_MAX = 40;
/** The maximum of watched directories of linked files; polling covers the rest. */
const LINKED_MAX = 64;

/**
 * The directories to watch for `path`, each with the entries that matter, or null for all. If a part of the path does
 * not exist, the last existing directory is watched for it.
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

/** Walks a path through its links, and calls `add` for each entry whose change can change the result. */
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

/** The watchers of one directory. Calls `changed` with the entry's name if the entry is in the directory itself. */
export class DirectoryWatch {
  readonly #path: string;
  readonly #changed: (name: string | undefined) => void;
  readonly #watch: Watch;
  /** By path and inode, because a directory that is recreated under its old name needs a new watcher. */
  #watched = new Map<string, Watched>();
  /** Why a directory cannot be watched; undefined while all are watched. */
  trouble: string | undefined;

  constructor(path: string, changed: (name: string | undefined) => void, watch: Watch = watchFile) {
    this.#path = path;
    this.#changed = changed;
    this.#watch = watch;
  }

  /** Updates the set of watched directories. Call it before reading, so that no change is missed. */
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
