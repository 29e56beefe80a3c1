/**
 * Whose the state folder is: what lies in it is served without asking anybody, so nobody else may have put it there.
 */
import { lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** Somebody else can write there; the message says who, and what helps. */
export class StateFolderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StateFolderError';
  }
}

/** Whoever may write has one of these bits. */
const OTHERS_WRITE = 0o022;

/**
 * Throws StateFolderError unless the folder and all files in it belong to the user we run as, nobody else may write
 * to them, and none is a symbolic link. A folder that does not exist, or is none, is left to who opens it.
 */
export function checkStateFolder(folder: string): void {
  const link = lstatSync(folder, { throwIfNoEntry: false });
  const target = statSync(folder, { throwIfNoEntry: false });
  if (link === undefined || target?.isDirectory() !== true) return;
  // An administrator may put the folder elsewhere, so a link of root's is fine.
  if (link.isSymbolicLink() && link.uid !== 0) checkOwner(folder, link);
  check(folder, target);
  // Nobody else can change an entry of it from here on.
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (entry === undefined) continue;
    if (entry.isSymbolicLink()) throw fault(path, 'is a symbolic link', 'remove it');
    check(path, entry);
  }
}

function check(path: string, stats: Stats): void {
  checkOwner(path, stats);
  if ((stats.mode & OTHERS_WRITE) !== 0)
    throw fault(
      path,
      `has mode ${modeText(stats)}, so others may write to it`,
      'chmod go-w it, once its content is known to be right',
    );
}

function checkOwner(path: string, stats: Stats): void {
  const own = process.geteuid?.();
  if (own === undefined || stats.uid === own) return;
  const reason = `belongs to user ${stats.uid} (mode ${modeText(stats)}), and podns runs as user ${own}`;
  throw fault(path, reason, 'chown it, once its content is known to be right, or name another folder');
}

function fault(path: string, reason: string, remedy: string): StateFolderError {
  return new StateFolderError(`state: ${path} ${reason}; a saved view there might be made up: ${remedy}`);
}

function modeText({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
