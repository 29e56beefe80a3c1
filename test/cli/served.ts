/** `podns serve` as a process of its own. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));

export class Served {
  out = '';
  err = '';
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  readonly child: ChildProcess;

  constructor(args: string[], folder: string, environment: Record<string, string> = {}) {
    this.child = spawn(process.execPath, [MAIN, 'serve', ...args], {
      cwd: folder,
      env: { PATH: process.env['PATH'], ...environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdout!.setEncoding('utf8').on('data', (text: string) => (this.out += text));
    this.child.stderr!.setEncoding('utf8').on('data', (text: string) => (this.err += text));
    this.ended = new Promise((resolve) =>
      this.child.on('close', (code, signal) => resolve({ code, signal })),
    );
  }

  /** Resolves when one of the streams holds the text; rejects when the process ends before. */
  async until(stream: 'out' | 'err', text: string | RegExp): Promise<void> {
    const source = this.child[stream === 'out' ? 'stdout' : 'stderr']!;
    const holds = (): boolean =>
      typeof text === 'string' ? this[stream].includes(text) : text.test(this[stream]);
    if (holds()) return;
    await new Promise<void>((resolve, reject) => {
      source.on('data', () => {
        if (holds()) resolve();
      });
      void this.ended.then(() => reject(new Error(`ended without ${String(text)}:\n${this.out}${this.err}`)));
    });
  }

  /** The bound address of the n-th DNS listener. */
  async address(index = 0): Promise<string> {
    await this.until('out', /^podns .*\n(?: {2}\S.*\n)+/);
    return [...this.out.matchAll(/^ {2}DNS {4}([^@\n]*)/gm)][index]![1]!;
  }
}
