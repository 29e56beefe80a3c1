/**
 * What has changed since the view was written whole: files to which whole commits are appended, several at a time.
 *
 * ```
 * {"type":"journal","format":2,"number":7,"since":"2026-11-22T10:00:00.123Z"}
 * {"type":"batch","saved":"2026-11-22T10:00:00.623Z","sources":[{"name":…,"revision":…}]}
 * {"type":"put","revision":"42","source":0,"object":{…}}      as in the snapshot; `source` counts in this batch
 * {"type":"delete","source":0,"object":{"kind":"pod","vpc":…,"namespace":…,"name":…}}
 * {"type":"end","octets":…,"sha256":"…"}                       of the batch's lines before this one
 * ```
 * A batch counts when its end is there and right, so one that a kill or a full disk has cut never shows. `since` is
 * `saved` of what the file goes on from: the snapshot that names its number, or the file before it.
 */
import { createHash } from 'node:crypto';
import { open, readdir, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { basename, dirname } from 'node:path';
import { FORMAT, FORMAT_WITHOUT_AGES, linesOf, lineOf, parseLines } from './saved-lines.ts';
import type { RecordLine, SavedHead } from './saved-lines.ts';

const BATCH = '{"type":"batch"';
const END = '{"type":"end"';

export function journalPath(path: string, number: number): string {
  return `${path}.journal-${number}`;
}

/** Those that lie beside a snapshot, in no order. */
export async function journalNumbers(snapshot: string): Promise<number[]> {
  const names = await readdir(dirname(snapshot)).catch(() => []);
  return names.map((name) => numberIn(name, `${basename(snapshot)}.journal-`)).filter((number) => number > 0);
}

export async function removeJournals(snapshot: string, unwanted: (number: number) => boolean): Promise<void> {
  for (const number of await journalNumbers(snapshot)) {
    if (unwanted(number)) await unlink(journalPath(snapshot, number)).catch(() => undefined);
  }
}

function numberIn(name: string, prefix: string): number {
  const digits = name.startsWith(prefix) ? name.slice(prefix.length) : '';
  return /^[1-9][0-9]{0,14}$/.test(digits) ? Number(digits) : -1;
}

/** A journal that is written. What fails leaves it as it was; it can be tried again. */
export class Journal {
  readonly number: number;
  /** Octets of the head and the whole batches. */
  octets = 0;
  readonly #file: FileHandle;

  private constructor(number: number, file: FileHandle) {
    this.number = number;
    this.#file = file;
  }

  /** Makes a new one, in the place of any other of this number. */
  static async create(path: string, number: number, since: string, openFile: typeof open): Promise<Journal> {
    const file = await openFile(journalPath(path, number), 'w', 0o600);
    const journal = new Journal(number, file);
    try {
      const head = lineOf({ type: 'journal', format: FORMAT, number, since });
      journal.octets = await writeOut(file, Buffer.from(head), 0);
      return journal;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** `lines`: pieces of whole lines. */
  async append(head: SavedHead, lines: AsyncIterable<Buffer>): Promise<void> {
    const hash = createHash('sha256');
    let at = this.octets;
    const write = async (octets: Buffer): Promise<void> => {
      hash.update(octets);
      at = await writeOut(this.#file, octets, at);
    };
    try {
      const first = Buffer.from(lineOf({ type: 'batch', ...head }));
      let isFirst = true;
      for await (const piece of lines) {
        await write(isFirst ? Buffer.concat([first, piece]) : piece);
        isFirst = false;
      }
      if (isFirst) await write(first);
      const end = { type: 'end', octets: at - this.octets, sha256: hash.digest('hex') };
      this.octets = await writeOut(this.#file, Buffer.from(lineOf(end)), at);
    } catch (error) {
      // What the next batch does not overwrite must not follow it.
      await this.#file.truncate(this.octets).catch(() => undefined);
      throw error;
    }
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

/** Writes all of it, however little a write takes; returns where it ends. */
export async function writeOut(file: FileHandle, octets: Buffer, at: number): Promise<number> {
  for (let done = 0; done < octets.length;) {
    const { bytesWritten } = await file.write(octets, done, octets.length - done, at + done);
    if (bytesWritten === 0) throw new Error('nothing more could be written');
    done += bytesWritten;
  }
  return at + octets.length;
}

/** What a journal holds that can be relied on. */
export interface ReadJournal {
  /** The sources as of the last whole batch, else undefined. */
  head: SavedHead | undefined;
  /** Up to the end of the last whole batch. */
  octets: number;
  /** Up to the end of the last whole batch that has any record; 0 without one. */
  recordsUntil: number;
  /** What is wrong in the middle. A cut at the end is no fault: a process that was killed leaves one. */
  damage: string | undefined;
}

interface HeadLine extends Partial<SavedHead> {
  type: string;
  format?: number;
  number?: number;
  since?: string;
}

interface EndLine {
  octets: number;
  sha256: string;
}

/** Finds the whole batches. Undefined where there is no such journal, or one that goes on from something else. */
export async function checkJournal(
  path: string,
  number: number,
  since: string,
): Promise<ReadJournal | undefined> {
  const file = await openIfThere(journalPath(path, number));
  if (file === undefined) return undefined;
  const read: ReadJournal = { head: undefined, octets: 0, recordsUntil: 0, damage: undefined };
  let hash = createHash('sha256');
  let head: SavedHead | undefined;
  let hasRecords = false;
  let at = 0;
  try {
    for await (const octets of linesOf(file, () => undefined)) {
      // Lines of one batch are hashed together.
      let from = 0;
      for (let start = 0; start < octets.length;) {
        const end = octets.indexOf(10, start) + 1;
        if (at + start === 0) {
          const first = JSON.parse(octets.toString('utf8', 0, end)) as HeadLine;
          if (first.type !== 'journal') return undefined;
          if (first.format !== FORMAT && first.format !== FORMAT_WITHOUT_AGES) return undefined;
          if (first.number !== number || first.since !== since) return undefined;
          from = read.octets = end;
        } else if (startsWith(octets, start, BATCH)) {
          if (head !== undefined) return { ...read, damage: `the batch at ${read.octets} has no end` };
          head = JSON.parse(octets.toString('utf8', start, end)) as SavedHead;
        } else if (head === undefined) return { ...read, damage: `no batch begins at ${at + start}` };
        else if (startsWith(octets, start, END)) {
          hash.update(octets.subarray(from, start));
          const said = JSON.parse(octets.toString('utf8', start, end)) as EndLine;
          if (said.octets !== at + start - read.octets || said.sha256 !== hash.digest('hex'))
            return { ...read, damage: `wrong checksum of the batch at ${read.octets}` };
          read.head = head;
          head = undefined;
          hash = createHash('sha256');
          read.octets = at + end;
          if (hasRecords) read.recordsUntil = read.octets;
          hasRecords = false;
          from = end;
        } else hasRecords = true;
        start = end;
      }
      hash.update(octets.subarray(from));
      at += octets.length;
    }
  } catch (error) {
    return { ...read, damage: error instanceof Error ? error.message : String(error) };
  } finally {
    await file.close();
  }
  return at === 0 ? undefined : read;
}

/** Reads batches up to an octet where one ends: the head of each, then its lines. Throws on what is no JSON. */
export async function readJournal(
  path: string,
  number: number,
  until: number,
  each: (head: SavedHead, line: RecordLine) => void,
): Promise<void> {
  const file = await open(journalPath(path, number), 'r');
  try {
    let at = 0;
    let head: SavedHead | undefined;
    for await (const octets of linesOf(file, () => undefined)) {
      if (at >= until) return;
      for (const line of parseLines(octets.subarray(0, until - at)) as (HeadLine | RecordLine)[]) {
        if (line.type === 'batch') head = line as SavedHead;
        else if (line.type !== 'journal' && line.type !== 'end') each(head!, line as RecordLine);
      }
      at += octets.length;
    }
  } finally {
    await file.close();
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function startsWith(octets: Buffer, at: number, text: string): boolean {
  return octets.length - at >= text.length && octets.toString('latin1', at, at + text.length) === text;
}
