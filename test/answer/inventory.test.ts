/** TXT strings from lines: whole octets, 255 a string, and a count of what was left out. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { packTexts as pack, podText, serviceText } from '../../src/answer/defer/inventory.ts';

const packTexts = (each: string[], room: number) => pack({ each, count: each.length }, room);
const decode = (texts: Uint8Array[]): string[] => texts.map((text) => Buffer.from(text).toString());

describe('texts', () => {
  test('hold all lines that fit, then how many more there are', () => {
    const lines = Array.from({ length: 100 }, (_, i) => `pod-${i} fdfd::${i}`);
    expect(decode(packTexts(lines, 10_000))).toEqual(lines);
    const some = decode(packTexts(lines, 200));
    expect(some.at(-1)).toBe(`+${100 - some.length + 1} more`);
    expect(some.slice(0, -1)).toEqual(lines.slice(0, some.length - 1));
    expect(some.length).toBeGreaterThan(5);
  });

  test('read no further than they take', () => {
    let read = 0;
    function* endless(): Generator<string> {
      for (;;) yield `pod-${read++}`;
    }
    const texts = decode(pack({ each: endless(), count: 1_000_000 }, 200));
    expect(read).toBe(texts.length);
    expect(texts.at(-1)).toBe(`+${1_000_000 - read + 1} more`);
  });

  test('never take more than the room, whatever the lines', () => {
    const lines = fc.array(fc.string({ maxLength: 400, unit: 'binary' }), { maxLength: 40 });
    fc.assert(
      fc.property(lines, fc.integer({ min: 30, max: 2000 }), (list, room) => {
        const texts = packTexts(list, room);
        expect(texts.length).toBeGreaterThan(0);
        expect(texts.reduce((sum, text) => sum + text.length + 1, 0)).toBeLessThanOrEqual(room);
        for (const text of texts) expect(text.length).toBeLessThanOrEqual(255);
        const last = /^\+(\d+) more$/.exec(decode(texts).at(-1)!);
        if (texts.length < list.length || last !== null) {
          const told = last === null ? 0 : Number(last[1]);
          expect(list.length === 0 || texts.length - (told > 0 ? 1 : 0) + told === list.length).toBe(true);
        }
      }),
    );
  });

  test('a line over 255 octets is cut at a whole character; no lines are one empty string', () => {
    const [text] = packTexts(['é'.repeat(200)], 1000) as [Uint8Array];
    expect(text.length).toBe(254);
    expect(Buffer.from(text).toString()).toBe('é'.repeat(127));
    expect(packTexts([], 100)).toEqual([new Uint8Array(0)]);
  });

  test('say what is to be known of a pod and of a service', () => {
    const overlays = [{ overlay: 'o', ip4: '10.0.0.1', ip6: 'fd42::1', pinned: true }];
    const common = { vpc: 'v', namespace: 'n', aid: 'x' };
    const ports = [{ name: 'http', protocol: 'tcp', port: 80 } as const];
    expect(
      podText({
        kind: 'pod',
        ...common,
        name: 'db',
        names: ['a', 'b'],
        ip6: 'fd::1',
        overlays,
        ports,
        ready: false,
      }),
    ).toBe('db fd::1 10.0.0.1 fd42::1 names=a,b not-ready');
    expect(serviceText({ kind: 'service', ...common, name: 'front', names: [], ip6: 'fdcc::1', ports })).toBe(
      'front fdcc::1 http=80/tcp',
    );
  });
});
