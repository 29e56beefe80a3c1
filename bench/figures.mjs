/** Where the benches leave their figures: docs, or the folder that `PODNS_BENCH_FOLDER` names. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const DOCS = fileURLToPath(new URL('../docs', import.meta.url));
export const FOLDER = resolve(process.env.PODNS_BENCH_FOLDER ?? DOCS);

export function writeFigures(file, data, folder = FOLDER) {
  writeFileSync(join(folder, file), JSON.stringify(data, null, 2) + '\n');
}

/** Undefined where there is no such file; throws an Error that names one which cannot be read. */
export function readFigures(file, folder = FOLDER) {
  const path = join(folder, file);
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    const { code, message } = /** @type {NodeJS.ErrnoException} */ (error);
    if (code === 'ENOENT') return undefined;
    throw new Error(`${path}: ${message}`, { cause: error });
  }
}
