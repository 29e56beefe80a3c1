/** Regular expressions of filters: they find what JavaScript's find, in time that no pattern makes long. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Pattern, PatternError } from '../../src/admin/docker/pattern.ts';

/** Patterns that both understand alike. */
const atom = fc.oneof(
  fc.constantFrom(
    'a',
    'b',
    '-',
    '/',
    '\\.',
    '.',
    '\\d',
    '\\W',
    '[a-c]',
    '[^b]',
    '[-a]',
    '[/_.]',
    '[\\d-]',
    '^',
    '$',
  ),
);
const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  pattern: fc
    .array(
      fc.array(tie('part'), { maxLength: 4 }).map((parts) => parts.join('')),
      { minLength: 1, maxLength: 3 },
    )
    .map((parts) => parts.join('|')),
  part: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    atom,
    fc
      .tuple(
        fc.oneof(
          tie('pattern').map((inner) => `(${inner})`),
          fc.constantFrom('a', 'b', '.', '[ab]'),
        ),
        fc.constantFrom('', '*', '+', '?', '{2}', '{1,}', '{0,2}', '*?'),
      )
      .map((parts) => parts.join('')),
  ),
}));

describe('a pattern', () => {
  it('finds what a regular expression of JavaScript finds', () => {
    const texts = fc.array(fc.string({ unit: fc.constantFrom(...'ab0-/._é'), maxLength: 8 }), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(pattern, texts, (source, all) => {
        fc.pre(source.length <= 256);
        const compiled = new Pattern(source);
        const judge = new RegExp(source, 's');
        for (const text of all) expect([text, compiled.test(text)]).toEqual([text, judge.test(text)]);
      }),
    );
  });

  it('may ignore case, and has groups without a number', () => {
    expect(new Pattern('(?i)^NEXT(?:cloud)+/[d]').test('nextCloud/Default')).toBe(true);
    expect(new Pattern('NEXT').test('next')).toBe(false);
  });

  it.each([
    '(',
    ')',
    'a**',
    '*',
    '[a',
    '[b-a]',
    '\\',
    '\\1',
    '\\p',
    '(?=a)',
    'a{3,2}',
    'a{1001}',
    'x'.repeat(257),
  ])('is refused: %s', (source) => expect(() => new Pattern(source)).toThrow(PatternError));

  it.each(['((((){1000}){1000}){1000}){1000}', '(a{1000}){1000}', '((a?){30}){30}x{300}'])(
    'is refused where it is small and means a lot: %s',
    (source) => expect(() => new Pattern(source)).toThrow('too large'),
  );

  it('takes no longer for one that other engines never finish', () => {
    const evil = new Pattern('^(([a-z])+.)+[A-Z]([a-z])+$');
    expect(evil.test('a'.repeat(300))).toBe(false);
    expect(evil.cost(300)).toBeLessThan(16);
  });
});
