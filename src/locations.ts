/**
 * Where the files of the package are that code does not import: the modules of threads, the page, package.json. The same
 * code runs in three ways: as TypeScript in tests, compiled file by file (the library), and bundled (the command).
 */
import { readFileSync } from 'node:fs';

/** The modules that threads run, by their path in `src`. */
export const THREAD_MODULES = {
  answers: 'answer/worker',
  packets: 'transport/udp-batch/worker',
  zones: 'source/zones/zone-worker',
} as const;

/** The name of the bundle of such a module, without `.cjs`. */
export function bundleName(path: string): string {
  return path.replaceAll('/', '-');
}

/** The folder that the build writes bundles to, below `dist`. */
const BUNDLED = /\/bundle\/[^/]*$/.test(import.meta.url);
/** `dist`: threads need compiled code, also where this file is TypeScript. */
const DIST = new URL(import.meta.url.endsWith('.ts') ? '../dist/' : BUNDLED ? '../' : './', import.meta.url);

/** The compiled module of a thread. */
export function threadModule(thread: keyof typeof THREAD_MODULES): URL {
  const path = THREAD_MODULES[thread];
  return new URL(BUNDLED ? `bundle/${bundleName(path)}.cjs` : `${path}.js`, DIST);
}

/** The command, for a process of its own. */
export function commandModule(): URL {
  return new URL('cli/main.js', DIST);
}

/** The folder of the page's files, served as they are. */
export function pageFolder(): URL {
  return import.meta.url.endsWith('.ts') ? new URL('page/', import.meta.url) : new URL('page/', DIST);
}

/** The version, as in package.json. */
export function packageVersion(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', DIST), 'utf8')) as { version: string }).version;
}
