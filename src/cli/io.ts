/** What a command touches outside of itself: two streams, the environment, the current folder. */
import { resolve } from 'node:path';
import { plainLines, plainText } from '../model-text.ts';

export interface Io {
  /** Without a line end of its own. */
  out(text: string): void;
  err(text: string): void;
  /** The whole of standard input. */
  input(): Promise<string>;
  environment: Record<string, string | undefined>;
  /** The current folder. */
  folder: string;
}

/** One line of text; whatever stands in it, it stays one. */
export function line(io: Io, text: string): void {
  io.out(`${plainText(text)}\n`);
}

export function errorLine(io: Io, text: string): void {
  io.err(`${plainText(text)}\n`);
}

/** The same streams, but nothing that a terminal would obey passes, from wherever it came. */
export function printing(io: Io): Io {
  return {
    out: (text) => io.out(plainLines(text)),
    err: (text) => io.err(plainLines(text)),
    input: () => io.input(),
    environment: io.environment,
    folder: io.folder,
  };
}

/** A path of the command line; short as it was given where that is right, for messages show it. */
export function pathOf(io: Io, path: string): string {
  return io.folder === process.cwd() ? path : resolve(io.folder, path);
}

/** Standard streams of this process. */
export function processIo(): Io {
  return {
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    async input() {
      let text = '';
      for await (const part of process.stdin.setEncoding('utf8')) text += part as string;
      return text;
    },
    environment: process.env,
    folder: process.cwd(),
  };
}
