/** docs/configuration.md holds the table of settings of the code; `vitest run -u` rewrites it. */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { environmentName, fileKey, flagName, KEYS, SETTINGS, type Key } from '../../src/config/table.ts';

const PAGE = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));
const BEGIN = '<!-- settings -->';
const END = '<!-- /settings -->';

/** A default as podns.yaml would have it; the name of the host differs from machine to machine. */
function defaultText(key: Key): string {
  const { default: value, takes } = SETTINGS[key];
  if (value === hostname()) return "the host's name";
  if (takes === 'DURATION') return `\`${durationText(value as number)}\``;
  if (takes === 'SIZE') return `\`${(value as number) / 2 ** 20}MiB\``;
  if (value === '' || (typeof value === 'object' && Object.keys(value).length === 0)) return '';
  return `\`${String(value as string | number | boolean)}\``;
}

function durationText(milliseconds: number): string {
  if (milliseconds % 3_600_000 === 0) return `${milliseconds / 3_600_000}h`;
  return milliseconds >= 1_000 ? `${milliseconds / 1_000}s` : `${milliseconds}ms`;
}

function tableText(): string {
  const groups = [...new Set(KEYS.map((key) => SETTINGS[key].group))];
  const escape = (text: string): string => text.replaceAll('|', '\\|');
  const sections = groups.map((group) => {
    const rows = KEYS.filter((key) => SETTINGS[key].group === group).map((key) => {
      const { takes = '', doc } = SETTINGS[key];
      const type = takes === '' ? '' : ` \`${escape(takes)}\``;
      return `| \`${fileKey(key)}\`${type} | ${escape(defaultText(key))} | ${escape(doc)} |`;
    });
    return [`### ${group}`, '', '| key | default | meaning |', '| --- | --- | --- |', ...rows].join('\n');
  });
  return sections.join('\n\n');
}

it('has every setting, with its default', async () => {
  const page = readFileSync(PAGE, 'utf8');
  const from = page.indexOf(BEGIN);
  const to = page.indexOf(END);
  expect(from).toBeGreaterThan(0);
  expect(to).toBeGreaterThan(from);
  const whole = `${page.slice(0, from)}${BEGIN}\n\n${tableText()}\n\n${page.slice(to)}`;
  const formatted = await format(whole, { ...(await resolveConfig(PAGE)), filepath: PAGE });
  await expect(formatted).toMatchFileSnapshot(PAGE);
});

it('spells a key in three ways', () => {
  expect([fileKey('staleAfter'), flagName('staleAfter'), environmentName('staleAfter')]).toEqual([
    'stale_after',
    '--stale-after',
    'PODNS_STALE_AFTER',
  ]);
});
