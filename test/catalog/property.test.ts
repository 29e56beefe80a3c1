/** Any sequence of change sets: the packed catalog and the plain model agree, and the changes tell it all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Change } from '../../src/catalog/catalog.ts';
import type { Resource } from '../../src/model.ts';
import { KINDS, keyOf, keyText } from '../../src/model.ts';
import { Model, PLACED } from './model.ts';
import { familyOf, resource, revision, run, SOURCES, stageAll, step } from './steps.ts';

const event = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ step, end: fc.constantFrom('commit', 'commit', 'commit', 'rollback', 'leave') }),
  },
  { weight: 1, arbitrary: fc.record({ order: fc.shuffledSubarray(SOURCES, { minLength: 1 }) }) },
);

class Replay {
  readonly view = new Map<string, { resource: Resource; stamp: bigint }>();

  take(changes: Iterable<Change>): void {
    for (const change of changes) {
      if (change.type === 'delete') {
        expect(this.view.delete(keyText(change.key))).toBe(true);
        continue;
      }
      const { resource, stamp, renewed } = change;
      const key = keyText(keyOf(resource));
      const old = this.view.get(key);
      // Differences only.
      expect(old).not.toEqual({ resource, stamp });
      if (renewed) expect(old).toEqual({ resource, stamp: old!.stamp });
      this.view.set(key, { resource, stamp });
    }
  }
}

/** What can be compared: of stamps that are but places in an order, that they are; of namespaces nothing. */
function plain(
  view: Iterable<readonly [string, { resource: Resource; stamp: bigint }]>,
): [string, unknown][] {
  const list = [...view].map(([key, { resource: said, stamp: given }]): [string, unknown] => {
    if (said.kind === 'vpc') return [key, { said, stamp: given > PLACED ? 'placed' : given }];
    return [key, { said, stamp: said.kind === 'pod' || said.kind === 'service' ? given : undefined }];
  });
  return list.sort(([a], [b]) => (a < b ? -1 : 1));
}

function sorted<T>(map: ReadonlyMap<string, T>): [string, T][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1));
}

function expectEqual(catalog: Catalog, model: Model): void {
  const effective = model.effective();
  const listed = [...catalog.effective()].filter((each) => each !== undefined);
  const given = listed.map(({ resource: said, stamp: own }) => {
    return [keyText(keyOf(said)), { resource: said, stamp: own }] as const;
  });
  expect(plain(given)).toEqual(plain(effective));
  for (const { source, resource: expected } of effective.values()) {
    expect(catalog.get(keyOf(expected))).toEqual(expected);
    expect(catalog.said(keyOf(expected))).toMatchObject({ source });
  }
  for (const kind of KINDS) {
    const listed = [...catalog.list(kind)];
    expect(listed).toHaveLength(catalog.count(kind));
    expect(listed).toHaveLength(
      [...effective.values()].filter((entry) => entry.resource.kind === kind).length,
    );
  }
  const shadowed = catalog.conflicts(Infinity).filter(({ reason }) => reason.endsWith('is heard'));
  expect(shadowed.length).toBe(model.shadowed());
  expect(catalog.conflicts().filter(({ severity }) => severity === 'warning')).toHaveLength(model.shadowed());
}

describe('any sequence of change sets', () => {
  it('gives the view of the model, and changes that replay to it', () => {
    fc.assert(
      fc.property(fc.array(event, { maxLength: 12 }), (events) => {
        const catalog = new Catalog({ sources: SOURCES, familyOf });
        const model = new Model(SOURCES, familyOf);
        let replay: Replay | undefined = new Replay();
        for (const action of events) {
          if ('order' in action) {
            const changes = catalog.setSources(action.order);
            model.setSources(action.order);
            for (const change of changes) replay?.take([change]);
          } else {
            if (!model.order.includes(action.step.source)) continue;
            const transaction = run(catalog, action.step);
            if (action.end === 'rollback') {
              transaction.rollback();
            } else {
              model.apply(action.step);
              if (action.end === 'commit') {
                const changes = [...transaction.commit()];
                replay?.take(changes);
              } else {
                for (const _ of transaction.commit()) break;
                replay = undefined;
              }
            }
          }
          expectEqual(catalog, model);
          if (replay !== undefined) expect(plain(replay.view)).toEqual(plain(model.effective()));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives the same when transactions of several sources are open at once', () => {
    const group = fc.record({
      steps: fc.uniqueArray(step, { selector: ({ source }) => source, minLength: 2, maxLength: 3 }),
      early: fc.boolean(),
      reorder: fc.option(fc.shuffledSubarray(SOURCES, { minLength: 4 }), { nil: undefined }),
      rollback: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(group, { maxLength: 5 }), (groups) => {
        const catalog = new Catalog({ sources: SOURCES, familyOf });
        const model = new Model(SOURCES, familyOf);
        const replay = new Replay();
        for (const { steps, early, reorder, rollback } of groups) {
          const transactions = steps.map(({ source, full, revision: text }) =>
            catalog.begin(source, full, text),
          );
          const stage = (i: number, from: number, to: number) => {
            stageAll(transactions[i]!, steps[i]!.operations.slice(from, to));
          };
          // All stage half, then one after the other stages the rest and commits, or all stage all first.
          const half = 4;
          for (let i = 0; i < steps.length; i++) stage(i, 0, early ? half : 12);
          if (reorder !== undefined) {
            replay.take(catalog.setSources(reorder));
            model.setSources(reorder);
          }
          for (let i = 0; i < steps.length; i++) {
            if (early) stage(i, half, 12);
            if (rollback && i === 0) {
              transactions[i]!.rollback();
              continue;
            }
            model.apply(steps[i]!);
            replay.take(transactions[i]!.commit());
            expectEqual(catalog, model);
          }
        }
        expect(plain(replay.view)).toEqual(plain(model.effective()));
      }),
      { numRuns: 200 },
    );
  });

  it('gives one view for full lists, whatever source comes first and in what order it lists', () => {
    const lists = fc.tuple(
      ...SOURCES.map(() =>
        fc.tuple(
          revision,
          fc.uniqueArray(resource, { selector: (said) => keyText(keyOf(said)), maxLength: 20 }),
        ),
      ),
    );
    const orders = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });
    fc.assert(
      fc.property(lists, orders, orders, fc.boolean(), (said, one, other, reverse) => {
        const build = (order: number[], turned: boolean) => {
          const catalog = new Catalog({ sources: SOURCES });
          for (const i of order) {
            const [text, list] = said[i]!;
            // With an age for every VPC the order of a list means nothing.
            const operations = (turned ? [...list].reverse() : list).map((put) => ({
              put,
              stamp: put.kind === 'vpc' ? '7' : undefined,
            }));
            for (const _ of run(catalog, {
              source: SOURCES[i]!,
              full: true,
              revision: text,
              operations,
            }).commit())
              void _;
          }
          return catalog;
        };
        const first = build(one, false);
        const second = build(other, reverse);
        expect(first.digest()).toBe(second.digest());
        for (const vpc of ['a', 'b']) expect(first.digest(vpc)).toBe(second.digest(vpc));
      }),
      { numRuns: 200 },
    );
  });
});

describe('a digest', () => {
  it('differs for different views, and tells one VPC from all', () => {
    fc.assert(
      fc.property(fc.array(resource, { minLength: 1, maxLength: 6 }), resource, (list, more) => {
        const catalog = new Catalog({ sources: SOURCES });
        const fill = (put: Resource[], text: string) => {
          const operations = put.map((said) => ({ put: said }));
          return [...run(catalog, { source: 'files', full: false, revision: text, operations }).commit()];
        };
        fill(list, 'r1');
        const before = catalog.digest();
        const changed = fill([more], 'r2').some((change) => change.type === 'put');
        if (!changed) expect(catalog.digest()).toBe(before);
        else if (more.kind !== 'vpc') expect(catalog.digest()).not.toBe(before);
      }),
    );
  });
});

describe('memory', () => {
  it('comes back after a long life, and nothing moves wrongly meanwhile', () => {
    const catalog = new Catalog({ sources: ['one'] });
    let seed = 1;
    const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const plain = new Map<string, string>();
    for (let round = 0; round < 400; round++) {
      const transaction = catalog.begin('one', false, String(round));
      for (let i = 0; i < 300; i++) {
        const id = `pod-${random(4000)}`;
        const namespace = `ns-${random(3)}`;
        if (random(5) === 0) {
          transaction.delete({ kind: 'pod', vpc: 'v', namespace, name: id });
          plain.delete(`${namespace}/${id}`);
          continue;
        }
        const bearing = `name-${random(1000)}-${'x'.repeat(random(100))}`;
        transaction.put({
          kind: 'pod',
          vpc: 'v',
          namespace,
          name: id,
          aid: 'p0123456789',
          names: [bearing],
          overlays: [{ overlay: `o-${random(50)}`, pinned: true }],
          ports: [],
          ready: true,
        });
        plain.set(`${namespace}/${id}`, bearing);
      }
      for (const _ of transaction.commit()) void _;
    }
    const view = new Map(
      [...catalog.list('pod')]
        .map(
          (pod) =>
            pod.kind === 'pod' && ([`${pod.namespace}/${pod.name}`, pod.names[0]!] as [string, string]),
        )
        .filter((entry) => entry !== false),
    );
    expect(sorted(view)).toEqual(sorted(plain));
    while (catalog.tidy());
    const { records, dead } = catalog.memory();
    expect(dead).toBeLessThan(records / 3);
    for (const _ of catalog.begin('one', true, 'empty').commit()) void _;
    while (catalog.tidy());
    expect(catalog.memory().records).toBeLessThan(3 << 20);
    expect(catalog.memory().index).toBeLessThan(1 << 18);
    expect([...catalog.scopes()]).toEqual([]);
  });
});
