/** Asks the admin listener of a running server, over TCP or a unix socket. */
import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { ConfigError, loadConfig } from '../config.ts';
import { parseListen } from '../transport/listen.ts';
import {
  CommandError,
  EXIT_BAD_CONFIG,
  EXIT_FAILURE,
  EXIT_NO_PERMISSION,
  EXIT_UNREACHABLE,
  EXIT_USAGE,
} from './exit.ts';
import type { Io } from './io.ts';

export interface AdminOptions {
  admin?: string;
  adminToken?: string;
  config?: string;
}

/** Where the admin listener is. With `socketPath` only the path of a URL counts. */
export interface AdminTarget {
  base: URL;
  socketPath?: string;
  token: string;
  /** The name in messages. */
  text: string;
}

/** Milliseconds within which an answer must begin. */
const PATIENCE = 5000;

/** The flags that select the server. */
export function addAdminOptions(command: Command): Command {
  return command
    .option('--admin <addr:port|unix:path|url>', 'address of the admin listener; default: the configured one')
    .option(
      '--admin-token <token>',
      'bearer token of the admin listener; prefer the variable PODNS_ADMIN_TOKEN',
    )
    .option('-c, --config <file>', 'read admin and admin_token from this file instead of ./podns.yaml');
}

/** Throws CommandError if the configuration is wrong, or the admin listener is off. */
export function adminTarget(options: AdminOptions, io: Io): AdminTarget {
  const asked = options.admin ?? io.environment['PODNS_ADMIN'] ?? '';
  const url = /^https?:\/\//.test(asked) ? asked : undefined;
  const { admin, adminToken } = configured(options, url !== undefined, io);
  if (url !== undefined) return { base: new URL(url), token: adminToken, text: url };
  if (admin === 'off')
    throw new CommandError(EXIT_USAGE, 'the admin listener is off; name another one with --admin');
  if (admin.startsWith('unix:')) {
    const socketPath = admin.slice('unix:'.length);
    return { base: new URL('http://localhost'), socketPath, token: adminToken, text: admin };
  }
  const { address, port } = parseListen(admin);
  // The loopback address reaches a wildcard.
  const host = address === '::' ? '::1' : address === '0.0.0.0' ? '127.0.0.1' : address;
  const base = new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  return { base, token: adminToken, text: base.origin };
}

function configured(
  options: AdminOptions,
  withoutAdmin: boolean,
  io: Io,
): { admin: string; adminToken: string } {
  try {
    const { PODNS_ADMIN: _, ...rest } = io.environment;
    return loadConfig({
      flags: { admin: withoutAdmin ? undefined : options.admin, adminToken: options.adminToken },
      environment: withoutAdmin ? rest : io.environment,
      file: options.config,
      folder: io.folder,
    }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.usage ? EXIT_USAGE : EXIT_BAD_CONFIG, error.message);
  }
}

/**
 * The body of a path, parsed. Throws CommandError: 4 if no server answers, 77 without permission. `codes`: the exit code
 * by HTTP status, with the words of the server.
 */
export async function askAdmin<Answer>(
  target: AdminTarget,
  path: string,
  codes: Readonly<Record<number, number>> = {},
): Promise<Answer> {
  const response = await open(target, path, codes);
  return JSON.parse(await textOf(response)) as Answer;
}

/** The lines of a path that streams; they end when the server ends the stream. */
export async function* adminLines(target: AdminTarget, path: string): AsyncGenerator<string> {
  const response = await open(target, path);
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Infinity })) {
      if (line !== '') yield line;
    }
  } catch {
    // A cut connection is the same to the caller as the end of the stream.
  } finally {
    response.destroy();
  }
}

async function open(
  target: AdminTarget,
  path: string,
  codes: Readonly<Record<number, number>> = {},
): Promise<http.IncomingMessage> {
  const response = await request(target, path);
  const { statusCode = 0 } = response;
  if (statusCode === 200) return response;
  const text = (await textOf(response)).trim().slice(0, 300);
  const code = codes[statusCode];
  if (code !== undefined && text !== '') throw new CommandError(code, text);
  const denied = statusCode === 401 || statusCode === 403;
  const words = text === '' ? `HTTP ${statusCode}` : text;
  throw new CommandError(denied ? EXIT_NO_PERMISSION : EXIT_FAILURE, `${target.text}${path}: ${words}`);
}

function request(target: AdminTarget, path: string): Promise<http.IncomingMessage> {
  const { base, socketPath, token } = target;
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
  return new Promise((resolve, reject) => {
    const get = url.protocol === 'https:' ? https.get : http.get;
    const asked = get(url, { headers, agent: false, ...(socketPath === undefined ? {} : { socketPath }) });
    const timer = setTimeout(() => asked.destroy(new Error('no answer within 5 s')), PATIENCE);
    asked.once('response', (response) => {
      clearTimeout(timer);
      resolve(response);
    });
    asked.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      reject(new CommandError(EXIT_UNREACHABLE, `${target.text}: ${whyUnreachable(error)}`));
    });
  });
}

function whyUnreachable({ code, message }: NodeJS.ErrnoException): string {
  if (code === 'ECONNREFUSED')
    return 'nothing listens there; is podns serve running with this admin listener?';
  if (code === 'ENOENT') return 'there is no such socket; is podns serve running with this admin listener?';
  if (code === 'EACCES') return 'no permission to use this socket; it belongs to the user that runs podns';
  return message;
}

async function textOf(response: http.IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return text;
}
