/** Cuts answers of etcd's gateway into small pieces: a range into keys, a watch into events. */
import { RECORD_MAX, jsonFault, shown } from '../validate/bounds.ts';
import { TooLargeError, type EtcdKeyValue, type RangeResponse } from './client.ts';
import type { WatchEvent, WatchLine } from './events.ts';
import { JsonCutter, type Cuts, type Piece } from '../watch/json-cutter.ts';
import { valuesOf } from '../validate/json-outline.ts';
import { StreamError, isRevision } from '../reflector/dialect.ts';
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
  if (fault === undefined) {
    const event = parsed<WatchEvent>(text);
    checkKeyValue(event.kv);
    return event;
  }
  const { type } = (outline?.frame ?? {}) as Pick<WatchEvent, 'type'>;
  return { type, kv: withoutValue(piece) };
}

function keyValueOf(piece: Piece): EtcdKeyValue {
  slices.piece(piece.text.length);
  if (piece.fault !== undefined) return withoutValue(piece);
  const keyValue = parsed<EtcdKeyValue>(piece.text);
  checkKeyValue(keyValue);
  return keyValue;
}

/** An object of the answer. Throws `StreamError` for anything else: no etcd, or one that is broken. */
function parsed<Value>(text: string): Value {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new StreamError('gone', `etcd: ${jsonFault(error)}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new StreamError('gone', `etcd: ${shown(value)} where a key or an event should be`);
  return value as Value;
}

/** Throws `StreamError` unless the fields that are read have their types. */
function checkKeyValue(keyValue: Partial<EtcdKeyValue> | undefined): asserts keyValue is EtcdKeyValue {
  if (typeof keyValue !== 'object' || keyValue === null || typeof keyValue.key !== 'string')
    throw new StreamError('gone', 'etcd: an event or an entry of a list without a key');
  const { value, create_revision, mod_revision } = keyValue;
  if (value !== undefined && typeof value !== 'string')
    throw new StreamError('gone', `etcd: ${shown(value)} where a value in base64 should be`);
  if (!isRevision(mod_revision)) throw new StreamError('gone', 'etcd: a key without a revision');
  if (create_revision !== undefined && !isRevision(create_revision))
    throw new StreamError('gone', `etcd: ${shown(create_revision)} where a revision should be`);
}

/** A key that is too long for podns, or whose value is. */
function withoutValue({ outline, octets }: Piece): EtcdKeyValue {
  const {
    key = '',
    mod_revision,
    ...rest
  } = valuesOf(outline?.members ?? new Map()) as Partial<EtcdKeyValue>;
  const keyValue = { ...rest, key, mod_revision };
  checkKeyValue(keyValue);
  const fault = `has about ${Math.round((octets / 4) * 3)} octets, at most ${RECORD_MAX.octets} are read: make it shorter`;
  return { ...keyValue, fault };
}
