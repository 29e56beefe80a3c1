/** The batch transport and the served program under Node 24 as well; this run's own Node is the floor. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Milliseconds that the download may take before it counts as not to be had. */
const PATIENCE = 60_000;

interface Ended {
  code: number;
  output: string;
}

/** Without what this run's vitest tells its workers. */
const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('VITEST') && name !== 'NODE_OPTIONS'),
);

function run(command: string, args: string[], timeout: number): Promise<Ended> {
  return new Promise((resolve) => {
    execFile(command, args, { cwd: ROOT, env: environment, timeout }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code ?? 1), output: stdout + stderr }),
    );
  });
}

/** Where npm has put Node 24. */
async function node24(): Promise<{ path: string; reason: string }> {
  if (process.versions.node.startsWith('24.')) return { path: '', reason: 'this is Node 24' };
  const asked = await run(
    'npx',
    ['-y', '-p', 'node@24', 'node', '-p', 'process.version + process.execPath'],
    PATIENCE,
  );
  const path = /^v24\.\d+\.\d+(\/.*)$/m.exec(asked.output)?.[1] ?? '';
  return { path, reason: path === '' ? 'npx -y -p node@24 node: the package cannot be had here' : '' };
}

const { path, reason } = await node24();

describe('under Node 24', () => {
  if (path === '') {
    // Not a failure where tools are required: the registry is none of the tools that can be installed.
    test(`batch transport and server (skipped: ${reason})`, (context) => context.skip(reason));
    return;
  }

  async function vitest(args: string[]): Promise<Ended> {
    const all = ['node_modules/vitest/vitest.mjs', 'run', '--no-color', ...args];
    return run(path, all, 100_000);
  }

  test('the tests of the batch transport pass', async () => {
    const { code, output } = await vitest([
      'test/transport/udp-batch.test.ts',
      'test/transport/udp-batch-exit.test.ts',
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/\d{2,} passed, 0 failed, 0 skipped\s*$/m);
  }, 120_000);

  test('the program serves, and ends when it is told to', async () => {
    const { code, output } = await vitest([
      'test/cli/serve.test.ts',
      '-t',
      'answers from ./zones|drains and ends',
    ]);
    expect(code, output).toBe(0);
    expect(output).toMatch(/^3 passed, 0 failed/m);
  }, 120_000);
});
