/** Runs a command line in this process and keeps what it wrote. */
import { run } from '../../src/cli/program.ts';

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface RunOptions {
  folder?: string;
  input?: string;
  environment?: Record<string, string>;
}

export async function podns(args: string[], options: RunOptions = {}): Promise<Ran> {
  const ran: Ran = { code: 0, out: '', err: '' };
  ran.code = await run(args, {
    out: (text) => void (ran.out += text),
    err: (text) => void (ran.err += text),
    input: () => Promise.resolve(options.input ?? ''),
    environment: options.environment ?? {},
    folder: options.folder ?? process.cwd(),
  });
  return ran;
}
