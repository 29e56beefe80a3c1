/** Links between pages lead somewhere, and the README's table has every page once. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from 'vitest';
import { PAGES, ROOT } from './markdown.ts';

/** Without blocks of code. */
function proseOf(page: string): string {
  return readFileSync(ROOT + page, 'utf8').replace(/^```[\s\S]*?^```/gm, '');
}

/** As GitHub makes them of headings. */
function anchorsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-'),
  );
}

const links = PAGES.flatMap((page) =>
  [
    ...proseOf(page)
      .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''))
      .matchAll(/\]\(([^)\s]+)\)/g),
  ]
    .map(([, target]) => ({ page, target: target! }))
    .filter(({ target }) => !/^[a-z]+:/.test(target)),
);

describe('links', () => {
  it('are found', () => expect(links.length).toBeGreaterThan(60));

  it.each(links)('$page: $target', ({ page, target }) => {
    const [path, anchor] = target.split('#') as [string, string?];
    const file = path === '' ? page : normalize(join(dirname(page), path));
    expect(existsSync(ROOT + file), file).toBe(true);
    if (anchor !== undefined) expect(anchorsOf(file)).toContain(anchor);
  });
});

it('the README has one table of pages, with each page once', () => {
  const readme = readFileSync(`${ROOT}README.md`, 'utf8');
  const rows = [...readme.matchAll(/^\| \[([\w/.-]+\.md)\]\(\1\) +\|/gm)].map(([, page]) => page!);
  const pages = PAGES.filter((page) => page !== 'README.md');
  expect(rows.filter((page) => page.startsWith('docs/')).sort()).toEqual(pages);
  expect(readme.match(/^\| page +\|/gm)).toHaveLength(1);
});
