/** One HTTP request of a stream, over TCP, TLS or a unix socket; failures become errors of the reflector. */

import http from 'node:http';
import https from 'node:https';
import { StreamError } from '../reflector/dialect.ts';

/** Files are read again for each connection, so that renewed certificates and tokens take effect. */
export interface HttpOptions {
  /** PEM; the authorities for the server's certificate, instead of the system's. */
  caFile?: string;
  /** PEM; the client certificate and its key. */
  certFile?: string;
  keyFile?: string;
  /** Sent as `Authorization: Bearer`. */
  tokenFile?: string;
  /** Milliseconds within which the server must start to answer. Default 5,000. */
  connectTimeout?: number;
}

export interface Target {
  /** `http:` or `https:`. With `socketPath` only its path and query count. */
  url: URL;
  socketPath?: string;
}

/** The maximum of milliseconds that `Retry-After` may ask for. */
const RETRY_AFTER_MOST = 300_000;
/** The maximum of an error body that is quoted. */
const QUOTED = 300;
/** Milliseconds of silence after which TCP starts to probe for a dead peer. */
const KEEP_ALIVE = 10_000;

/** The content of the files of `HttpOptions`. */
export interface Credentials {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  token?: string;
}

export interface RequestOptions extends Pick<http.RequestOptions, 'agent' | 'method'> {
  headers?: http.OutgoingHttpHeaders;
  body?: string;
  signal: AbortSignal;
  connectTimeout?: number;
  credentials?: Credentials;
}

/**
 * Sends the request and resolves with the response as soon as its head has arrived, whatever its status; the caller
 * must read or destroy the body. Aborting `signal` destroys both. Throws `StreamError`.
 */
export function openResponse(target: Target, options: RequestOptions): Promise<http.IncomingMessage> {
  const { body, signal, connectTimeout = 5_000, credentials, ...rest } = options;
  const { url, socketPath } = target;
  const headers: http.OutgoingHttpHeaders = { ...rest.headers };
  if (credentials?.token !== undefined) headers.authorization = `Bearer ${credentials.token}`;
  if (body !== undefined) headers['content-length'] = Buffer.byteLength(body);
  const secure = url.protocol === 'https:' && socketPath === undefined;
  return new Promise((resolve, reject) => {
    const all = { ...rest, headers, signal, ...(socketPath === undefined ? {} : { socketPath }) };
    let request: http.ClientRequest;
    try {
      request = secure
        ? https.request(url, { ...all, ca: credentials?.ca, cert: credentials?.cert, key: credentials?.key })
        : http.request(url, all);
    } catch (error) {
      // Node throws at once for an invalid key or certificate.
      reject(new StreamError('unauthorized', (error as Error).message));
      return;
    }
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${connectTimeout / 1000} s`)),
      connectTimeout,
    );
    request.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE));
    // Stays after the head has arrived: the response reports an error of the body, but this event must have a handler.
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(new StreamError('retry', `${hostOf(target)}: ${messageOf(error)}`));
    });
    request.once('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    request.end(body);
  });
}

/** The error for a status other than 200; it quotes the beginning of the body. */
export async function failureOf(response: http.IncomingMessage): Promise<StreamError> {
  const status = response.statusCode ?? 0;
  const text = await readSome(response, QUOTED);
  const words = `${status} ${response.statusMessage ?? ''}${text === '' ? '' : `: ${text}`}`;
  if (status === 410) return new StreamError('gone', words);
  if (status === 401 || status === 403) return new StreamError('unauthorized', words);
  return new StreamError('retry', words, retryAfterOf(response.headers['retry-after'], Date.now()));
}

/** Milliseconds, from seconds or a date (RFC 9110 section 10.2.3); 0 without a value. */
export function retryAfterOf(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return milliseconds > 0 ? Math.min(milliseconds, RETRY_AFTER_MOST) : 0;
}

/** The whole body as text; undefined if it is longer than `most` octets, and then the rest is not read. */
export async function readBody(response: http.IncomingMessage, most: number): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > most) {
      response.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function readSome(response: http.IncomingMessage, most: number): Promise<string> {
  let text = '';
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      text += chunk.toString('latin1');
      if (text.length >= most) break;
    }
  } catch {
    // The status alone is enough.
  }
  response.destroy();
  return text
    .slice(0, most)
    .replace(/[^\x20-\x7e]+/g, ' ')
    .trim();
}

function hostOf(target: Target): string {
  return target.socketPath ?? target.url.host;
}

/** Node's message is empty if it has tried several addresses. */
function messageOf(error: Error & { code?: string; errors?: Error[] }): string {
  if (error.message !== '') return error.message;
  return error.errors?.map((one) => one.message).join(', ') ?? error.code ?? error.name;
}
