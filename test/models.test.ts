/** The models of what threads share: spin finds nothing in any order of their steps, and finds each deliberate mistake. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { missingTools, skipAloud } from './harness/tools.ts';

const MODELS = fileURLToPath(new URL('../models', import.meta.url));

/** Each is a `#define` that makes the model wrong. */
const MISTAKES: Record<string, string[]> = {
  flip: [
    'NO_SECOND_LOOK',
    'NO_WAIT',
    'FLIP_EARLY',
    'RELEASED_AT_COMMIT',
    'WAITS_IN_ITS_TURN',
    'REPLACED_BEFORE_RELEASED',
  ],
  retirement: [
    'READS_BEFORE_ENTERING',
    'ANY_EVEN_COUNT_IS_ENOUGH',
    'NO_READER_ENDED',
    'RETIRED_BEFORE_EMPTIED',
    'GIVEN_AT_ONCE',
    'JOINS_THOSE_THAT_LEAVE',
  ],
  ring: [
    'NO_LOOK_AT_ROOM',
    'NO_SKIP_MARK',
    'PUBLISHED_BEFORE_WRITTEN',
    'RELEASED_BEFORE_READ',
    'NO_SECOND_LOOK',
    'NO_WAKE_AT_DEATH',
  ],
};

function run(command: string, args: string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(command, args, { cwd, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      // pan ends with an error when it has found something.
      if (error !== null && command !== './pan') reject(new Error(`${stdout}${stderr}`, { cause: error }));
      else resolve(stdout);
    });
  });
}

/** How many errors spin finds, and in how many states. */
async function check(model: string, mistake?: string): Promise<{ errors: number; states: number }> {
  const folder = mkdtempSync(join(tmpdir(), 'podns-model-'));
  try {
    const defines = mistake === undefined ? [] : [`-D${mistake}`];
    await run('spin', ['-a', ...defines, join(MODELS, `${model}.pml`)], folder);
    await run('gcc', ['-O1', '-DSAFETY', '-DMEMLIM=1500', '-o', 'pan', 'pan.c'], folder);
    const out = await run('./pan', ['-m100000', '-n'], folder);
    expect(out).not.toMatch(/max search depth too small|MEMLIM|error: /);
    return {
      errors: Number(/errors: (\d+)/.exec(out)![1]),
      states: Number(/(\d+) states, stored/.exec(out)![1]),
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const missing = missingTools(['spin', 'gcc']);
if (missing !== undefined) skipAloud('models', missing);
else {
  describe.each(Object.keys(MISTAKES))('%s.pml', (model) => {
    test('has no error in any order of its steps', async () => {
      const { errors, states } = await check(model);
      expect(errors).toBe(0);
      // Far fewer would mean that something keeps the model from running.
      expect(states).toBeGreaterThan(100_000);
    }, 180_000);

    test.each(MISTAKES[model]!)(
      'with %s has one',
      async (mistake) => {
        expect((await check(model, mistake)).errors).toBe(1);
      },
      180_000,
    );

    test('has no mistake that is not tried, and its page names each', () => {
      const code = readFileSync(join(MODELS, `${model}.pml`), 'utf8');
      const sizes = ['READERS', 'COMMITS', 'CHANGES', 'ROUNDS', 'RECORDS'];
      const switches = [...code.matchAll(/^#ifn?def (\w+)$/gm)].map(([, name]) => name!);
      expect([...new Set(switches)].filter((name) => !sizes.includes(name)).sort()).toEqual(
        [...MISTAKES[model]!].sort(),
      );
      const page = readFileSync(join(MODELS, 'README.md'), 'utf8');
      for (const mistake of MISTAKES[model]!) expect(page).toContain(`\`${mistake}\``);
    });
  });
}
