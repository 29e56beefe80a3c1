/** Binds an HTTP server to an address or a unix socket; replaces a dead socket file, but not a live one. */
import { lstatSync, statSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { dirname } from 'node:path';
import { parseListen } from '../transport/listen.ts';
import { isLive, listenAt, socketFile, type SocketFile } from '../transport/unix-socket.ts';

/** The parts of `ADDR:PORT` or `unix:PATH`. */
export type Bind = { path: string } | { address: string; port: number };

/** Throws ListenError if the text is neither. */
export function parseBind(text: string): Bind {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) };
  const { address, port } = parseListen(text);
  return { address, port };
}

/** `address`: as text, a port of 0 replaced by the real one. */
export interface BoundServer {
  address: string;
  file?: SocketFile;
}

/**
 * Listens, on `fd` where another process has bound it already. Rejects with the system's error
 * (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`), also if another process answers on the socket file, or with
 * `SocketPlaceError`. Creates a socket file with mode 0600.
 */
export async function bindServer(server: Server, bind: Bind, fd?: number): Promise<BoundServer> {
  if ('path' in bind) {
    const address = `unix:${bind.path}`;
    if (fd !== undefined) {
      await listening(server, () => server.listen({ fd }));
      const file = socketFile(bind.path);
      return file === undefined ? { address } : { address, file };
    }
    await removeDeadSocket(bind.path);
    checkSocketPlace(bind.path);
    return { address, file: await listenAt(server, bind.path) };
  }
  const { address, port } = bind;
  const own = { host: address, port, ipv6Only: address.includes(':') };
  await listening(server, () => server.listen(fd === undefined ? own : { fd }));
  const given = (server.address() as AddressInfo).port;
  return { address: address.includes(':') ? `[${address}]:${given}` : `${address}:${given}` };
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

/** Removes a socket file without a listener. Anything else at the path stays, and binding fails on it. */
async function removeDeadSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  if (await isLive(path)) throw Object.assign(new Error(`listen EADDRINUSE ${path}`), { code: 'EADDRINUSE' });
  unlinkSync(path);
}
