/** Those modules of the page that need no browser: text that is shown, and what is made of metrics. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { plainLines as serverLines, plainText } from '../../src/model-text.ts';

// Plain modules for browsers: `tsconfig.page.json` has their types.
// oxlint-disable-next-line typescript/no-explicit-any -- the types of the modules are those of a browser
const module = (name: string): Promise<any> =>
  import(new URL(`../../src/page/${name}.js`, import.meta.url).href);
const { plain, plainLines, durationText, numberText, millisecondsText, countText } = await module('text');
const { parseMetrics, sums, rates, quantile } = await module('metrics');
const { addressOf, routeOf } = await module('route');

describe('text', () => {
  it('is made plain as the server makes it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string(), (some, other) => {
        for (const text of [some, other, `${some}\u202e\u0000\n\t${other}\ud800`]) {
          expect(plain(text)).toBe(plainText(text));
          expect(plainLines(text)).toBe(serverLines(text));
        }
      }),
    );
    expect(plain('a\u202eb\u0007')).toBe('a\\u202eb\\u0007');
  });

  it('says times and numbers in words', () => {
    expect([0, 99_000, 100_000, 6_000_000, 200_000_000].map(durationText)).toEqual([
      '0 s',
      '99 s',
      '2 min',
      '2 h',
      '2 d',
    ]);
    expect([0, 0.126, 12.34, 1234.5, null, NaN].map(numberText)).toEqual([
      '0',
      '0.13',
      '12.3',
      '1\u202f235',
      '–',
      '–',
    ]);
    expect([0.25, 2.5, 2500, null].map(millisecondsText)).toEqual(['250 µs', '2.5 ms', '2.5 s', '–']);
    expect([countText(1, 'pod'), countText(2, 'match', 'matches')]).toEqual(['1 pod', '2 matches']);
  });
});

describe('metrics', () => {
  const text = [
    '# HELP a_total Words.',
    '# TYPE a_total counter',
    'a_total{proto="udp",listener="[::1]:53@a/b"} 10',
    'a_total{proto="tcp",listener="x\\"y\\\\z\\nw}"} 2',
    'a_total{proto="udp",listener="other"} 5',
    'plain 3',
    'd_bucket{le="0.001"} 4',
    'd_bucket{le="0.01"} 8',
    'd_bucket{le="+Inf"} 10',
    '',
  ].join('\n');

  it('are read and summed by a label', () => {
    const samples = parseMetrics(text);
    expect(samples.get('a_total')[1].labels.listener).toBe('x"y\\z\nw}');
    expect([...sums(samples, 'a_total', 'proto')]).toEqual([
      ['udp', 15],
      ['tcp', 2],
    ]);
    expect([...sums(samples, 'plain', '')]).toEqual([['', 3]]);
    expect(sums(samples, 'nosuch', '')).toBeUndefined();
  });

  it('become rates, also of a server that has begun anew', () => {
    const before = new Map([['a', 10]]);
    expect([
      ...rates(
        new Map([
          ['a', 30],
          ['b', 4],
        ]),
        before,
        2,
      ),
    ]).toEqual([
      ['a', 10],
      ['b', 2],
    ]);
    expect([...rates(new Map([['a', 4]]), before, 2)]).toEqual([['a', 2]]);
  });

  it('become quantiles of what came in between', () => {
    const now = sums(parseMetrics(text), 'd_bucket', 'le');
    expect(quantile(0.2, now, undefined)).toBeCloseTo(0.5);
    expect(quantile(0.6, now, undefined)).toBeCloseTo(5.5);
    expect(quantile(0.99, now, undefined)).toBeCloseTo(10);
    expect(quantile(0.5, now, now)).toBeNull();
    const four = new Map([
      ['0.001', 4],
      ['0.01', 4],
      ['+Inf', 4],
    ]);
    expect(quantile(0.5, now, four)).toBeCloseTo(7.75);
  });
});

describe('addresses inside the page', () => {
  it('carry any text and come back the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (name, from) => {
        const { section, fields } = routeOf(addressOf('explain', { name, from, vpc: '' }));
        expect([section, fields.get('name') ?? '', fields.get('from') ?? '', fields.has('vpc')]).toEqual([
          'explain',
          name,
          from,
          false,
        ]);
      }),
    );
    expect(addressOf('explain', { name: 'db', from: 'shop/web' })).toBe('#/explain?name=db&from=shop/web');
    expect(routeOf('').section).toBe('');
    expect(routeOf('#/x"><img>').section).toBe('');
  });
});
