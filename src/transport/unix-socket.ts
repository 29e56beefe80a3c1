/**
 * Unix sockets that listen at a path: made beside it and renamed into place, so that the end of one process never
 * removes the file of another that has taken its place; libuv unlinks the name that it bound.
 */
import { lstatSync, renameSync, unlinkSync } from 'node:fs';
import { connect, type Server } from 'node:net';
import { dirname, join } from 'node:path';

/** What a socket file was when it was made, to tell later whether it is still that one. */
export interface SocketFile {
  path: string;
  /** A file system uses the number of a file again when that is gone; its time tells the two apart. */
  identity: string;
}

/** What stands at the path now; undefined where nothing does. */
export function socketFile(path: string): SocketFile | undefined {
  const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && { path, identity: `${stats.ino} ${stats.mtimeNs}` };
}

/** Resolves when the server listens; rejects with the system's error. The file has mode 0600. */
export async function listenAt(server: Server, path: string): Promise<SocketFile> {
  // As short as can be: the system takes 107 octets. Without a letter Node would take it for a port.
  const beside = join(dirname(path), `.p${process.pid}`);
  if (lstatSync(beside, { throwIfNoEntry: false })?.isSocket() === true) unlinkSync(beside);
  // listen() creates the file, so the umask closes the gap that a later chmod would leave.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.once('listening', () => {
        server.off('error', reject);
        resolve();
      });
      server.listen(beside);
    });
  } finally {
    process.umask(mask);
  }
  try {
    const { identity } = socketFile(beside)!;
    renameSync(beside, path);
    return { path, identity };
  } catch (error) {
    server.close();
    throw error;
  }
}

/** Removes the file, unless another process has put its own in the place. */
export function removeSocketFile({ path, identity }: SocketFile): void {
  try {
    if (socketFile(path)?.identity === identity) unlinkSync(path);
  } catch {
    // The folder is gone.
  }
}

/** True when a process listens at the path. */
export function isLive(path: string): Promise<boolean> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return Promise.resolve(false);
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => {
      probe.destroy();
      resolve(true);
    });
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code !== 'ECONNREFUSED'));
  });
}
