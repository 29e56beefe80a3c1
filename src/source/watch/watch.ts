/** The watch stream (NDJSON) as a source: over HTTP, HTTPS and HTTP on a unix socket, or from standard input. */

import type { Readable } from 'node:stream';
import { LINE_OCTETS_MAX } from '../validate/bounds.ts';
import { LineSplitter } from './line-splitter.ts';
import { isRevision, StreamError, type Dialect, type StreamEvent } from '../reflector/dialect.ts';
import type { Clock } from '../../base/clock.ts';
import { reflectorSource, STALL_AFTER } from '../reflector/run.ts';
import { readCredentials } from './credentials.ts';
import { failureOf, openResponse, type Target, type HttpOptions } from './http.ts';
import { inTurns, sliced, slices } from '../reflector/slices.ts';
import { plainLine } from './plain-line.ts';
import { eventOfLine, OUTLINE_AT } from './protocol.ts';
import type { Source } from '../../model.ts';

export interface WatchOptions extends HttpOptions {
  /**
   * `http://…` or `https://…`; `unix:PATH`: HTTP over that socket at `/v1/watch`, as podns itself serves it; `-`: lines
   * from standard input, which can neither resume nor reconnect.
   */
  url: string;
  /** Asks only for these VPCs: `?vpc=a&vpc=b`. */
  vpcs?: string[];
  /** Milliseconds of silence after which the stream counts as dead; 0 means never. Default 37,500. */
  stallAfter?: number;
  /** The canonical suffix; names must fit below it. */
  zone?: string;
  /** Replaces standard input, for `-`. */
  input?: Readable;
  /** @internal For tests. */
  clock?: Clock;
  /** @internal For tests: from 0 to 1. */
  random?: () => number;
}

/** Events per batch: a chunk has hundreds, and the event loop has other work too. */
const BATCH = 50;

/** Turns chunks into batches of events; the events of one chunk come before the next chunk. */
export type Reading = (chunk: Uint8Array) => Iterable<StreamEvent[]>;

/** Throws `TypeError` for an invalid URL. */
export function watchSource(options: WatchOptions): Source {
  if (options.url === '-') {
    const dialect = inputDialect(options.input ?? process.stdin, lineReading(options.zone));
    return reflectorSource('watch:-', dialect, options);
  }
  const target = parseTarget(options.url, '/v1/watch');
  for (const vpc of options.vpcs ?? []) target.url.searchParams.append('vpc', vpc);
  // Another selection of VPCs is another stream, even with equal revisions.
  const selection = JSON.stringify([...new Set(options.vpcs)].sort());
  let heard = 0;
  const dialect: Dialect = {
    stallAfter: options.stallAfter ?? STALL_AFTER,
    get heard() {
      return heard;
    },
    // The server answers 410 if it cannot continue from the revision.
    proof: (revision) => (isRevision(revision) ? selection : undefined),
    resume: ({ revision, proof }) => isRevision(revision) && proof === selection,
    async *connect(revision, signal) {
      const url = new URL(target.url);
      if (revision !== undefined) url.searchParams.set('revision', revision);
      const chunks = await openLines({ ...target, url }, options, signal);
      heard = performance.now();
      yield [{ type: 'connected', resumed: revision !== undefined }];
      const read = lineReading(options.zone);
      for await (const chunk of chunks) {
        heard = performance.now();
        yield* inTurns(read(chunk));
      }
    },
  };
  return reflectorSource(`watch:${targetText(target, options.url)}`, dialect, options);
}

function lineReading(zone: string | undefined): Reading {
  const splitter = new LineSplitter(LINE_OCTETS_MAX, OUTLINE_AT, plainLine);
  return function* (chunk) {
    for (const part of sliced(chunk)) {
      let batch: StreamEvent[] = [];
      slices.scanned(part.length);
      for (const line of splitter.push(part)) {
        batch.push(eventOfLine(line, zone));
        if (batch.length < BATCH && !slices.due) continue;
        yield batch;
        batch = [];
      }
      yield batch;
    }
  };
}

/** `unix:PATH` or a URL. Throws `TypeError`. */
export function parseTarget(text: string, unixPath: string): Target {
  if (text.startsWith('unix:')) {
    const socketPath = text.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (socketPath === '') throw new TypeError(`${text}: a path must follow "unix:"`);
    return { url: new URL(unixPath, 'http://localhost'), socketPath };
  }
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    throw new TypeError(`${text}: not a URL`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`${text}: only http:, https: and unix: are supported`);
  }
  return { url };
}

/** The target for names and messages, without a password. */
export function targetText(target: Target, text: string): string {
  if (target.socketPath !== undefined) return text;
  const url = new URL(text);
  url.username = '';
  url.password = '';
  return url.href;
}

/** Opens the stream and returns its chunks. Throws `StreamError` for every status but 200. */
export async function openLines(
  target: Target,
  http: HttpOptions,
  signal: AbortSignal,
): Promise<AsyncIterable<Buffer>> {
  const response = await openResponse(target, {
    agent: false,
    headers: { accept: 'application/x-ndjson' },
    signal,
    connectTimeout: http.connectTimeout,
    credentials: await readCredentials(http),
  });
  if (response.statusCode !== 200) throw await failureOf(response);
  const type = response.headers['content-type'] ?? '';
  if (type.startsWith('text/html')) {
    response.destroy();
    throw new StreamError('retry', `${target.url.pathname} is a page, not a watch stream; try /v1/watch`);
  }
  return response;
}

/**
 * A stream that cannot be reopened: after a fault it skips lines up to the next whole state, and its end is final, so
 * that the last view stays.
 */
export function inputDialect(input: Readable, read: Reading): Dialect {
  const chunks = (input as AsyncIterable<Buffer | string>)[Symbol.asyncIterator]();
  /** Events of the last chunk that are not yet taken: those of the open batch, and those still to read. */
  let rest: StreamEvent[] = [];
  let unread: Iterator<StreamEvent[]> = [][Symbol.iterator]();
  let pending: Promise<IteratorResult<Buffer | string>> | undefined;
  let closed = false;
  return {
    stallAfter: 0,
    async *connect(_revision, signal) {
      let inState = false;
      while (!signal.aborted && !closed) {
        while (rest.length > 0) {
          const run = rest.splice(0, runLength(rest));
          inState ||= run[0]!.type === 'snapshot';
          if (inState) yield run;
          if (signal.aborted) return;
        }
        await slices.pause();
        const { value, done } = unread.next();
        if (done !== true) {
          rest = value;
          continue;
        }
        pending ??= chunks.next();
        const result = await unlessAborted(pending, signal);
        if (result === undefined) return;
        pending = undefined;
        if (result.done === true) throw new StreamError('ended', 'the input ended');
        unread = read(Buffer.from(result.value))[Symbol.iterator]();
      }
    },
    async close() {
      closed = true;
      input.destroy();
    },
  };
}

/**
 * How many events may go out at once: the events after a fault, or from a new state on, must still be there when the
 * reflector asks again.
 */
function runLength(events: StreamEvent[]): number {
  const most = Math.min(events.length, BATCH);
  for (let i = 0; i < most; i++) {
    if (events[i]!.type === 'malformed') return i + 1;
    if (i > 0 && events[i]!.type === 'snapshot') return i;
  }
  return most;
}

function unlessAborted<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value | undefined> {
  return new Promise((resolve, reject) => {
    const abort = (): void => resolve(undefined);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
