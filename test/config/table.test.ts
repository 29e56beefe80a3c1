/** docs/configuration.md holds the table of settings of the code; `vitest run -u` rewrites it. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { expect, it } from 'vitest';
import { defaultText } from '../../src/config/default-text.ts';
import { environmentName, fileKey, flagName, KEYS, SETTINGS } from '../../src/config/table.ts';

const PAGE = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));
const BEGIN = '<!-- settings -->';
const END = '<!-- /settings -->';

function tableText(): string {
  const groups = [...new Set(KEYS.map((key) => SETTINGS[key].group))];
  const quoted = (text: string): string => (text === '' || text.includes(' ') ? text : `\`${text}\``);
  const escape = (text: string): string => text.replaceAll('|', '\\|');
  const sections = groups.map((group) => {
    const rows = KEYS.filter((key) => SETTINGS[key].group === group).map((key) => {
      const { takes = '', doc } = SETTINGS[key];
      const type = takes === '' ? '' : ` \`${escape(takes)}\``;
      return `| \`${fileKey(key)}\`${type} | ${escape(quoted(defaultText(key)))} | ${escape(doc)} |`;
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
