/** Requests to an engine: the version of its API, answers of bounded size, lists row by row, and the stream of events. */
import { setMaxListeners } from 'node:events';
import http from 'node:http';
import { excerpt } from '../../model-text.ts';
import { StreamError } from '../reflector/dialect.ts';
import { sliced, slices } from '../reflector/slices.ts';
import { openResponse, readBody, type Target } from '../watch/http.ts';
import { JsonCutter, type Cuts } from '../watch/json-cutter.ts';
import { LOOKS_MOST } from './inspector.ts';

/** The newest version of the API whose answers podns knows. */
const NEWEST: Version = [1, 52];
/** Octets of one answer, and of one row of a list: a container of ten thousand variables and labels has as many. */
export const ANSWER_MOST = 256 * 1024;
/** Octets of a whole list, and the rows in it. */
const LIST_MOST = 64 * 2 ** 20;
export const ROWS_MOST = 20_000;
/** Objects and lists inside each other. */
const DEPTH_MOST = 32;
/** Milliseconds until an answer is whole; a list is longer than others. */
const ANSWER_TIME = 5_000;
const LIST_TIME = 30_000;

type Version = [major: number, minor: number];

/** An answer to a question about one thing. */
export type Answer = { value: unknown } | { missing: true } | { fault: string };

const ROWS: Cuts = { paths: [[]], most: ANSWER_MOST };

/** One connection to an engine: `close`, or the signal, ends its requests and its sockets. */
export class EngineClient {
  private readonly target: Target;
  private readonly controller = new AbortController();
  private readonly agent = new http.Agent({ keepAlive: true, maxSockets: LOOKS_MOST, maxFreeSockets: 8 });
  private version: Version = NEWEST;
  /** `Docker/20.10.24 (linux)`, `Libpod/4.3.1 (linux)`. */
  server = '';
  /** Milliseconds since 1970 by the engine's clock, when it was asked for its version. */
  time = 0;

  constructor(target: Target, signal: AbortSignal) {
    this.target = target;
    // Each of the requests listens to it.
    setMaxListeners(0, this.controller.signal);
    if (signal.aborted) this.close();
    signal.addEventListener('abort', () => this.close(), { once: true });
  }

  /** Agrees on a version; before any other request. Throws `StreamError`. */
  async negotiate(): Promise<void> {
    const response = await this.open('/_ping', this.agent).catch((error: unknown) => {
      throw withRemedy(error);
    });
    response.resume();
    const { 'api-version': version, date = '', server } = response.headers;
    this.server = String(server ?? '');
    const time = Date.parse(date);
    this.time = Number.isNaN(time) ? Date.now() : time;
    const theirs = versionOf(String(version ?? '')) ?? (await this.askVersion());
    this.version = theirs !== undefined && isBelow(theirs, NEWEST) ? theirs : NEWEST;
  }

  private async askVersion(): Promise<Version | undefined> {
    const response = await this.open('/version', this.agent);
    const text = await this.within(response, ANSWER_TIME, () => readBody(response, ANSWER_MOST));
    const value = text === undefined ? undefined : parsed(text);
    const { ApiVersion: version } = (value ?? {}) as { ApiVersion?: unknown };
    return versionOf(String(version));
  }

  /** The answer about one thing. Throws `StreamError` where the engine does not answer, or not well. */
  async get(path: string): Promise<Answer> {
    const response = await this.request(path, this.agent);
    const text = await this.within(response, ANSWER_TIME, () => readBody(response, ANSWER_MOST));
    if (response.statusCode === 404) return { missing: true };
    if (response.statusCode !== 200) throw this.failure(path, response.statusCode ?? 0, text ?? '');
    if (text === undefined)
      return {
        fault: `its description has more than ${ANSWER_MOST} octets; give it fewer labels and variables`,
      };
    slices.record(text.length);
    if (isDeep(text)) return { fault: `its description is nested more than ${DEPTH_MOST} levels deep` };
    const value = parsed(text);
    return value === undefined ? { fault: 'its description is not JSON' } : { value };
  }

  /**
   * Gives each row of a list to `take`, undefined for one that cannot be read. Throws `StreamError`, also for a status
   * that is not 200.
   */
  async list(path: string, take: (row: unknown) => void): Promise<void> {
    const response = await this.request(path, this.agent);
    if (response.statusCode !== 200) throw await this.refusal(path, response);
    await this.within(response, LIST_TIME, () => this.rows(path, response, take));
  }

  /** The same of what only the manager of a swarm has: the list of any other engine is empty. */
  async listOfSwarm(path: string, take: (row: unknown) => void): Promise<void> {
    const response = await this.request(path, this.agent);
    if (response.statusCode === 200) {
      await this.within(response, LIST_TIME, () => this.rows(path, response, take));
      return;
    }
    const refusal = await this.refusal(path, response);
    // Docker: "This node is not a swarm manager." Other engines have no swarm.
    if (response.statusCode !== 404 && !/not a swarm manager/i.test(refusal.message)) throw refusal;
  }

  private async refusal(path: string, response: http.IncomingMessage): Promise<StreamError> {
    const text = await this.within(response, ANSWER_TIME, () => readBody(response, ANSWER_MOST));
    return this.failure(path, response.statusCode ?? 0, text ?? '');
  }

  private async rows(
    path: string,
    response: http.IncomingMessage,
    take: (row: unknown) => void,
  ): Promise<void> {
    const cutter = new JsonCutter(ROWS);
    let rows = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) {
      for (const part of sliced(chunk)) {
        slices.scanned(part.length);
        for (const { text, fault } of cutter.push(part)) {
          slices.piece(text.length);
          if (++rows > ROWS_MOST) throw new StreamError('retry', `${path}: more than ${ROWS_MOST} rows`);
          take(fault !== undefined || isDeep(text) ? undefined : parsed(text));
        }
        await slices.pause();
      }
      if (cutter.total > LIST_MOST) throw new StreamError('retry', `${path}: more than ${LIST_MOST} octets`);
    }
    const { frame, fault } = cutter.end();
    // Old engines say null for an empty list.
    if (fault !== undefined || !(Array.isArray(frame) || frame === null))
      throw new StreamError('retry', `${path}: ${fault ?? 'no list'}`);
  }

  /** The stream of events, as soon as the engine has begun it. Throws `StreamError`. */
  async events(since: number, filters: object): Promise<http.IncomingMessage> {
    const query = `since=${since}&filters=${encodeURIComponent(JSON.stringify(filters))}`;
    const response = await this.request(`/events?${query}`, false);
    if (response.statusCode === 200) return response;
    throw await this.refusal('/events', response);
  }

  close(): void {
    this.controller.abort();
    this.agent.destroy();
  }

  /** An engine that does not speak this version says which one it speaks; then that one counts. */
  private async request(path: string, agent: http.Agent | false): Promise<http.IncomingMessage> {
    const version = this.version;
    const response = await this.open(`/v${version.join('.')}${path}`, agent);
    if (response.statusCode !== 400) return response;
    const text = (await this.within(response, ANSWER_TIME, () => readBody(response, ANSWER_MOST))) ?? '';
    const said = /(?:Minimum|Maximum) supported API version is (\d+\.\d+)/i.exec(text)?.[1];
    const wanted = said === undefined ? undefined : versionOf(said);
    if (wanted === undefined || wanted.join('.') === version.join('.')) throw this.failure(path, 400, text);
    this.version = wanted;
    return this.open(`/v${wanted.join('.')}${path}`, agent);
  }

  private open(path: string, agent: http.Agent | false): Promise<http.IncomingMessage> {
    const { url, socketPath } = this.target;
    return openResponse({ url: new URL(path, url), socketPath }, { agent, signal: this.controller.signal });
  }

  private async within<Result>(
    response: http.IncomingMessage,
    limit: number,
    read: () => Promise<Result>,
  ): Promise<Result> {
    const timer = setTimeout(
      () => response.destroy(new Error(`the answer took more than ${limit / 1000} s`)),
      limit,
    );
    try {
      return await read();
    } catch (error) {
      if (error instanceof StreamError) throw error;
      throw new StreamError('retry', (error as Error).message);
    } finally {
      clearTimeout(timer);
    }
  }

  private failure(path: string, status: number, text: string): StreamError {
    const { message } = (parsed(text) ?? {}) as { message?: unknown };
    const words = excerpt(typeof message === 'string' ? message : text, 200);
    const reason = `${path.split('?', 1)[0]}: ${status}${words === '' ? '' : `: ${words}`}`;
    return new StreamError(status === 401 || status === 403 ? 'unauthorized' : 'retry', reason);
  }
}

/** What a person can do about a socket that cannot be opened. */
function withRemedy(error: unknown): unknown {
  if (!(error instanceof StreamError)) return error;
  const { message } = error;
  if (message.includes('EACCES'))
    return new StreamError(
      'unauthorized',
      `${message}; let podns run as root or in the group of that socket`,
    );
  if (message.includes('ENOENT') || message.includes('ECONNREFUSED'))
    return new StreamError('retry', `${message}; is the engine running?`);
  return error;
}

function versionOf(text: string): Version | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function isBelow([major, minor]: Version, [otherMajor, otherMinor]: Version): boolean {
  return major < otherMajor || (major === otherMajor && minor < otherMinor);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** Looks at brackets outside of strings only. */
function isDeep(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x22) {
      for (i++; i < text.length && text.charCodeAt(i) !== 0x22; i++) if (text.charCodeAt(i) === 0x5c) i++;
    } else if ((code | 0x20) === 0x7b) {
      if (++depth > DEPTH_MOST) return true;
    } else if ((code | 0x20) === 0x7d) depth--;
  }
  return false;
}
