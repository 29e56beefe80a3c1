/** The file that holds the bearer token of the admin listener. */
import { readFileSync, statSync } from 'node:fs';

/** The message names the file. */
export class TokenFileError extends Error {
  /** The user lacks the permission to read it. */
  readonly denied: boolean;

  constructor(path: string, reason: string, denied = false) {
    super(`${path} ${reason}`);
    this.name = 'TokenFileError';
    this.denied = denied;
  }
}

/** `warning`: others than the owner and the group can read the file. Throws TokenFileError. */
export function readTokenFile(path: string): { token: string; warning?: string } {
  let text: string;
  let mode: number;
  try {
    text = readFileSync(path, 'utf8');
    ({ mode } = statSync(path));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new TokenFileError(path, 'cannot be read: there is no such file');
    if (code === 'EACCES' || code === 'EPERM')
      throw new TokenFileError(path, 'cannot be read: this user has no permission', true);
    throw new TokenFileError(path, `cannot be read: ${message}`);
  }
  const token = text.trim();
  if (token === '') throw new TokenFileError(path, 'holds no token; write the token into it, on one line');
  if (/\s/.test(token))
    throw new TokenFileError(path, 'holds more than one word; a token has no space in it');
  if ((mode & 0o004) === 0) return { token };
  return { token, warning: `every user of this host can read the token in ${path}; chmod o-r ${path}` };
}
