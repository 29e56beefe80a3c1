/**
 * Where the benches leave their figures, and when and on what these were measured: docs, or the folder that
 * `PODNS_BENCH_FOLDER` names.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

export const DOCS = fileURLToPath(new URL('../docs', import.meta.url));
export const FOLDER = resolve(process.env.PODNS_BENCH_FOLDER ?? DOCS);

/** As every file of figures begins. `run`: what `npm run bench` told all benches that it started; `id`, `quick`. */
export function measuredOn() {
  const { PODNS_BENCH_RUN: run } = process.env;
  return {
    ...{ date: new Date().toISOString(), kernel: release(), cpu: cpus()[0].model, node: process.version },
    ...(run !== undefined && { run: JSON.parse(run) }),
  };
}

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
