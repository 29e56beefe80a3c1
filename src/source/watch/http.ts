/** One HTTP request of a stream: over TCP, TLS or a unix socket, its failure put into the reflector's words. */

import { readFile } from 'node:fs/promises';
import http from 'node:http';
import https from 'node:https';
import { StreamError } from '../reflector/dialect.ts';

/** Files are read again at each connection, so that a renewed certificate or token is taken up by itself. */
export interface HttpOptions {
  /** PEM; what the server's certificate must be signed by, instead of the system's. */
  caFile?: string;
  /** PEM; our own certificate and its key. */
  certFile?: string;
  keyFile?: string;
  /** Sent as `Authorization: Bearer`. */
  tokenFile?: string;
  /** Milliseconds until the server must have begun to answer. Default 5,000. */
  connectTimeout?: number;
}

export interface Target {
  /** `http:` or `https:`. With `socketPath` only its path and query count. */
  url: URL;
  socketPath?: string;
}

/** The longest that a server may send us away, milliseconds. */
const RETRY_AFTER_MOST = 300_000;
/** Of an error's body so much is quoted. */
const QUOTED = 300;
/** A dead peer is found by TCP itself after about this long, milliseconds, plus its probes. */
const KEEP_ALIVE = 10_000;

/** The files of `HttpOptions`, read. */
export interface Credentials {
  ca?: Buffer;
  cert?: Buffer;
  key?: Buffer;
  token?: string;
}

/** Throws a `StreamError` that names the file. */
export async function readCredentials(options: HttpOptions): Promise<Credentials> {
  const [ca, cert, key, token] = await Promise.all(
    [options.caFile, options.certFile, options.keyFile, options.tokenFile].map(readIfNamed),
  );
  return { ca, cert, key, token: token?.toString('utf8').trim() };
}

async function readIfNamed(file: string | undefined): Promise<Buffer | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file);
  } catch (error) {
    throw new StreamError('unauthorized', `${file} cannot be read: ${(error as Error).message}`);
  }
}

export interface RequestOptions extends Pick<http.RequestOptions, 'agent' | 'method'> {
  headers?: http.OutgoingHttpHeaders;
  body?: string;
  signal: AbortSignal;
  connectTimeout?: number;
  credentials?: Credentials;
}

/**
 * Sends the request and resolves with the response as soon as its head is there, whatever its status; the body
 * streams and must be read or destroyed. Aborting `signal` destroys both. Throws `StreamError`.
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
      // An unreadable key or certificate is thrown at once.
      reject(new StreamError('unauthorized', (error as Error).message));
      return;
    }
    const timer = setTimeout(
      () => request.destroy(new Error(`no answer within ${connectTimeout / 1000} s`)),
      connectTimeout,
    );
    request.once('socket', (socket) => socket.setKeepAlive(true, KEEP_ALIVE));
    // Stays after the head has come: an error of the body is reported there, and here must not be unhandled.
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

/** What a status other than 200 means; reads the beginning of the body for its words. */
export async function failureOf(response: http.IncomingMessage): Promise<StreamError> {
  const status = response.statusCode ?? 0;
  const text = await readSome(response, QUOTED);
  const words = `${status} ${response.statusMessage ?? ''}${text === '' ? '' : `: ${text}`}`;
  if (status === 410) return new StreamError('gone', words);
  if (status === 401 || status === 403) return new StreamError('unauthorized', words);
  return new StreamError('retry', words, retryAfterOf(response.headers['retry-after'], Date.now()));
}

/** Milliseconds, from seconds or a date (RFC 9110 section 10.2.3); 0 where it says nothing. */
export function retryAfterOf(header: string | undefined, now: number): number {
  if (header === undefined) return 0;
  const text = header.trim();
  const milliseconds = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return milliseconds > 0 ? Math.min(milliseconds, RETRY_AFTER_MOST) : 0;
}

/** The whole body as text, or undefined when it is longer than `most` octets; the rest is not read then. */
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
    // The status alone says enough.
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

/** Node's own words are empty where it tried several addresses. */
function messageOf(error: Error & { code?: string; errors?: Error[] }): string {
  if (error.message !== '') return error.message;
  return error.errors?.map((one) => one.message).join(', ') ?? error.code ?? error.name;
}
