/** SECURITY.md: each line of the threat model names a test that is there. */
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${ROOT}SECURITY.md`, 'utf8');
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| ') && !/^\| (it +\| test|---)/.test(line))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );

describe('the threat model', () => {
  it('has attackers with what they can and cannot do', () => {
    expect(page.match(/^\*\*(A|An|The) .*$/gm)).toHaveLength(6);
    expect(rows.length).toBeGreaterThan(30);
    expect(rows.filter(([what]) => what!.startsWith('cannot')).length).toBeGreaterThan(20);
  });

  it.each(rows.map(([what, by]) => ({ what, by })))('$what', ({ what, by }) => {
    // What podns cannot prevent may have nothing that shows it.
    if (by === '' && what!.startsWith('**can**')) return;
    const named = /^`(test\/[\w./-]+\.test\.ts)` "(.+)"$/.exec(by!);
    expect(named, by).not.toBeNull();
    const [, file, name] = named!;
    expect(existsSync(ROOT + file), file).toBe(true);
    expect(readFileSync(ROOT + file, 'utf8')).toContain(name);
  });
});
