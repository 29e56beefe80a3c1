/**
 * The catalog on disk: one NDJSON file in the form of the watch stream, whole or not there, with a checksum.
 *
 * ```
 * {"type":"snapshot","format":2,"revision":"41","saved":"2026-11-22T10:00:00.123Z","sources":[{"name":…,"revision":…}]}
 * {"type":"put","revision":"41","source":0,"object":{…}}        heard; `source` counts in `sources`
 * {"type":"shadowed","revision":"7","source":1,"object":{…}}    said, but another source is heard
 * {"type":"synced","revision":"41"}
 * {"type":"checksum","sha256":"…"}                               of all octets before this line
 * ```
 * `stamp` is added where the revision does not tell it, as text. All that a source says is in it, so a
 * source can go on after the revision that stands beside its name.
 */
import { createHash } from 'node:crypto';
import type { Hash } from 'node:crypto';
import { mkdir, open, readdir, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Problem, Resource } from '../model.ts';
import type { Catalog, Transaction } from './catalog.ts';

const FORMAT = 2;
/** Still read, but no source goes on from it: it does not know how old the VPCs are. */
const FORMAT_WITHOUT_AGES = 1;
/** Records a turn of the event loop: about a tenth of a millisecond of work, for changes must not wait longer. */
const SLICE = 32;
/** Characters of one write. */
const WRITE = 64 * 1024;
/** No line that podns writes comes near this; a file without line ends is damaged. */
const MAX_LINE = 64 << 20;
/** Begins the one line that the checksum does not cover. */
const CHECKSUM = '{"type":"checksum"';

export interface SnapshotSource {
  name: string;
  revision: string;
  /** ms since 1970, where the source told it. */
  at?: number;
  /** When it was last heard of, ms since 1970. */
  heard?: number;
  /** What the source needs beside the revision to go on after it. */
  proof?: string;
}

/** What is saved of a source beside its records; asked in the same turn as they are taken. */
export type SourceWords = (name: string, revision: string) => Pick<SnapshotSource, 'heard' | 'proof'>;

/** What has been read. Everything is staged; the owner commits the transactions, or rolls them back. */
export interface LoadedSnapshot {
  /** ms since 1970. */
  savedAt: number;
  sources: SnapshotSource[];
  records: number;
  /** One for each of `sources` that the catalog has, in that order. */
  transactions: Transaction[];
}

interface SnapshotLine {
  type: string;
  format?: number;
  saved?: string;
  sources?: SnapshotSource[];
  revision?: string;
  source?: number;
  object?: Resource;
  /** Text; a number in the format without ages. */
  stamp?: string | number;
  /** Only in the format without ages: prefixes of a VPC whose claim is older than its stamp. */
  claims?: Record<string, number>;
  sha256?: string;
}

/**
 * Writes what the catalog holds at the first moment when no commit is half read, to a file that only its owner
 * may read, in a directory that is created so; then puts it in the place of the old one. Works in slices between
 * turns of the event loop. Rejects with the system's error and leaves the old file as it was.
 */
export async function saveSnapshot(
  catalog: Catalog,
  path: string,
  now: () => number = Date.now,
  words: SourceWords = () => ({}),
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.tmp-${process.pid}`;
  await unlink(temporary).catch(() => undefined);
  const file = await open(temporary, 'wx', 0o600);
  try {
    try {
      await writeAll(catalog, file, now, words);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await unlink(temporary).catch(() => undefined);
    throw error;
  }
  // The new name itself must reach the disk.
  const directory = await open(dirname(path), 'r');
  await directory.sync().finally(() => directory.close());
}

async function writeAll(
  catalog: Catalog,
  file: FileHandle,
  now: () => number,
  words: SourceWords,
): Promise<void> {
  while (catalog.busy) await new Promise(setImmediate);
  const sources: SnapshotSource[] = [];
  const numbers = new Map<string, number>();
  for (const name of catalog.sources) {
    const revision = catalog.revision(name);
    if (revision === undefined) continue;
    numbers.set(name, sources.length);
    sources.push({ name, revision, at: catalog.at(name), ...words(name, revision) });
  }
  const revision = sources[0]?.revision ?? '';
  const saved = new Date(now()).toISOString();
  const hash = createHash('sha256');
  // The records are taken in the same turn as the revisions: nothing can come between.
  let text = line({ type: 'snapshot', format: FORMAT, revision, saved, sources });
  let count = 0;
  for (const said of catalog.records()) {
    const source = numbers.get(said.source);
    if (source === undefined) continue;
    const entry: SnapshotLine = { type: said.shadowed ? 'shadowed' : 'put', revision: said.revision, source };
    const stamp = String(said.stamp);
    // What a VPC's age is, no revision tells.
    if (stamp !== said.revision || said.resource.kind === 'vpc') entry.stamp = stamp;
    entry.object = said.resource;
    text += line(entry);
    if (++count % SLICE !== 0) continue;
    if (text.length < WRITE) await new Promise(setImmediate);
    else {
      await append(file, text, hash);
      text = '';
    }
  }
  await append(file, text + line({ type: 'synced', revision }), hash);
  await file.appendFile(line({ type: 'checksum', sha256: hash.digest('hex') }));
}

async function append(file: FileHandle, text: string, hash: Hash): Promise<void> {
  const octets = Buffer.from(text);
  hash.update(octets);
  await file.appendFile(octets);
}

function line(value: SnapshotLine): string {
  return JSON.stringify(value) + '\n';
}

/**
 * Reads a snapshot and stages it. Records of sources that the catalog does not have are left out. No file is no
 * problem. A file that is damaged, or of another format, is renamed to `NAME.damaged-TIME` and reported; nothing
 * of it is used, and nothing is thrown. Temporary files of processes that are no more are removed.
 */
export async function loadSnapshot(
  catalog: Catalog,
  path: string,
  now: () => number = Date.now,
): Promise<{ snapshot?: LoadedSnapshot; problem?: Problem }> {
  await removeRemains(path);
  let file: FileHandle;
  try {
    file = await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {};
    return { problem: problem(path, `the snapshot cannot be read: ${reasonOf(error)}`) };
  }
  const transactions = new Map<number, Transaction>();
  let reason: string;
  try {
    return { snapshot: await readAll(catalog, file, transactions) };
  } catch (error) {
    for (const transaction of transactions.values()) transaction.rollback();
    reason = reasonOf(error);
  } finally {
    await file.close();
  }
  const aside = `${path}.damaged-${new Date(now()).toISOString().replaceAll(/[-:]/g, '')}`;
  try {
    await rename(path, aside);
  } catch (error) {
    return {
      problem: problem(
        path,
        `the snapshot is not used: ${reason}; nor can it be renamed: ${reasonOf(error)}`,
      ),
    };
  }
  return { problem: problem(path, `the snapshot is not used: ${reason}; kept as ${basename(aside)}`) };
}

async function readAll(
  catalog: Catalog,
  file: FileHandle,
  transactions: Map<number, Transaction>,
): Promise<LoadedSnapshot> {
  const hash = createHash('sha256');
  let head: { savedAt: number; sources: SnapshotSource[] } | undefined;
  let records = 0;
  let state: 'records' | 'synced' | 'whole' = 'records';
  for await (const octets of linesOf(file)) {
    // One call for many lines: what it costs to begin would otherwise be half of all.
    const text = octets.toString('utf8', 0, octets.length - 1).replaceAll('\n', ',');
    const entries = JSON.parse(`[${text}]`) as SnapshotLine[];
    const end = octets.indexOf(`\n${CHECKSUM}`) + 1;
    if (!text.startsWith(CHECKSUM)) hash.update(end > 0 ? octets.subarray(0, end) : octets);
    for (const entry of entries) {
      if (state === 'whole') throw new Error('something follows the checksum');
      if (state === 'synced') {
        if (entry.type !== 'checksum' || entry.sha256 !== hash.digest('hex'))
          throw new Error('wrong checksum');
        state = 'whole';
      } else if (head === undefined) head = begin(catalog, entry, transactions);
      else if (entry.type === 'synced') state = 'synced';
      else {
        const { object, revision, source } = entry;
        if (object === undefined || revision === undefined || source === undefined)
          throw new Error('bad line');
        transactions.get(source)?.put(object, undefined, revision, stampOf(entry));
        records++;
      }
    }
  }
  if (state !== 'whole' || head === undefined) throw new Error('it ends too early');
  return { ...head, records, transactions: [...transactions.values()] };
}

/** Of a VPC of the format without ages, the oldest that is known of it. */
function stampOf({ object, revision, stamp, claims }: SnapshotLine): string | undefined {
  if (typeof stamp === 'string' || object!.kind !== 'vpc') return stamp?.toString();
  const known = Object.values(claims ?? {});
  return String(Math.min(stamp ?? (Number(revision) || 0), ...known));
}

function begin(
  catalog: Catalog,
  entry: SnapshotLine,
  transactions: Map<number, Transaction>,
): { savedAt: number; sources: SnapshotSource[] } {
  const { type, format, saved, sources } = entry;
  if (type !== 'snapshot' || sources === undefined || saved === undefined)
    throw new Error('it is no snapshot');
  if (format === FORMAT_WITHOUT_AGES) for (const source of sources) delete source.proof;
  else if (format !== FORMAT) throw new Error(`format ${format}, this podns reads ${FORMAT}`);
  sources.forEach(({ name, revision, at }, number) => {
    if (catalog.sources.includes(name)) transactions.set(number, catalog.begin(name, true, revision, at));
  });
  return { savedAt: Date.parse(saved), sources };
}

/** Many whole lines at a time, with their ends. The last must have one. */
async function* linesOf(file: FileHandle): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(1 << 18);
  let rest = Buffer.alloc(0);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) break;
    const octets = Buffer.concat([rest, chunk.subarray(0, bytesRead)]);
    const end = octets.lastIndexOf(10) + 1;
    if (end > 0) yield octets.subarray(0, end);
    rest = octets.subarray(end);
    if (rest.length > MAX_LINE) throw new Error('a line without end');
  }
  if (rest.length > 0) throw new Error('its last line has no end');
}

async function removeRemains(path: string): Promise<void> {
  const prefix = `${basename(path)}.tmp-`;
  for (const name of await readdir(dirname(path)).catch(() => [])) {
    if (!name.startsWith(prefix)) continue;
    try {
      process.kill(Number(name.slice(prefix.length)), 0);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ESRCH') {
        await unlink(join(dirname(path), name)).catch(() => undefined);
      }
    }
  }
}

function problem(file: string, reason: string): Problem {
  return { severity: 'error', place: { file }, reason };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
