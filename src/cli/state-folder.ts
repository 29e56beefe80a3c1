/** Creates the folder of the saved view, accessible to its user only. */
import { mkdirSync, mkdtempSync, rmdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { checkStateFolder, StateFolderError } from '../server/state-folder.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NO_PERMISSION } from './exit.ts';

/** Creates the folder with mode 0700 if it is missing. Throws CommandError if it cannot be used. */
export function prepareStateFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    if (!statSync(path).isDirectory())
      throw new CommandError(EXIT_BAD_CONFIG, `--state ${path}: is not a folder`);
    checkStateFolder(path);
    // A trial covers read-only file systems and effective users too, which access(2) does not.
    rmdirSync(mkdtempSync(join(path, '.probe-')));
  } catch (error) {
    if (error instanceof CommandError) throw error;
    if (error instanceof StateFolderError) throw new CommandError(EXIT_NO_PERMISSION, error.message);
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' || code === 'ENOTDIR')
      throw new CommandError(EXIT_BAD_CONFIG, `--state ${path}: is not a folder`);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
      throw new CommandError(EXIT_NO_PERMISSION, `--state ${path}: no permission to write there`);
    }
    throw new CommandError(EXIT_BAD_CONFIG, `--state ${path}: ${message}`);
  }
}
