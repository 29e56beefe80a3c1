/** The history: what follows a revision is what was said after it, for everybody and for each selection. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Change } from '../../src/catalog/change.ts';
import { keyOf } from '../../src/model.ts';
import { WatchHistory } from '../../src/watch/watch-history.ts';
import { watchLine } from '../../src/watch/watch-encoding.ts';
import { pod, type Line } from './nodes.ts';

const ROOMY = { encode: watchLine, maxBytes: 1 << 20, maxRevisions: 1000, id: '00000042', start: 1000 };

function put(name: string, vpc: string): Change {
  const resource = pod(name, 'fd00::2', { vpc });
  return { type: 'put', resource, stamp: 1n, source: 's', revision: '1', renewed: false };
}

function say(history: WatchHistory, ...names: string[]): void {
  for (const name of names) history.add(put(name, name[0]!), undefined);
  history.commit();
}

/** Names by revision, with `+` where more of it was announced. */
function read(history: WatchHistory, from: number, vpcs?: string[], most = 1 << 20): string[] | undefined {
  const selection = vpcs === undefined ? undefined : { key: vpcs.join(), vpcs: new Set(vpcs) };
  const said: string[] = [];
  for (let at = from; at < history.current;) {
    const piece = history.after(at, selection, most);
    if (piece === undefined) return undefined;
    at = piece.to;
    const lines = (piece.bytes?.toString() ?? '').split('\n').filter((text) => text !== '');
    for (const line of lines.map((text) => JSON.parse(text) as Line))
      said.push(`${Number(line.revision.slice(0, 12))} ${line.object!.name}${line.more ? '+' : ''}`);
  }
  return said;
}

describe('the history', () => {
  it('gives what followed, and marks all lines of a revision but the last', () => {
    const history = new WatchHistory(ROOMY);
    history.record(false);
    say(history, 'a1');
    say(history, 'a2', 'b1', 'a3');
    expect(read(history, 1000)).toEqual(['1001 a1', '1002 a2+', '1002 b1+', '1002 a3']);
    expect(read(history, 1001, ['a'])).toEqual(['1002 a2+', '1002 a3']);
    expect(read(history, 1001, ['b'])).toEqual(['1002 b1']);
    expect(read(history, 1000, ['c'])).toEqual([]);
  });

  it('knows its own revisions, and nobody else’s', () => {
    const history = new WatchHistory(ROOMY);
    say(history, 'a1');
    history.record(false);
    say(history, 'a2');
    const text = history.textOf(1001);
    expect(text).toBe('00000000100100000042');
    expect(history.countOf(text)).toBe(1001);
    expect(history.countOf(history.textOf(1002))).toBe(1002);
    // Before it began to keep changes, not made yet, of another process, of another kind.
    for (const foreign of [history.textOf(1000), history.textOf(1003), '00000000100100000043', '1001', ''])
      expect(history.countOf(foreign)).toBeUndefined();
  });

  it('makes no revision of a transaction that changed nothing', () => {
    const history = new WatchHistory(ROOMY);
    expect(history.commit()).toBe(false);
    expect(history.current).toBe(1000);
  });

  it('gives up what is older than its limits, and says so', () => {
    const history = new WatchHistory({ ...ROOMY, maxRevisions: 2 });
    history.record(false);
    for (const name of ['a1', 'a2', 'a3']) say(history, name);
    expect(read(history, 1000)).toBeUndefined();
    expect(read(history, 1001)).toEqual(['1002 a2', '1003 a3']);
    expect(history.countOf(history.textOf(1000))).toBeUndefined();
  });

  it('keeps nothing of a revision that is larger than all of it, or that began before it listened', () => {
    const history = new WatchHistory({ ...ROOMY, maxBytes: 1000 });
    history.record(false);
    say(history, 'a1');
    say(history, ...Array.from({ length: 20 }, (_, i) => `b${i}`));
    expect([history.revisions, history.floor, history.current]).toEqual([0, 1002, 1002]);
    say(history, 'a2');
    expect(read(history, 1002)).toEqual(['1003 a2']);

    const late = new WatchHistory(ROOMY);
    late.add(put('a1', 'a'), undefined);
    late.record(true);
    late.add(put('a2', 'a'), undefined);
    late.commit();
    expect([late.revisions, late.floor]).toEqual([0, 1001]);
  });

  it('is, for any changes, readers and limits, a suffix of what was said', () => {
    const revision = fc.array(fc.constantFrom('a1', 'a2', 'b1', 'b2', 'c1'), { minLength: 1, maxLength: 6 });
    fc.assert(
      fc.property(
        fc.array(revision, { maxLength: 40 }),
        fc.integer({ min: 1, max: 30 }),
        fc.integer({ min: 300, max: 6000 }),
        fc.subarray(['a', 'b', 'c'], { minLength: 1 }),
        fc.integer({ min: 1, max: 4000 }),
        (revisions, maxRevisions, maxBytes, vpcs, most) => {
          const history = new WatchHistory({ ...ROOMY, maxRevisions, maxBytes });
          history.record(false);
          for (const names of revisions) say(history, ...names);
          expect(history.bytes).toBeLessThanOrEqual(maxBytes);
          for (let from = history.floor; from <= history.current; from++) {
            for (const wanted of [undefined, vpcs]) {
              const expected = revisions.slice(from - 1000).flatMap((names, i) => {
                const mine = names.filter((name) => wanted?.includes(name[0]!) ?? true);
                return mine.map((name, n) => `${from + 1 + i} ${name}${n < mine.length - 1 ? '+' : ''}`);
              });
              expect(read(history, from, wanted, most)).toEqual(expected);
            }
          }
          if (history.floor > 1000) expect(history.after(history.floor - 1, undefined, most)).toBeUndefined();
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has the VPC of every kind of change', () => {
    const key = keyOf(pod('x', 'fd00::2', { vpc: 'q' }));
    const history = new WatchHistory(ROOMY);
    history.record(false);
    history.add({ type: 'delete', key, source: 's', revision: '1' }, 0);
    history.commit();
    const piece = history.after(1000, { key: 'q', vpcs: new Set(['q']) }, 100)!;
    expect(JSON.parse(piece.bytes!.toString())).toEqual({
      type: 'delete',
      revision: history.textOf(1001),
      at: '1970-01-01T00:00:00.000Z',
      object: { kind: 'pod', vpc: 'q', namespace: 'n', name: 'x' },
    });
  });
});
