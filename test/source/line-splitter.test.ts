/** Lines out of chunks: any cut of the bytes gives the same lines. */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LineSplitter, type Line } from '../../src/source/watch/line-splitter.ts';

function split(chunks: Uint8Array[], maxBytes = 100): Line[] {
  const splitter = new LineSplitter(maxBytes);
  return chunks.flatMap((chunk) => splitter.push(chunk));
}

test('any cut of the bytes gives the same lines, also inside a character', () => {
  const text = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 8 });
  const cuts = fc.array(fc.nat(200), { maxLength: 10 });
  fc.assert(
    fc.property(text, cuts, (lines, at) => {
      const clean = lines.map((line) => line.replace(/[\r\n]/g, ''));
      const bytes = Buffer.from(clean.map((line) => line + '\n').join(''));
      const borders = [0, ...at.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const chunks = borders.slice(1).map((border, i) => bytes.subarray(borders[i], border));
      const expected = clean
        .map((line, i) => ({ number: i + 1, text: line.trim() }))
        .filter((line) => line.text !== '');
      expect(split(chunks, 1000)).toEqual(expected);
    }),
  );
});

test('carriage returns belong to the line end, and blank lines only count', () => {
  expect(split([Buffer.from('{"a":1}\r\n\r\n\n{"b":2}\r\n')])).toEqual([
    { number: 1, text: '{"a":1}' },
    { number: 4, text: '{"b":2}' },
  ]);
});

test('a line that is not ended is not given out, and is known to be pending', () => {
  const splitter = new LineSplitter(100);
  expect(splitter.push(Buffer.from('whole\nhalf'))).toEqual([{ number: 1, text: 'whole' }]);
  expect(splitter.pending).toBe(4);
});

test('a line that is too long is one error, and the next line is read', () => {
  const splitter = new LineSplitter(10);
  const error = (octets: number) => `has ${octets} octets, at most 10 are read: make it shorter`;
  expect(splitter.push(Buffer.from('ok\n01234567890'))).toEqual([{ number: 1, text: 'ok' }]);
  expect(splitter.push(Buffer.from('still the same line'))).toEqual([]);
  expect(splitter.push(Buffer.from('and its end\nnext\n'))).toEqual([
    { number: 2, text: '', error: error(41) },
    { number: 3, text: 'next' },
  ]);
  expect(splitter.push(Buffer.from('in one chunk, too long\n0123456789\n'))).toEqual([
    { number: 4, text: '', error: error(22) },
    { number: 5, text: '0123456789' },
  ]);
});

test('of a line that is too long what names its object can still be known, however it is cut', () => {
  const object = { kind: 'pod', names: Array(40).fill('"}]'), name: 'a' };
  const bytes = Buffer.from(`${JSON.stringify({ type: 'put', object, more: true })}\n`);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
      const borders = [0, ...cuts.sort((a, b) => a - b), bytes.length];
      const splitter = new LineSplitter(100, ['object']);
      const lines = borders.slice(1).flatMap((end, i) => splitter.push(bytes.subarray(borders[i], end)));
      const { outline, error } = lines[0]!;
      expect(error).toBe(`has ${bytes.length - 1} octets, at most 100 are read: make it shorter`);
      expect(outline?.frame).toEqual({ type: 'put', object: {}, more: true });
      expect([...outline!.members.keys()]).toEqual(['kind', 'names', 'name']);
    }),
  );
});

test('octets that are not UTF-8 are refused; a replacement character that was written is not', () => {
  expect(split([Buffer.from([0x61, 0xc3, 0x28, 0x0a]), Buffer.from('\ufffd\n')])).toEqual([
    { number: 1, text: '', error: 'the line is not UTF-8' },
    { number: 2, text: '\ufffd' },
  ]);
});
