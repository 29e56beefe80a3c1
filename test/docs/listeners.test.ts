/** docs/listeners.md: every example prints what stands there. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { podns } from '../cli/harness.ts';
import { blocksOf, commandsOf, podnsWords, ROOT } from './markdown.ts';
import { examplesOf, expectPrinted } from './printed.ts';

const PAGE = 'docs/listeners.md';
const examples = examplesOf(readFileSync(ROOT + PAGE, 'utf8'));
const folder = mkdtempSync(join(tmpdir(), 'podns-listeners-'));

beforeAll(() => {
  cpSync(`${ROOT}zones`, join(folder, 'zones'), { recursive: true });
  const [node] = blocksOf(PAGE).filter(({ language }) => language === 'yaml');
  writeFileSync(join(folder, 'node.yaml'), node!.text);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('docs/listeners.md', () => {
  it('has an example of each rule', () => expect(examples.length).toBeGreaterThan(9));

  it.each(examples)('$line', async (example) => {
    const [words] = commandsOf(example.line);
    const { out, err } = await podns(podnsWords(words!)!, { folder });
    expect(err).toBe('');
    expectPrinted(out, example);
  });
});
