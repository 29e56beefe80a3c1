/** Asks the admin listener of a running server, over TCP or a unix socket. */
import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { readTokenFile, TokenFileError } from '../admin/token-file.ts';
import { ConfigError, loadConfig, type LoadedConfig } from '../config.ts';
import { parseListen } from '../transport/listen.ts';
import { addAdminOptions, type AdminOptions } from './admin-options.ts';
import {
  CommandError,
  EXIT_BAD_CONFIG,
  EXIT_FAILURE,
  EXIT_NO_PERMISSION,
  EXIT_UNREACHABLE,
  EXIT_USAGE,
} from './exit.ts';
import type { Io } from './io.ts';

export { addAdminOptions, type AdminOptions };

/** Where the admin listener is. With `socketPath` only the path of a URL counts. */
export interface AdminTarget {
  base: URL;
  socketPath?: string;
  token: string;
  /** Where the token comes from, for messages; '' without one. */
  tokenFrom: string;
  /** The name in messages. */
  text: string;
}

type Method = 'GET' | 'POST';

/** Milliseconds within which an answer must begin. */
const PATIENCE = 5000;

/** Throws CommandError if the configuration is wrong, or the admin listener is off. */
export function adminTarget(options: AdminOptions, io: Io): AdminTarget {
  const asked = options.admin ?? io.environment['PODNS_ADMIN'] ?? '';
  const url = /^https?:\/\//.test(asked) ? asked : undefined;
  const loaded = configured(options, url !== undefined, io);
  const { admin } = loaded.config;
  if (url !== undefined) return { base: new URL(url), ...tokenOf(loaded), text: url };
  if (admin === 'off')
    throw new CommandError(EXIT_USAGE, 'the admin listener is off; name another one with --admin');
  if (admin.startsWith('unix:')) {
    const socketPath = admin.slice('unix:'.length);
    // The file's mode protects a socket, which needs no token.
    return { base: new URL('http://localhost'), socketPath, token: '', tokenFrom: '', text: admin };
  }
  const { address, port } = parseListen(admin);
  // The loopback address reaches a wildcard.
  const host = address === '::' ? '::1' : address === '0.0.0.0' ? '127.0.0.1' : address;
  const base = new URL(`http://${host.includes(':') ? `[${host}]` : host}:${port}`);
  return { base, ...tokenOf(loaded), text: base.origin };
}

function configured(options: AdminOptions, withoutAdmin: boolean, io: Io): LoadedConfig {
  const { admin, adminToken, adminTokenFile, config: file } = options;
  try {
    const { PODNS_ADMIN: _, ...rest } = io.environment;
    const environment = withoutAdmin ? rest : io.environment;
    const flags = { admin: withoutAdmin ? undefined : admin, adminToken, adminTokenFile };
    return loadConfig({ flags, environment, file, folder: io.folder });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.usage ? EXIT_USAGE : EXIT_BAD_CONFIG, error.message);
  }
}

/** A token of the command line wins over a file; else the token wins, as for the server. */
function tokenOf({ config, origins, file = '' }: LoadedConfig): Pick<AdminTarget, 'token' | 'tokenFrom'> {
  const { adminToken, adminTokenFile } = config;
  const fileFirst = origins.adminTokenFile === 'flag' && origins.adminToken !== 'flag';
  if (adminToken !== '' && !fileFirst) {
    const places = { flag: '--admin-token', environment: 'PODNS_ADMIN_TOKEN', file, default: '' };
    return { token: adminToken, tokenFrom: places[origins.adminToken] };
  }
  if (adminTokenFile === '') return { token: '', tokenFrom: '' };
  try {
    return { token: readTokenFile(adminTokenFile).token, tokenFrom: adminTokenFile };
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error;
    throw new CommandError(error.denied ? EXIT_NO_PERMISSION : EXIT_BAD_CONFIG, error.message);
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
  method: Method = 'GET',
): Promise<Answer> {
  const response = await open(target, path, codes, method);
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
  method: Method = 'GET',
): Promise<http.IncomingMessage> {
  const response = await request(target, path, method);
  const { statusCode = 0 } = response;
  if (statusCode === 200) return response;
  const text = (await textOf(response)).trim().slice(0, 300);
  const code = codes[statusCode];
  if (code !== undefined && text !== '') throw new CommandError(code, text);
  const denied = statusCode === 401 || statusCode === 403;
  const words = statusCode === 401 ? tokenText(target) : text === '' ? `HTTP ${statusCode}` : text;
  throw new CommandError(denied ? EXIT_NO_PERMISSION : EXIT_FAILURE, `${target.text}${path}: ${words}`);
}

function tokenText({ tokenFrom }: AdminTarget): string {
  if (tokenFrom !== '')
    return `the server refuses the token from ${tokenFrom}: it is not that of its listener`;
  return 'the server requires a token: give it with PODNS_ADMIN_TOKEN or --admin-token-file';
}

function request(target: AdminTarget, path: string, method: Method): Promise<http.IncomingMessage> {
  const { base, socketPath, token } = target;
  const headers = token === '' ? {} : { authorization: `Bearer ${token}` };
  const url = new URL(base.pathname.replace(/\/$/, '') + path, base);
  return new Promise((resolve, reject) => {
    const ask = url.protocol === 'https:' ? https.request : http.request;
    const over = socketPath === undefined ? {} : { socketPath };
    const asked = ask(url, { method, headers, agent: false, ...over }).end();
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
