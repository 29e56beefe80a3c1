/** Creates the folder of the saved view, accessible to its user only. */
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { checkStateFolder, StateFolderError } from '../server/state-folder.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NO_PERMISSION } from './exit.ts';
import { asUser, type User } from './privileges.ts';

/**
 * Creates the folder with mode 0700 if it is missing, for this user of podns. Throws CommandError if it cannot be used.
 */
export function prepareStateFolder(path: string, user?: User): void {
  try {
    create(path, user);
    if (!statSync(path).isDirectory())
      throw new CommandError(EXIT_BAD_CONFIG, `--state ${path}: is not a folder`);
    asUser(user, () => {
      checkStateFolder(path);
      // A trial covers read-only file systems and effective users too, which access(2) does not.
      rmdirSync(mkdtempSync(join(path, '.probe-')));
    });
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof StateFolderError) throw new CommandError(EXIT_NO_PERMISSION, error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    // What is saved there can be served, and saving reports that nothing more fits.
    if ((code === 'ENOSPC' || code === 'EDQUOT') && existsSync(path)) return;
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new CommandError(EXIT_BAD_CONFIG, `--state ${path}: is not a folder`);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new CommandError(EXIT_NO_PERMISSION, `--state ${path}: no permission to write there`);
    }
    throw new CommandError(EXIT_BAD_CONFIG, `--state ${path}: ${message}`);
  }
}

/** Only what it creates is given to the user: what was there before may hold links that others have made. */
function create(path: string, user: User | undefined): void {
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  if (first === undefined || user === undefined || user.isSelf) return;
  for (let at = resolve(path); at.length >= first.length; at = dirname(at)) chownSync(at, user.uid, user.gid);
}
