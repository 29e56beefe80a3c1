/** What a command touches outside of itself: two streams, the environment, the current folder. */
import { resolve } from 'node:path';

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

export function line(io: Io, text: string): void {
  io.out(`${text}\n`);
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
