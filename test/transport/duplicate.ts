/** Duplicates a file descriptor: what a takeover gets from the other process, within one process. */
import { createRequire } from 'node:module';

type Duplicate = (fd: number) => number;

/** Undefined with the reason when koffi, an optional dependency, cannot be loaded. */
export function loadDuplicate(): { duplicate: Duplicate } | { reason: string } {
  try {
    const koffi = createRequire(import.meta.url)('koffi') as {
      load(name: null): { func(declaration: string): Duplicate };
    };
    return { duplicate: koffi.load(null).func('int dup(int fd)') };
  } catch (error) {
    return { reason: `koffi does not load (${(error as Error).message}): npm install` };
  }
}
