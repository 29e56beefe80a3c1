/** Binds an HTTP server to an address or a unix socket; a dead socket file is replaced, a live one is respected. */
import { lstatSync, unlinkSync } from 'node:fs';
import type { Server } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { parseListen } from '../transport/listen.ts';

/** Taken apart: what `createAdmin` and its checks need to know of `ADDR:PORT` or `unix:PATH`. */
export type Bind = { path: string } | { address: string; port: number };

/** Throws ListenError where the text is neither. */
export function parseBind(text: string): Bind {
  if (text.startsWith('unix:')) return { path: text.slice('unix:'.length) };
  const { address, port } = parseListen(text);
  return { address, port };
}

/**
 * Resolves with the text of what was bound, a port of 0 replaced by the one that was given. Rejects with the
 * system's error (`EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`), also when another process answers on the socket file.
 * A socket file is made with mode 0600.
 */
export async function bindServer(server: Server, bind: Bind): Promise<string> {
  if ('path' in bind) {
    await removeDeadSocket(bind.path);
    // The file is made inside of listen(), so that no other can slip in before a chmod.
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

/** Unlinks a socket file that nobody listens on. Anything else at the path is left for `listen` to stumble over. */
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
