/** The fuzzer: the corpus and every failure of the past run again, and bugs that are planted in a copy of the code are found. */
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const TARGETS = ['packet', 'upstream', 'stream', 'zone', 'etcd', 'docker', 'compose', 'tcp', 'http'];

interface Report {
  target: string;
  corpus: number;
  executions: number;
  found: number;
  failures: { kind: string; message: string; octets: number; file: string }[];
}

function fuzz(args: string[], dist = ''): Promise<{ reports: Report[]; code: number; stderr: string }> {
  const command = [join(ROOT, 'fuzz/fuzz.mjs'), '--json', ...args];
  const env = { ...process.env, PODNS_FUZZ_DIST: dist };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { env }, (_, stdout, stderr) => {
      const lines = stdout.split('\n').filter((line) => line.startsWith('{'));
      resolve({
        reports: lines.map((line) => JSON.parse(line) as Report),
        code: child.exitCode ?? -1,
        stderr,
      });
    });
  });
}

test.each(TARGETS)(
  'every input of the corpus, and every failure of the past, passes as %s',
  async (target) => {
    const corpus = process.env['PODNS_CORPUS'] ?? '';
    const more = target === 'packet' && corpus !== '' ? ['--corpus', corpus] : [];
    const { reports, code, stderr } = await fuzz(['--target', target, '--replay', ...more]);
    expect(stderr).toBe('');
    expect(reports[0]).toMatchObject({ target, failures: [] });
    expect(reports[0]!.executions).toBe(reports[0]!.corpus);
    expect(reports[0]!.corpus).toBeGreaterThan(4);
    expect(code).toBe(0);
  },
  120_000,
);

test('the same seed gives the same run, another one another', async () => {
  const run = async (seed: string) => {
    const { reports } = await fuzz(['--target', 'upstream', '--executions', '3000', '--seed', seed]);
    const { target, executions, found, failures } = reports[0]!;
    return { target, executions, found, failures };
  };
  const first = await run('7');
  expect(first.executions).toBeGreaterThanOrEqual(3000);
  expect(first.found).toBeGreaterThan(0);
  expect(await run('7')).toEqual(first);
}, 60_000);

test('what is asked wrongly ends with 2 and says how to ask', async () => {
  const wrong = await fuzz(['--target', 'nonsense']);
  expect(wrong).toMatchObject({ code: 2, reports: [] });
  expect(wrong.stderr).toMatch(/--target nonsense: there is no such target\nnpm run fuzz/);
  expect((await fuzz(['--seconds', '0'])).stderr).toMatch(/--seconds 0: a whole number from 1 is needed/);
  expect((await fuzz(['--target', 'zone', '--corpus', '/nonexistent'])).stderr).toMatch(
    /no such folder or file/,
  );
});

/** A bug in one line of the compiled code, and within how many inputs it must be found. */
const PLANTS = [
  {
    target: 'packet',
    bug: 'a question whose last octet is missing is read',
    file: 'dns/message.js',
    from: 'if (end - at < 5)',
    to: 'if (end - at < 4)',
    executions: 6000,
  },
  {
    target: 'upstream',
    bug: 'a record that is written anew has a wrong length',
    file: 'forward/cache/records.js',
    from: 'put16(out, to + 8, end - to - 10)',
    to: 'put16(out, to + 8, end - to - 9)',
    executions: 6000,
  },
  {
    target: 'stream',
    bug: 'only the last 2 pieces of a line are kept',
    file: 'source/watch/line-splitter.js',
    from: 'Buffer.concat([...this.parts, chunk.subarray(from, to)])',
    to: 'Buffer.concat([...this.parts.slice(-2), chunk.subarray(from, to)])',
    executions: 6000,
  },
];

describe('a bug that is planted in the code', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podns-plant-'));
  beforeAll(() => {
    cpSync(join(ROOT, 'dist'), join(folder, 'dist'), { recursive: true });
    cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'));
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    for (const { file, from, to } of PLANTS) {
      const path = join(folder, 'dist', file);
      const code = readFileSync(path, 'utf8');
      expect(code.split(from), `${file} has the line once`).toHaveLength(2);
      writeFileSync(
        path,
        code.replace(from, () => to),
      );
    }
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test.each(PLANTS)(
    '$target: $bug is found within $executions inputs, and written down small',
    async ({ target, executions }) => {
      const args = ['--target', target, '--executions', String(executions)];
      args.push('--failures', join(folder, 'failures'), '--until-failure');
      const { reports, code } = await fuzz(args, join(folder, 'dist'));
      const [failure] = reports[0]!.failures;
      expect(failure).toBeDefined();
      expect(readFileSync(failure!.file)).toHaveLength(failure!.octets);
      expect(code).toBe(1);
      // What was written down fails again by itself, and only in that code.
      const again = ['--target', target, '--replay', '--failures', join(folder, 'failures')];
      expect((await fuzz(again, join(folder, 'dist'))).reports[0]!.failures[0]!.kind).toBe(failure!.kind);
      expect((await fuzz(again)).reports[0]!.failures).toEqual([]);
    },
    120_000,
  );
});
