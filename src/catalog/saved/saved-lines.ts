/** The lines of the saved view: one form for records, whether the view is written whole or what has changed. */
import type { Place, Resource, ResourceKey } from '../../model.ts';
import type { SourceRecord } from '../change.ts';
import type { Transaction } from '../transaction.ts';

/** The version of the whole file and of journals. */
export const FORMAT = 2;
/** Still read, but no source goes on from it: it does not know how old the VPCs are. */
export const FORMAT_WITHOUT_AGES = 1;
/** Records that are encoded in one slice: some 0.2 ms of work, because changes must not wait longer. */
export const SLICE = 64;
/** Octets of one write, about: each costs a pass of the event loop and work of the thread pool. */
export const WRITE = 256 * 1024;
/** No line that podns writes comes near this; a file without line ends is damaged. */
const MAX_LINE = 64 << 20;

/** What is saved of a source beside its records. */
export interface SavedSource {
  name: string;
  revision: string;
  /** ms since 1970, where the source told it. */
  at?: number | undefined;
  /** When it last reported, ms since 1970. */
  heard?: number | undefined;
  /** What the source needs beside the revision to go on after it. */
  proof?: string | undefined;
}

/** What the view was at one moment, but for its records. */
export interface SavedHead {
  /** ISO 8601. */
  saved: string;
  sources: SavedSource[];
}

/** A record, or a key that its source has withdrawn; `source` counts in the sources of the head before it. */
export interface RecordLine {
  type: 'put' | 'shadowed' | 'delete';
  revision?: string;
  source: number;
  /** Text; a number in the format without ages. */
  stamp?: string | number;
  /** Only in the format without ages: prefixes of a VPC whose claim is older than its stamp. */
  claims?: Record<string, number>;
  /** Where it is written: what an unreadable file held is known by that. */
  file?: string;
  object: unknown;
}

export function recordLine(said: SourceRecord, source: number): string {
  const { revision, resource, shadowed } = said;
  const line: RecordLine = { type: shadowed ? 'shadowed' : 'put', revision, source, object: resource };
  const stamp = String(said.stamp);
  // How old a VPC is, no revision tells.
  if (stamp !== revision || resource.kind === 'vpc') line.stamp = stamp;
  if (said.file !== undefined) line.file = said.file;
  return lineOf(line);
}

export function deleteLine(key: ResourceKey, source: number): string {
  return lineOf({ type: 'delete', source, object: key } satisfies RecordLine);
}

/** Stages the record of a line. Throws where the line makes no sense. */
export function stageLine(transaction: Transaction | undefined, line: RecordLine): void {
  const { type, object, revision } = line;
  if (object === undefined || line.source === undefined) throw new Error('bad line');
  if (type === 'delete') transaction?.delete(object as ResourceKey);
  else if (revision === undefined || (type !== 'put' && type !== 'shadowed')) throw new Error('bad line');
  else transaction?.put(object as Resource, placeOf(line), revision, stampOf(line));
}

function placeOf({ file }: RecordLine): Place | undefined {
  return file === undefined ? undefined : { file };
}

/** For a VPC of the format without ages: the oldest revision that is known of it. */
function stampOf({ object, revision, stamp, claims }: RecordLine): string | undefined {
  if (typeof stamp === 'string' || (object as Resource).kind !== 'vpc') return stamp?.toString();
  const known = Object.values(claims ?? {});
  return String(Math.min(stamp ?? (Number(revision) || 0), ...known));
}

export function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

export interface Readable {
  read(buffer: Buffer, offset: number, length: number): Promise<{ bytesRead: number }>;
}

/** Many whole lines at a time, with their ends. `rest`: what follows the last line end. */
export async function* linesOf(file: Readable, rest: (octets: number) => void): AsyncGenerator<Buffer> {
  const chunk = Buffer.alloc(1 << 18);
  let left = Buffer.alloc(0);
  for (;;) {
    const { bytesRead } = await file.read(chunk, 0, chunk.length);
    if (bytesRead === 0) break;
    const octets = Buffer.concat([left, chunk.subarray(0, bytesRead)]);
    const end = octets.lastIndexOf(10) + 1;
    if (end > 0) yield octets.subarray(0, end);
    left = octets.subarray(end);
    if (left.length > MAX_LINE) throw new Error('a line without end');
  }
  rest(left.length);
}

/** One call for many lines: what it costs to begin would otherwise be half of all. */
export function parseLines(octets: Buffer): unknown[] {
  return JSON.parse(`[${octets.toString('utf8', 0, octets.length - 1).replaceAll('\n', ',')}]`) as unknown[];
}

export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
