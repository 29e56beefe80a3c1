/** Cuts answers of etcd's gateway into small pieces: a range into keys, a watch into events. */
import { RECORD_MAX } from '../validate/bounds.ts';
import { TooLargeError, type EtcdKeyValue, type RangeResponse } from './client.ts';
import type { WatchEvent, WatchLine } from './events.ts';
import { JsonCutter, type Cuts, type Piece } from '../watch/json-cutter.ts';
import { valuesOf } from '../validate/json-outline.ts';
import { StreamError } from '../reflector/dialect.ts';
import { sliced, slices } from '../reflector/slices.ts';

/** Octets of a value in base64, and of the fields beside it: a key of podns has at most 400 octets. */
const PIECE_MAX = (RECORD_MAX.octets / 3) * 4 + 2048;
/** The maximum octets that are kept of one answer; a longer list asks for fewer keys. */
const KEPT_MAX = 64 * 1024 * 1024;
const LINE_FEED = 0x0a;

const RANGE: Cuts = { paths: [['kvs']], most: PIECE_MAX, outline: [] };
const WATCH: Cuts = { paths: [['result', 'events']], most: PIECE_MAX, outline: ['kv'] };

/** Reads the body of a range. Throws errors of the stream, `TooLargeError`, or `StreamError` if it is not JSON. */
export async function readRange(body: AsyncIterable<Buffer>, host: string): Promise<RangeResponse> {
  const cutter = new JsonCutter(RANGE);
  const kvs: EtcdKeyValue[] = [];
  let kept = 0;
  for await (const chunk of body) {
    for (const part of sliced(chunk)) {
      slices.scanned(part.length);
      for (const piece of cutter.push(part)) {
        kvs.push(keyValueOf(piece));
        kept += piece.text.length;
      }
      if (kept > KEPT_MAX) throw new TooLargeError(`the answer has more than ${KEPT_MAX} octets`);
      await slices.pause();
    }
  }
  const { frame, fault } = cutter.end();
  const answer = frame as RangeResponse | undefined;
  if (answer?.header === undefined)
    throw new StreamError('retry', `${host}: ${fault ?? 'no answer to a range'}`);
  return { ...answer, kvs };
}

/** A line of a watch; `events` has the events that came out before. */
export interface WatchAnswer {
  line: WatchLine;
  events: WatchEvent[];
}

/** Turns chunks of a watch into lines of any length. Throws `StreamError` for a line that is not JSON. */
export class WatchLines {
  private cutter = new JsonCutter(WATCH);
  private events: WatchEvent[] = [];

  /** Undefined only lets a slice end. */
  *push(chunk: Uint8Array): Generator<WatchAnswer | undefined> {
    for (const part of sliced(chunk)) {
      slices.scanned(part.length);
      for (let from = 0; from < part.length;) {
        const end = part.indexOf(LINE_FEED, from);
        for (const piece of this.cutter.push(part.subarray(from, end === -1 ? part.length : end)))
          this.events.push(eventOf(piece));
        yield undefined;
        if (end === -1) break;
        const answer = this.line();
        if (answer !== undefined) yield answer;
        from = end + 1;
      }
    }
  }

  private line(): WatchAnswer | undefined {
    const { events } = this;
    const { frame, fault } = this.cutter.end();
    this.cutter = new JsonCutter(WATCH);
    this.events = [];
    if (fault !== undefined) throw new StreamError('gone', `etcd's watch: ${fault}`);
    return frame === undefined ? undefined : { line: frame as WatchLine, events };
  }
}

function eventOf(piece: Piece): WatchEvent {
  const { fault, outline, text } = piece;
  slices.piece(text.length);
  if (fault === undefined) return JSON.parse(text) as WatchEvent;
  const { type } = (outline?.frame ?? {}) as Pick<WatchEvent, 'type'>;
  return { type, kv: withoutValue(piece) };
}

function keyValueOf(piece: Piece): EtcdKeyValue {
  slices.piece(piece.text.length);
  return piece.fault === undefined ? (JSON.parse(piece.text) as EtcdKeyValue) : withoutValue(piece);
}

/** A key that is too long for podns, or whose value is. */
function withoutValue({ outline, octets }: Piece): EtcdKeyValue {
  const {
    key = '',
    mod_revision,
    ...rest
  } = valuesOf(outline?.members ?? new Map()) as Partial<EtcdKeyValue>;
  if (mod_revision === undefined) throw new StreamError('gone', 'etcd: a key without a revision');
  const fault = `has about ${Math.round((octets / 4) * 3)} octets, at most ${RECORD_MAX.octets} are read: make it shorter`;
  return { ...rest, key, mod_revision, fault };
}
