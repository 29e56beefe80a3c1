/** ARCHITECTURE.md tells what is so: its table of rooms is the tests' own, and the files that it names exist. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { describe, expect, it } from 'vitest';
import { ALLOWED, ROOMS } from './architecture.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const PAGE = `${ROOT}ARCHITECTURE.md`;
const BEGIN = '<!-- rooms -->';
const END = '<!-- /rooms -->';
const page = readFileSync(PAGE, 'utf8');

/** A room is a folder, a file, or both; `a/b` in the list of another is one file of it. */
function placeOf(room: string): string {
  const file = existsSync(`${ROOT}src/${room}.ts`) ? `\`${room}.ts\`` : '';
  const folder = existsSync(`${ROOT}src/${room}`) && !room.includes('/') ? `\`${room}/\`` : '';
  return [folder, file].filter((text) => text !== '').join(', ');
}

function tableText(): string {
  const rows = Object.entries(ALLOWED).map(([room, others]) => {
    const may = others.map((other) => (other.includes('/') ? `\`${other}.ts\`` : `\`${other}\``)).join(', ');
    return `| ${placeOf(room)} | ${ROOMS[room]} | ${may === '' ? 'nothing' : may} |`;
  });
  return ['| room | one sentence | may import |', '| --- | --- | --- |', ...rows].join('\n');
}

it('has every room, with a sentence and what it may import', async () => {
  expect(Object.keys(ROOMS).sort()).toEqual(Object.keys(ALLOWED).sort());
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  expect(from).toBeGreaterThan(0);
  expect(to).toBeGreaterThan(from);
  const whole = `${page.slice(0, from)}${BEGIN}\n\n${tableText()}\n\n${page.slice(to)}`;
  const formatted = await format(whole, { ...(await resolveConfig(PAGE)), filepath: PAGE });
  await expect(formatted).toMatchFileSnapshot(PAGE);
});

const files = ['src', 'test'].flatMap((folder) =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: 'utf8' }).map((path) => `${folder}/${path}`),
);

/** A file that the page names: from `src` or from the top; a bare name is that of a file beside the one named before. */
function isThere(path: string): boolean {
  if (existsSync(`${ROOT}src/${path}`) || existsSync(`${ROOT}${path}`)) return true;
  const pattern = new RegExp(`(^|/)${path.replaceAll('.', '\\.').replaceAll('*', '[^/]*')}$`);
  return files.some((file) => pattern.test(file));
}

const FILE = /`([\w./*-]+\.(?:ts|mjs))`/g;
const filesIn = (text: string): string[] => [...text.matchAll(FILE)].map(([, path]) => path!);

/** The text of a recipe, by its name. */
const recipes = new Map(
  [...page.matchAll(/^- \*\*([^*]+)\*\*([\s\S]*?)(?=\n- |\n\n)/gm)].map(([, name, text]) => [name!, text!]),
);

describe('the files', () => {
  it('that the page names are there', () => {
    const named = filesIn(page);
    expect(named.length).toBeGreaterThan(50);
    expect(named.filter((path) => !isThere(path))).toEqual([]);
  });

  it.each(['a TXT per pod', 'a limit per client'])('for %s are six at most', (name) => {
    const text = recipes.get(name)!;
    const files = new Set(filesIn(text));
    const all = files.size + (/\ba new file\b/.test(text) ? 1 : 0);
    expect(all).toBeGreaterThan(1);
    expect(all).toBeLessThanOrEqual(6);
  });
});
