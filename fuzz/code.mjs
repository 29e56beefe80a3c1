/** The compiled code under test: `dist/`, or the copy of it that PODNS_FUZZ_DIST names. */
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

export const FUZZ = fileURLToPath(new URL('.', import.meta.url));
export const DIST = resolve(process.env.PODNS_FUZZ_DIST || join(FUZZ, '..', 'dist'));

/**
 * A module of the compiled code, such as `dns/message.js`.
 *
 * @param {string} path
 * @returns {Promise<any>}
 */
export function load(path) {
  return import(pathToFileURL(join(DIST, path)).href);
}
