/** Prints the count of tests as the very last line of a run: `12 passed, 0 failed, 3 skipped`. */
import type { Reporter, SerializedError, TestModule, TestRunEndReason } from 'vitest/node';

/** The counts; what never came to a result counts as failed. */
export interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Counts tests, and as failures also what broke outside of a test: a file that does not load, a hook, a throw. */
export function count(modules: readonly TestModule[], unhandled: number, interrupted: boolean): Counts {
  const counts: Counts = { passed: 0, failed: unhandled + (interrupted ? 1 : 0), skipped: 0 };
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      counts[state === 'pending' ? 'failed' : state]++;
    }
  }
  return counts;
}

export default class LastLine implements Reporter {
  #line: string | undefined;

  onInit(): void {
    // At exit, because other reporters and the closing of workers still print after the run has ended.
    process.on('exit', () => {
      if (this.#line !== undefined) process.stdout.write(`${this.#line}\n`);
    });
  }

  onTestRunEnd(
    modules: readonly TestModule[],
    unhandled: readonly SerializedError[],
    reason: TestRunEndReason,
  ): void {
    const { passed, failed, skipped } = count(modules, unhandled.length, reason === 'interrupted');
    this.#line = `${passed} passed, ${failed} failed, ${skipped} skipped`;
  }
}
