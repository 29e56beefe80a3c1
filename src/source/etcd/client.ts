/**
 * Calls to etcd's JSON gateway: tries endpoints in turn, renews the token, and turns failures into reflector errors.
 */

import http from 'node:http';
import https from 'node:https';
import { StreamError } from '../reflector/dialect.ts';
import { readCredentials } from '../watch/credentials.ts';
import { openResponse, readBody, type Credentials, type HttpOptions } from '../watch/http.ts';
import { readFile } from 'node:fs/promises';

export interface EtcdClientOptions extends Omit<HttpOptions, 'tokenFile'> {
  /** Each is `http://host:2379`; any member will do. */
  endpoints: string[];
  user?: string;
  password?: string;
  /** Read again for each new token; takes precedence over `password`. */
  passwordFile?: string;
  /** Milliseconds for a whole answer, except streams. Default 10,000. */
  requestTimeout?: number;
}

/** Part of every answer. The gateway's JSON has 64-bit numbers as strings. */
export interface EtcdHeader {
  cluster_id: string;
  member_id: string;
  revision: string;
  raft_term: string;
}

export interface EtcdKeyValue {
  /** In base64, like `value`. */
  key: string;
  value?: string;
  /** Absent for zero, which no key has. */
  create_revision?: string;
  mod_revision: string;
  /** Why the value is missing. */
  fault?: string;
}

export interface RangeResponse {
  header: EtcdHeader;
  kvs?: EtcdKeyValue[];
  more?: boolean;
}

/** The maximum octets of an answer that is parsed as a whole: a token, or the result of a write of 128 keys. */
const ANSWER_MOST = 256 * 1024;

/** The answer to a list is too long for podns or for the gateway; ask for fewer keys. */
export class TooLargeError extends Error {}

/** gRPC codes in the gateway's spelling. */
const RESOURCE_EXHAUSTED = 8;
const OUT_OF_RANGE = 11;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;

export class EtcdClient {
  private readonly options: EtcdClientOptions;
  private readonly endpoints: URL[];
  private current = 0;
  private credentials: Credentials = {};
  private token: string | undefined;

  /** Throws `TypeError` if an endpoint is not a URL. */
  constructor(options: EtcdClientOptions) {
    if (options.endpoints.length === 0) throw new TypeError('etcd needs at least one endpoint');
    this.options = options;
    this.endpoints = options.endpoints.map(endpointOf);
  }

  get endpoint(): URL {
    return this.endpoints[this.current]!;
  }

  get endpointCount(): number {
    return this.endpoints.length;
  }

  /** Switches to the next endpoint. */
  rotate(): void {
    this.current = (this.current + 1) % this.endpoints.length;
  }

  /** Reads the certificates again; call it before the first request of a connection. */
  async refreshCredentials(): Promise<void> {
    this.credentials = await readCredentials(this.options);
  }

  /** An agent that keeps connections for several requests; the caller destroys it. */
  agent(): http.Agent {
    return this.endpoint.protocol === 'https:'
      ? new https.Agent({ keepAlive: true, maxSockets: 2 })
      : new http.Agent({ keepAlive: true, maxSockets: 2 });
  }

  /** Sends one request, and reads the answer while it arrives. Throws `StreamError` or `TooLargeError`. */
  async read<Answer>(
    path: string,
    body: object,
    read: (response: http.IncomingMessage) => Promise<Answer>,
    signal: AbortSignal,
    agent?: http.Agent,
  ): Promise<Answer> {
    const response = await this.open(path, body, signal, agent);
    const limit = this.options.requestTimeout ?? 10_000;
    const timer = setTimeout(
      () => response.destroy(new Error(`the answer took more than ${limit / 1000} s`)),
      limit,
    );
    try {
      return await read(response);
    } catch (error) {
      if (error instanceof TooLargeError || error instanceof StreamError) throw error;
      throw new StreamError('retry', `${this.endpoint.host}: ${(error as Error).message}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends one request with a short answer. Throws `StreamError`. */
  async call<Answer>(path: string, body: object, signal: AbortSignal): Promise<Answer> {
    return this.read(path, body, readShort<Answer>, signal);
  }

  /** Sends a request whose answer is a stream. Throws `StreamError`. */
  stream(path: string, body: object, signal: AbortSignal): Promise<http.IncomingMessage> {
    return this.open(path, body, signal);
  }

  /** Sends a request, and repeats it once with a new token if the old one has expired. */
  private async open(
    path: string,
    body: object,
    signal: AbortSignal,
    agent?: http.Agent,
  ): Promise<http.IncomingMessage> {
    const withUser = this.options.user !== undefined;
    if (withUser && this.token === undefined) await this.authenticate(signal);
    let response = await this.post(path, body, signal, agent);
    if (response.statusCode === 200) return response;
    let failure = await this.failure(response);
    if (withUser && failure.renewToken) {
      await this.authenticate(signal);
      response = await this.post(path, body, signal, agent);
      if (response.statusCode === 200) return response;
      failure = await this.failure(response);
    }
    throw failure.error;
  }

  private post(
    path: string,
    body: object,
    signal: AbortSignal,
    agent?: http.Agent,
  ): Promise<http.IncomingMessage> {
    const headers: http.OutgoingHttpHeaders = { 'content-type': 'application/json' };
    if (this.token !== undefined && path !== AUTHENTICATE) headers.authorization = this.token;
    return openResponse(
      { url: new URL(path, this.endpoint) },
      {
        method: 'POST',
        agent: agent ?? false,
        headers,
        body: JSON.stringify(body),
        signal,
        connectTimeout: this.options.connectTimeout,
        credentials: this.credentials,
      },
    );
  }

  private async authenticate(signal: AbortSignal): Promise<void> {
    this.token = undefined;
    const { user: name, passwordFile } = this.options;
    let password = this.options.password ?? '';
    if (passwordFile !== undefined) {
      try {
        password = (await readFile(passwordFile, 'utf8')).replace(/\r?\n$/, '');
      } catch (error) {
        throw new StreamError('unauthorized', `${passwordFile} cannot be read: ${(error as Error).message}`);
      }
    }
    const response = await this.post(AUTHENTICATE, { name, password }, signal);
    if (response.statusCode !== 200) throw (await this.failure(response)).error;
    this.token = (await readShort<{ token?: string }>(response)).token;
  }

  private async failure(
    response: http.IncomingMessage,
  ): Promise<{ error: StreamError | TooLargeError; renewToken: boolean }> {
    const text = (await readBody(response, 65_536).catch(() => '')) ?? '';
    const { code, message } = parseError(text);
    const words = `${this.endpoint.host}: ${message === '' ? `HTTP ${response.statusCode}` : message}`;
    const renewToken = code === UNAUTHENTICATED || /invalid auth token|revision of auth store/.test(message);
    return { error: errorOf(code, words, response.statusCode), renewToken };
  }
}

async function readShort<Answer>(response: http.IncomingMessage): Promise<Answer> {
  const text = await readBody(response, ANSWER_MOST);
  if (text === undefined) throw new Error(`the answer has more than ${ANSWER_MOST} octets`);
  return JSON.parse(text) as Answer;
}

const AUTHENTICATE = '/v3/auth/authenticate';

/** The reflector error for a gRPC code and its message. */
export function errorOf(code: number, message: string, status = 0): StreamError | TooLargeError {
  if (code === RESOURCE_EXHAUSTED && /larger than max/.test(message)) return new TooLargeError(message);
  if (code === OUT_OF_RANGE || /required revision (has been compacted|is a future)/.test(message)) {
    return new StreamError('gone', message);
  }
  if (
    code === PERMISSION_DENIED ||
    code === UNAUTHENTICATED ||
    status === 401 ||
    status === 403 ||
    /permission denied|user name is empty|authentication failed|invalid auth token/i.test(message)
  ) {
    return new StreamError('unauthorized', message);
  }
  return new StreamError('retry', message);
}

/** The gateway's error object; older versions use `error`, newer ones `message`. */
export function parseError(text: string): { code: number; message: string } {
  try {
    const { code, message, error } = JSON.parse(text) as Record<string, unknown>;
    const words = typeof message === 'string' ? message : typeof error === 'string' ? error : '';
    return { code: typeof code === 'number' ? code : 0, message: words };
  } catch {
    return { code: 0, message: text.slice(0, 200).trim() };
  }
}

/** `host:2379` counts as `http://host:2379`. Throws `TypeError`. */
function endpointOf(text: string): URL {
  let url: URL;
  try {
    url = new URL(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`);
  } catch {
    throw new TypeError(`${text}: not a URL`);
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TypeError(`${text}: etcd endpoints are http: or https: URLs`);
  }
  return url;
}
