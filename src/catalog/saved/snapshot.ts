/**
 * The catalog on disk, written whole: one NDJSON file in the form of the watch stream, whole or not there, with a
 * checksum.
 *
 * ```
 * {"type":"snapshot","format":2,"revision":"41","saved":"2026-11-22T10:00:00.123Z","journal":7,"sources":[{"name":…,"revision":…}]}
 * {"type":"put","revision":"41","source":0,"object":{…}}        effective; `source` counts in `sources`
 * {"type":"shadowed","revision":"7","source":1,"object":{…}}    reported, but another source is effective
 * {"type":"synced","revision":"41"}
 * {"type":"checksum","sha256":"…"}                               of all octets before this line
 * ```
 * `stamp` is added where the revision does not tell it, as text, and `file` where a record comes from a file. All that a
 * source reported is in it, so a source can go on after the revision that stands beside its name. What changed since is in the journal of that number; without
 * one nothing follows.
 */
import { createHash } from 'node:crypto';
import { open, rename, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { writeOut } from './journal.ts';
import { FORMAT, FORMAT_WITHOUT_AGES, linesOf, lineOf, parseLines, stageLine } from './saved-lines.ts';
import type { Readable, RecordLine, SavedHead } from './saved-lines.ts';
import type { Transaction } from '../transaction.ts';

/** Begins the one line that the checksum does not cover. */
const CHECKSUM = '{"type":"checksum"';

interface HeadLine extends SavedHead {
  type: string;
  format?: number;
  revision?: string;
  journal?: number;
}

/** The head of a snapshot, and which journal goes on from it. */
export interface SnapshotHead extends SavedHead {
  journal: number | undefined;
}

/**
 * Writes lines of records to a file that only its owner may read, then puts it in the place of the old one; resolves
 * with its octets. Rejects with the system's error and leaves the old file as it was. Both the file and its name are
 * on the disk when it resolves: what it replaces may be removed.
 */
export async function writeSnapshot(
  path: string,
  { journal, saved, sources }: SnapshotHead,
  lines: AsyncIterable<Buffer>,
  openFile: typeof open,
): Promise<number> {
  const temporary = `${path}.tmp-${process.pid}`;
  await unlink(temporary).catch(() => undefined);
  const file = await openFile(temporary, 'wx', 0o600);
  let octets = 0;
  try {
    try {
      for await (const piece of snapshotText({ journal, saved, sources }, lines))
        octets = await writeOut(file, piece, octets);
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
  return octets;
}

/** The text of the whole file: head, records, and the checksum of what comes before it. */
export async function* snapshotText(
  { journal, saved, sources }: SnapshotHead,
  lines: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  const revision = sources[0]?.revision ?? '';
  const noted = (octets: Buffer): Buffer => {
    hash.update(octets);
    return octets;
  };
  yield noted(Buffer.from(lineOf({ type: 'snapshot', format: FORMAT, revision, saved, journal, sources })));
  for await (const piece of lines) yield noted(piece);
  yield noted(Buffer.from(lineOf({ type: 'synced', revision })));
  yield Buffer.from(lineOf({ type: 'checksum', sha256: hash.digest('hex') }));
}

/** The first line alone, unchecked; `aged`: the file knows how old the VPCs are. Throws where it is not a head. */
export async function readHead(file: FileHandle): Promise<SnapshotHead & { aged: boolean }> {
  let position = 0;
  const fromStart = {
    read: async (buffer: Buffer, offset: number, length: number) => {
      const read = await file.read(buffer, offset, length, position);
      position += read.bytesRead;
      return read;
    },
  };
  for await (const octets of linesOf(fromStart, () => undefined)) {
    const line = JSON.parse(octets.toString('utf8', 0, octets.indexOf(10))) as Partial<HeadLine>;
    const { type, format, saved, sources, journal } = line;
    if (type !== 'snapshot' || sources === undefined || saved === undefined)
      throw new Error('it is no snapshot');
    const aged = format === FORMAT;
    if (!aged && format !== FORMAT_WITHOUT_AGES)
      throw new Error(`format ${format}, this podns reads ${FORMAT}`);
    return { saved, sources, journal, aged };
  }
  throw new Error('it ends too early');
}

/** Stages every record; returns how many. Throws where anything is wrong with the file. */
export async function readSnapshot(
  file: Readable,
  transactionOf: (source: number) => Transaction | undefined,
): Promise<number> {
  const hash = createHash('sha256');
  let records = 0;
  let state: 'begin' | 'records' | 'synced' | 'whole' = 'begin';
  const withoutEnd = (octets: number): void => {
    if (octets > 0) throw new Error('its last line has no end');
  };
  for await (const octets of linesOf(file, withoutEnd)) {
    const entries = parseLines(octets) as (RecordLine & { type: string; sha256?: string })[];
    const first = octets.subarray(0, CHECKSUM.length).equals(Buffer.from(CHECKSUM));
    const end = octets.indexOf(`\n${CHECKSUM}`) + 1;
    if (!first) hash.update(end > 0 ? octets.subarray(0, end) : octets);
    for (const entry of entries) {
      if (state === 'whole') throw new Error('something follows the checksum');
      if (state === 'synced') {
        if ((entry.type as string) !== 'checksum' || entry.sha256 !== hash.digest('hex'))
          throw new Error('wrong checksum');
        state = 'whole';
      } else if (state === 'begin') state = 'records';
      else if ((entry.type as string) === 'synced') state = 'synced';
      else {
        stageLine(transactionOf(entry.source), entry);
        records++;
      }
    }
  }
  if (state !== 'whole') throw new Error('it ends too early');
  return records;
}
