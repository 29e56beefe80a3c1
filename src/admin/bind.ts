/** Binds an HTTP server to an address or a unix socket; replaces a dead socket file, but not a live one. */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { parseListen } from '../transport/listen.ts';

/** The parts of `ADDR:PORT` or `unix:PATH`. */
export type Bind = { path: string } | { address: string; port: number };

/** Throws ListenError if the text is neither. */
export function parseBind(text: string): Bind {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) };
  const { address, port } = parseListen(text);
  return { address, port };
}

/**
 * Resolves with the bound address as text, a port of 0 replaced by the real one. Rejects with the system's error
 * (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`), also if another process answers on the socket file, or with
 * `SocketPlaceError`. Creates a socket file with mode 0600.
 */
export async function bindServer(server: Server, bind: Bind): Promise<string> {
  if ('path' in bind) {
    await removeDeadSocket(bind.path);
    checkSocketPlace(bind.path);
    // listen() creates the file, so the umask closes the gap that a later chmod would leave.
    const mask = process.umask(0o177);
    try {
      await listening(server, () => server.listen(bind.path));
    } finally {
      process.umask(mask);
    }
    return `unix:${bind.path}`;
  }
  const { address, port } = bind;
  await listening(server, () => server.listen({ host: address, port, ipv6Only: address.includes(':') }));
  const given = (server.address() as AddressInfo).port;
  return address.includes(':') ? `[${address}]:${given}` : `${address}:${given}`;
}

/** The path cannot be that of a socket file; the message says why. */
export class SocketPlaceError extends Error {
  readonly code: 'ENOENT' | 'EADDRINUSE';

  constructor(code: SocketPlaceError['code'], message: string) {
    super(message);
    this.name = 'SocketPlaceError';
    this.code = code;
  }
}

/** The system's own errors would be those of a missing permission and of an address in use. */
function checkSocketPlace(path: string): void {
  const folder = dirname(path);
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true)
    throw new SocketPlaceError('ENOENT', `there is no folder ${folder}; create it first`);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isSocket()) {
    const what = there.isDirectory() ? 'a folder' : there.isSymbolicLink() ? 'a symbolic link' : 'a file';
    throw new SocketPlaceError('EADDRINUSE', `${path} is ${what}, not a socket; podns replaces only sockets`);
  }
}

function listening(server: Server, listen: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    listen();
  });
}

/** Removes a socket file without a listener. Anything else at the path stays, and `listen` fails on it. */
export async function removeDeadSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  const refused = await new Promise<boolean>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(false);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'));
  });
  if (refused) unlinkSync(path);
}
