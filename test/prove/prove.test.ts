/** `npm run prove`: its entries in their short form, its table, and its page. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, test } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(ROOT, 'docs/reliability.md');

function prove(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(ROOT, 'prove/prove.mjs'), ...args], (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

/** The cells of a table's rows, without its head. */
function rowsOf(table: string): string[][] {
  const lines = table.split('\n').filter((line) => line.startsWith('|'));
  return lines.slice(2).map((line) =>
    line
      .split(/(?<!\\)\|/)
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}

// The others have tests of their own, or are such: test/transport/hostile.test.ts, test/fuzz, test/models.test.ts,
// test/takeover, test/watch, test/properties, soak.test.ts. What `flood` loses depends on who else uses the machine; here
// test/transport/fair-share.test.ts stands for it.
describe('the short form', () => {
  test.each(['connections', 'hostile-streams', 'flood-outside', 'kill-9', 'state'])(
    'of %s holds',
    async (name) => {
      const folder = mkdtempSync(join(tmpdir(), 'podns-prove-'));
      try {
        const { code, out } = await prove('--short', '--only', name, '--json', join(folder, 'results.json'));
        expect(rowsOf(out)).toEqual([
          [name, expect.any(String), expect.any(String), expect.any(String), 'holds'],
        ]);
        const results = JSON.parse(readFileSync(join(folder, 'results.json'), 'utf8')) as object[];
        expect(results).toMatchObject([{ name, verdict: 'holds' }]);
        expect(code).toBe(0);
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
    120_000,
  );
});

test('what is asked wrongly ends with 2 and says how to ask', async () => {
  expect(await prove('--only', 'nonsense')).toMatchObject({ code: 2, out: '' });
  expect((await prove('--nonsense')).err).toMatch(/npm run prove/);
});

test('docs/reliability.md has every entry', async () => {
  const { out } = await prove('--list');
  expect(rowsOf(out).length).toBeGreaterThan(4);
  const page = readFileSync(PAGE, 'utf8');
  const [before, after] = [page.indexOf('<!-- prove -->'), page.indexOf('<!-- /prove -->')];
  expect(before).toBeGreaterThan(0);
  const whole = `${page.slice(0, before)}<!-- prove -->\n\n${out}\n${page.slice(after)}`;
  const formatted = await format(whole, { ...(await resolveConfig(PAGE)), filepath: PAGE });
  await expect(formatted).toMatchFileSnapshot(PAGE);
});
