/** What is read is one committed state: in the middle of a commit, through many, and no more than was asked for. */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { Moment, MomentLost } from '../../src/catalog/moments.ts';
import { Records } from '../../src/catalog/records.ts';
import type { Resource } from '../../src/model.ts';
import { keyOf, keyText, KINDS } from '../../src/model.ts';
import { pod, say, textOf } from './saved-world.ts';
import { run, SOURCES, step } from './steps.ts';

afterEach(() => vi.restoreAllMocks());

/** Everything that can be read of a catalog. */
function all(catalog: Catalog): unknown {
  return {
    lists: KINDS.map((kind) => texts(catalog.list(kind, {}, true))),
    counts: KINDS.map((kind) => catalog.count(kind)),
    byVpc: ['a', 'b', 'c', 'd'].map((vpc) => [
      ...KINDS.map((kind) => texts(catalog.list(kind, { vpc }, true))),
      ...KINDS.map((kind) => texts(catalog.list(kind, { vpc, namespace: 'n' }, true))),
      KINDS.map((kind) => catalog.count(kind, vpc)),
      KINDS.map((kind) => catalog.count(kind, vpc, 'm')),
      texts(catalog.effective(new Set([vpc]))).sort(),
    ]),
    referred: (['vpc', 'namespace'] as const).map((kind) => texts(catalog.listPaced(kind, {}, true))),
    scopes: texts(catalog.scopes()).sort(),
    records: texts(catalog.records()).sort(),
    digest: catalog.digest(),
  };
}

function texts(values: Iterable<unknown>): string[] {
  return Array.from(values, (value) => textOf(value)).filter((text) => text !== undefined);
}

describe('any sequence of change sets', () => {
  it('shows nothing of one that is half read, at any of its steps', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 8 }), (steps) => {
        const catalog = new Catalog({ sources: SOURCES });
        for (const each of steps) {
          const before = all(catalog);
          const changes = run(catalog, each).commit();
          expect(all(catalog)).toEqual(before);
          while (!changes.next().done) expect(all(catalog)).toEqual(before);
          const effective = texts(catalog.effective()).length;
          expect(KINDS.reduce((sum, kind) => sum + catalog.count(kind), 0)).toBe(effective);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('does not change what was begun to be read before it', () => {
    const reading = fc.record({
      steps: fc.array(step, { maxLength: 8 }),
      from: fc.nat(6),
      pace: fc.integer({ min: 1, max: 4 }),
    });
    fc.assert(
      fc.property(reading, ({ steps, from, pace }) => {
        const catalog = new Catalog({ sources: SOURCES });
        const lists: { steps: Iterator<unknown>; expected: string[]; found: string[] }[] = [];
        const begin = (make: () => Iterator<unknown> & Iterable<unknown>): void => {
          const list = { steps: make(), expected: texts(make()).sort(), found: [] as string[] };
          read(list);
          lists.push(list);
        };
        const read = ({ steps: list, found }: (typeof lists)[number]): boolean => {
          const { value, done } = list.next();
          if (value !== undefined) found.push(textOf(value));
          return done === true;
        };
        steps.forEach((each, i) => {
          const changes = run(catalog, each).commit();
          // Some begin in the middle of a commit.
          for (let n = 0; !changes.next().done; n++) {
            if (i === from && n === 2)
              for (const kind of KINDS) begin(() => catalog.listPaced(kind, {}, n % 2 === 0));
            for (const list of lists) for (let k = 0; k < pace; k++) read(list);
          }
          if (i !== from) return;
          begin(() => catalog.effective());
          begin(() => catalog.records());
          begin(() => catalog.listPaced('pod', { vpc: 'a' }));
        });
        for (const list of lists) {
          while (!read(list));
          expect(list.found.sort()).toEqual(list.expected);
        }
      }),
      { numRuns: 150 },
    );
  });
});

describe('what a list costs', () => {
  function world(pods: number): Catalog {
    const catalog = new Catalog({ sources: ['watch'] });
    const list: Resource[] = Array.from({ length: pods }, (_, i) =>
      pod(`pod-${i}`, { vpc: 'big', namespace: `n${i % 50}` }),
    );
    say(catalog, 'watch', true, '1', [...list, pod('db', { vpc: 'tiny', namespace: 'x' })]);
    return catalog;
  }

  it('is its own length, not that of others', () => {
    const catalog = world(20_000);
    const looked = vi.spyOn(Moment.prototype, 'has');
    const decoded = vi.spyOn(Records.prototype, 'resource');
    expect([...catalog.list('pod', { vpc: 'tiny' }, true)]).toHaveLength(1);
    expect([...catalog.list('namespace', { vpc: 'big' }, true)]).toHaveLength(0);
    expect([...catalog.listPaced('namespace', { vpc: 'big' }, true)].filter(Boolean)).toHaveLength(50);
    expect([...catalog.scopes('tiny')]).toEqual([{ vpc: 'tiny', namespace: 'x' }]);
    expect(catalog.count('pod', 'big')).toBe(20_000);
    expect(catalog.count('pod', 'big', 'n7')).toBe(400);
    expect([...catalog.effective(new Set(['tiny']))]).toHaveLength(1);
    expect(looked.mock.calls.length).toBeLessThan(10);
    expect(decoded.mock.calls.length).toBeLessThan(10);
    expect([...catalog.list('pod', { vpc: 'big', namespace: 'n7' })]).toHaveLength(400);
    expect(looked.mock.calls.length).toBeLessThan(420);
  });

  it('comes in small steps, also where it finds nothing', () => {
    const catalog = world(20_000);
    let most = 0;
    let looked = 0;
    vi.spyOn(Moment.prototype, 'has').mockImplementation(function (this: Moment, reference) {
      looked++;
      return !this.came.has(reference);
    });
    const list = catalog.listPaced('pod');
    const names: string[] = [];
    for (;;) {
      const before = looked;
      const { value, done } = list.next();
      most = Math.max(most, looked - before);
      if (done) break;
      if (value !== undefined) names.push(keyText(keyOf(value)));
      // What came since is not looked at in one piece either.
      if (names.length === 1) say(catalog, 'watch', false, '2', world2());
    }
    expect(names).toHaveLength(20_001);
    expect(names).toEqual([...names].sort());
    expect(most).toBeLessThanOrEqual(512);
  });

  function world2(): Resource[] {
    return Array.from({ length: 5000 }, (_, i) => pod(`late-${i}`, { vpc: 'big', namespace: 'n31' }));
  }
});

describe('a list that is left hanging', () => {
  it('is given up before it keeps much more than the view takes', () => {
    const catalog = new Catalog({ sources: ['watch'] });
    const names = Array.from({ length: 100 }, (_, i) => `${'x'.repeat(200)}${i}`);
    const list: Resource[] = Array.from({ length: 500 }, (_, i) => pod(`pod-${i}`, { names }));
    say(catalog, 'watch', true, '1', list);
    const hanging = catalog.listPaced('pod');
    hanging.next();
    const quick = catalog.listPaced('pod');
    quick.next();
    // Nor does what is to be written and cannot be.
    const log = catalog.keepLog();
    for (let revision = 2; revision < 40; revision++) {
      const changed = list.map((each) => ({ ...each, ready: revision % 2 === 0 }) as Resource);
      say(catalog, 'watch', false, String(revision), changed);
      if (revision === 3) expect([...quick].filter(Boolean).length).toBeGreaterThan(490);
      while (catalog.tidy());
    }
    expect(() => [...hanging]).toThrow(MomentLost);
    expect(log.overflown).toBe(true);
    expect(catalog.memory().records).toBeLessThan(120 << 20);
    expect([...catalog.list('pod')]).toHaveLength(500);
  });
});
