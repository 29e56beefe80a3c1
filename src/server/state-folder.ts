/**
 * Checks who can write to the state folder: podns serves its content unchecked, so no other user may have written it.
 */
import { lstatSync, readdirSync, statSync, type Stats } from 'node:fs';
import { join } from 'node:path';

/** Another user can write to the state folder; the message names who, and the remedy. */
export class StateFolderError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'StateFolderError';
  }
}

/** The mode bits that let other users write. */
const OTHERS_WRITE = 0o022;

/**
 * Throws StateFolderError unless the folder and all files in it belong to the user of this process, no other user
 * can write to them, and none is a symbolic link. Ignores a path that does not exist or is not a folder.
 */
export function checkStateFolder(folder: string): void {
  const link = lstatSync(folder, { throwIfNoEntry: false });
  const target = statSync(folder, { throwIfNoEntry: false });
  if (link === undefined || target?.isDirectory() !== true) return;
  // An administrator may move the folder, so a link that root owns is fine.
  if (link.isSymbolicLink() && link.uid !== 0) checkOwner(folder, link);
  check(folder, target);
  // From here on no other user can change an entry of the folder.
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
      `has mode ${modeText(stats)}, so other users can write to it`,
      'chmod go-w it after you have checked its content',
    );
}

function checkOwner(path: string, stats: Stats): void {
  const own = process.geteuid?.();
  if (own === undefined || stats.uid === own) return;
  const reason = `belongs to user ${stats.uid} (mode ${modeText(stats)}), and podns runs as user ${own}`;
  throw fault(path, reason, 'chown it after you have checked its content, or use another folder');
}

function fault(path: string, reason: string, remedy: string): StateFolderError {
  return new StateFolderError(`state: ${path} ${reason}; its saved view could be forged: ${remedy}`);
}

function modeText({ mode }: Stats): string {
  return (mode & 0o7777).toString(8).padStart(4, '0');
}
