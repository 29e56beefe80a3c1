/** Variables of compose files, and the files that hold them: compose's grammar of both. */
import { describe, expect, it } from 'vitest';
import { readDotenv } from '../../src/cli/compose/dotenv.ts';
import { interpolate } from '../../src/cli/compose/interpolate.ts';

const VARIABLES = new Map(Object.entries({ A: 'a', EMPTY: '', B: 'b' }));

describe('variables in a value', () => {
  const put = (text: string): string => interpolate(text, VARIABLES, () => {});

  it.each([
    ['$A-${B}', 'a-b'],
    ['$$A', '$A'],
    ['$$$A', '$a'],
    ['${EMPTY:-x}|${EMPTY-x}|${NO:-x}|${NO-x}', 'x||x|x'],
    ['${A:+x}|${EMPTY:+x}|${EMPTY+x}|${NO+x}', 'x||x|'],
    ['${NO:-${A}-${NO:-$B}}', 'a-b'],
    ['${A:?no}${EMPTY?no}', 'a'],
    ['${NO:-a:-b?c}', 'a:-b?c'],
    // A lone brace of the word counts for nothing, as in compose.
    ['${A:-{x}}', 'a}'],
    ['${NO:-{x}}', '{x}'],
    ['$NO', ''],
    ['$', '$'],
    ['cost: 5$', 'cost: 5$'],
    ['$1 $(date) ^x$ $-$.', '$1 $(date) ^x$ $-$.'],
    ['$(echo $A)', '$(echo a)'],
    ['$constructor${__proto__}', ''],
  ])('%s is %s', (text, result) => {
    expect(put(text)).toBe(result);
  });

  it.each([
    ['${', '"${" without "}" in "${"'],
    ['${}', '"${}" is not a variable; write $$ for a dollar sign'],
    ['${1}', '"${1}" is not a variable; write $$ for a dollar sign'],
    ['${A b}', '"${A b}" is not a variable; write $$ for a dollar sign'],
    ['${EMPTY:?}', 'variable EMPTY is required'],
    ['${NO?say $A}', 'variable NO is required: say a'],
    [`${'${NO:-'.repeat(40)}${'}'.repeat(40)}`, 'its defaults are nested more than 32 levels deep'],
  ])('%s is an error', (text, reason) => {
    expect(() => put(text)).toThrow(reason);
  });
});

describe('a file of variables', () => {
  const read = (
    text: string,
    before: Record<string, string> = {},
    into = new Map<string, string>(),
  ): { values: Record<string, string>; said: string[] } => {
    const said: string[] = [];
    readDotenv(text, new Map(Object.entries(before)), into, {
      fault: (offset, reason) => said.push(`${offset}: ${reason}`),
      unset: (name, offset) => said.push(`${offset}: ${name} unset`),
    });
    return { values: Object.fromEntries(into), said };
  };

  it.each<[string, Record<string, string>]>([
    [
      '# c\nA=1\nexport B = "x # y" # z\nC=\'q\'\nD=a b # c\nE=\n',
      { A: '1', B: 'x # y', C: 'q', D: 'a b', E: '' },
    ],
    ['\uFEFFA=1\r\nB="2"\r\n\r\n\tC: 3', { A: '1', B: '2', C: '3' }],
    ['A=x#y\nB=x #y\nC=#y', { A: 'x#y', B: 'x', C: '' }],
    ['A="one\ntwo"\nB=\'one\ntwo\'\nC=3', { A: 'one\ntwo', B: 'one\ntwo', C: '3' }],
    ['A="a\\tb\\n\\"q\\" \\\\ \\$B \\x"', { A: 'a\tb\n"q" \\ $B \\x' }],
    ["A='it\\'s \\n $B'\nB=1", { A: "it's \\n $B", B: '1' }],
    ['A=1\nB=$A.2\nC=${B:-no}.3\nD="${NO:-$C}"', { A: '1', B: '1.2', C: '1.2.3', D: '1.2.3' }],
    ['A.b-c[0]=1', { 'A.b-c[0]': '1' }],
    ['ALONE\nA=1', { A: '1' }],
  ])('%j', (text, values) => {
    expect(read(text)).toEqual({ values, said: [] });
  });

  it('looks into the environment first, then into the files before', () => {
    const { values, said } = read('A=file\nB=$A-$OLD-$NO', { A: 'shell' }, new Map([['OLD', 'old']]));
    expect(values).toEqual({ OLD: 'old', A: 'file', B: 'shell-old-' });
    expect(said).toEqual(['7: NO unset']);
  });

  it('passes over what is none, and says so', () => {
    expect(read('A=1\ntwo words=2\nB="open\nC=3\nD=${\nE=5')).toEqual({
      values: { A: '1', C: '3', E: '5' },
      said: [
        '4: this is not NAME=value and is ignored',
        '18: " is not closed, so B is ignored',
        '28: D: "${" without "}" in "${"',
      ],
    });
  });

  it('does not let values double without end', () => {
    const lines = Array.from({ length: 60 }, (_, index) => `V${index + 1}=$V${index}$V${index}`);
    const { values, said } = read(['V0=xxxxxxxx', ...lines].join('\n'));
    expect(Math.max(...Object.values(values).map(({ length }) => length))).toBeLessThanOrEqual(1 << 20);
    expect(said[0]).toContain('its variables make it longer than 1048576');
  });
});
