/** What a command uses of its surroundings: the standard streams, the environment, the current folder. */
import { resolve } from 'node:path';
import { placeText, type Problem } from '../model.ts';
import { plainLines, plainText } from '../model-text.ts';

export interface Io {
  /** Adds no line end. */
  out(text: string): void;
  err(text: string): void;
  /** All of standard input. */
  input(): Promise<string>;
  environment: Record<string, string | undefined>;
  /** The current folder. */
  folder: string;
}

/** Prints one line of text; control characters and line ends in it are escaped. */
export function line(io: Io, text: string): void {
  io.out(`${plainText(text)}\n`);
}

export function errorLine(io: Io, text: string): void {
  io.err(`${plainText(text)}\n`);
}

/** The same streams with everything escaped that a terminal would interpret. */
export function printing(io: Io): Io {
  return {
    out: (text) => io.out(plainLines(text)),
    err: (text) => io.err(plainLines(text)),
    input: () => io.input(),
    environment: io.environment,
    folder: io.folder,
  };
}

/** A path of the command line; kept as short as the user wrote it where possible, because messages show it. */
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

/** `file:line:col: error: reason`. */
export function problemLine({ severity, place, reason }: Problem): string {
  const where = placeText(place);
  return where === '' ? `${severity}: ${reason}` : `${where}: ${severity}: ${reason}`;
}

/** Prints problems on stderr, one per line. */
export function reportProblems(problems: readonly Problem[], io: Io): void {
  for (const problem of problems) errorLine(io, problemLine(problem));
}
