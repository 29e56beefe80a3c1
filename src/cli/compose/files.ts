/** The files of a compose project: reads them within bounds, and finds those that compose reads by default. */
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

const OCTETS_MAX = 4 << 20;
const PART = 65_536;
const FILES_MAX = 256;

/** In the order in which compose prefers them. */
const DEFAULTS = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const OVERRIDES = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

export class ComposeFiles {
  readonly #real: (path: string) => string;
  readonly #input: string | undefined;
  #read = 0;

  /** `real` turns a shown path into the path to open; `input` is the text of `-`. */
  constructor(real: (path: string) => string, input?: string) {
    this.#real = real;
    this.#input = input;
  }

  /** Throws an Error whose message is the reason. */
  read(path: string): string {
    if (path === '-' && this.#input !== undefined) return this.#input;
    if (++this.#read > FILES_MAX) throw new Error(`the project has more than ${FILES_MAX} files`);
    const file = openSync(this.#real(path), 'r');
    try {
      const parts: Buffer[] = [];
      let length = 0;
      for (;;) {
        const part = Buffer.allocUnsafe(PART);
        const more = readSync(file, part, 0, PART, null);
        if (more === 0) return Buffer.concat(parts).toString('utf8');
        length += more;
        if (length > OCTETS_MAX) throw new Error(`has more than ${OCTETS_MAX} octets`);
        parts.push(part.subarray(0, more));
      }
    } finally {
      closeSync(file);
    }
  }

  exists(path: string): boolean {
    return statSync(this.#real(path), { throwIfNoEntry: false }) !== undefined;
  }

  isFile(path: string): boolean {
    return statSync(this.#real(path), { throwIfNoEntry: false })?.isFile() === true;
  }

  isFolder(path: string): boolean {
    return statSync(this.#real(path), { throwIfNoEntry: false })?.isDirectory() === true;
  }

  /** The files that compose reads in a folder; empty if it has no compose file. */
  defaults(folder: string): string[] {
    const file = DEFAULTS.map((name) => join(folder, name)).find((path) => this.isFile(path));
    return file === undefined ? [] : [file, ...this.override(folder)];
  }

  /** The file that compose merges over a default one. */
  override(folder: string): string[] {
    return OVERRIDES.map((name) => join(folder, name))
      .filter((path) => this.isFile(path))
      .slice(0, 1);
  }
}

/** True for a file that compose reads by default. */
export function isDefaultName(name: string): boolean {
  return DEFAULTS.includes(name);
}

export function within(folder: string, path: string): string {
  return isAbsolute(path) ? path : join(folder, path);
}
