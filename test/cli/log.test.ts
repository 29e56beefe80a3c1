/** The log's two forms: lines for people on a terminal, JSON with ISO time and level words elsewhere. */
import { expect, test } from 'vitest';
import { localTime, makeLog, type LogOptions } from '../../src/cli/log.ts';

function written(options: Partial<LogOptions>): string {
  let text = '';
  const log = makeLog({
    level: 'info',
    format: 'auto',
    isTerminal: false,
    to: { write: (line) => void (text += line) },
    ...options,
  });
  log.debug({}, 'unseen');
  log.info({ source: 'zones:z' }, 'zones:z is live');
  log.warn({ repeated: 24 }, 'odd \u001b[31m text');
  return text;
}

test('for people: local time, a level word, and nothing that a terminal would obey but our colours', () => {
  const now = (): Date => new Date(2026, 10, 28, 9, 5, 7);
  expect(localTime(now())).toBe('2026-11-28 09:05:07');
  const plain = written({ format: 'text', now });
  expect(plain).toBe(
    '2026-11-28 09:05:07 info  zones:z is live\n' +
      '2026-11-28 09:05:07 warn  odd \\u001b[31m text (24 times since it was last said)\n',
  );
  const coloured = written({ isTerminal: true, now });
  // eslint-disable-next-line no-control-regex
  expect(coloured.replaceAll(/\u001b\[\d+m/g, '')).toBe(plain);
  // eslint-disable-next-line no-control-regex
  expect(coloured.match(/\u001b\[/g)).toHaveLength(4);
});

test('for machines: one JSON object a line, wherever it goes when that is asked for', () => {
  for (const options of [{}, { format: 'json', isTerminal: true }] as const) {
    const lines = written(options)
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toEqual([
      { level: 'info', time: expect.any(String), source: 'zones:z', msg: 'zones:z is live' },
      { level: 'warn', time: expect.any(String), repeated: 24, msg: 'odd \u001b[31m text' },
    ]);
    expect(lines[0]!['time']).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  }
});

test('more is said on debug, and nothing when silent', () => {
  expect(written({ level: 'debug' })).toContain('unseen');
  expect(written({ level: 'debug', format: 'text' })).toContain('debug unseen');
  expect(written({ level: 'silent' })).toBe('');
  expect(written({ level: 'silent', format: 'text' })).toBe('');
});
