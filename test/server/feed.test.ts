/** Transactions become visible whole and in order; those that follow each other at once may do so together. */
import { beforeEach, expect, test } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Pod, Projection, Resource, ResourceKey, Sink, Source } from '../../src/model.ts';
import { Feed } from '../../src/server/feed.ts';
import { vpcFilter } from '../../src/source/reflector/vpc-filter.ts';

/** What the projection was told, and what has become visible, a line a flip. */
class Told implements Projection {
  open: string[] | undefined;
  readonly flips: string[] = [];
  begin(): void {
    expect(this.open).toBeUndefined();
    this.open = [];
  }
  isFull = false;
  put(resource: Resource): void {
    if (this.isFull) throw new Error('the memory is full');
    this.open!.push(`+${(resource as Pod).name}`);
  }
  renew(resource: Resource): void {
    this.open!.push(`=${(resource as Pod).name}`);
  }
  remove(key: ResourceKey): void {
    this.open!.push(`-${key.name}`);
  }
  commit(): void {
    this.flips.push(this.open!.join(' '));
    this.open = undefined;
  }
}

let told = new Told();
let feed: Feed;
let commits: number[] = [];
beforeEach(() => {
  told = new Told();
  commits = [];
  feed = new Feed({
    catalog: new Catalog({ sources: [] }),
    projection: told,
    wallClock: () => 0,
    elapsed: () => 0,
    yieldTurn: () => new Promise((resolve) => setImmediate(resolve)),
    onCommit: (changes) => commits.push(changes),
    onState: () => {},
    onProblems: () => {},
  });
});

function pod(name: string): Pod {
  const none = { names: [], overlays: [], ports: [] };
  return { kind: 'pod', vpc: 'v', namespace: 'n', name, aid: `p-${name}`, ...none, ready: true };
}

let revision = 0;
function say(sink: Sink, ...names: string[]): Promise<void> | undefined {
  sink.begin(false, String(++revision));
  for (const name of names) sink.put(pod(name));
  return sink.commit();
}

test('alone, each is visible when its commit returns', () => {
  const sink = feed.sink('a');
  void say(sink, 'x');
  void say(sink, 'y', 'z');
  expect(told.flips).toEqual(['+x', '+y +z']);
  expect(commits).toEqual([1, 2]);
});

test('gathered, they are visible together when no more follow', async () => {
  const sink = feed.sink('a');
  sink.gather(true);
  await say(sink, 'x');
  await say(sink, 'y', 'z');
  expect(told.flips).toEqual([]);
  expect(feed.status()[0]!.revision).toBe('');
  sink.gather(false);
  expect(told.flips).toEqual(['+x +y +z']);
  expect(commits).toEqual([3]);
  expect(feed.status()[0]!.revision).toBe(String(revision));
  sink.gather(false);
  await say(sink, 'w');
  expect(told.flips.at(-1)).toBe('+w');
});

test('behind a filter of VPCs they are visible together just so', async () => {
  let through: Sink | undefined;
  const source: Source = { name: 'a', start: (sink) => (through = sink), close: async () => {} };
  vpcFilter(source, ['v']).start(feed.sink('a'));
  through!.gather(true);
  await say(through!, 'x');
  await say(through!, 'y');
  expect(told.flips).toEqual([]);
  through!.gather(false);
  expect(told.flips).toEqual(['+x +y']);
});

test('a source that gathers does not keep what many transactions have said', async () => {
  const sink = feed.sink('a');
  sink.gather(true);
  for (let i = 0; i < 150; i++) await say(sink, `p${i}`);
  expect(told.flips.map((flip) => flip.split(' ').length)).toEqual([64, 64]);
  sink.gather(false);
  expect(told.flips.map((flip) => flip.split(' ').length)).toEqual([64, 64, 22]);
});

test('with two that gather, the last one to end shows what both said', async () => {
  const [a, b] = [feed.sink('a'), feed.sink('b')];
  a.gather(true);
  b.gather(true);
  await say(a, 'x');
  await say(b, 'y');
  a.gather(false);
  expect(told.flips).toEqual([]);
  b.gather(false);
  expect(told.flips).toEqual(['+x +y']);
});

test('a whole state is visible at once, and what came before it earlier still', async () => {
  const sink = feed.sink('a');
  sink.gather(true);
  await say(sink, 'x');
  sink.begin(true, String(++revision));
  sink.put(pod('x'));
  for (let i = 0; i < 20_000; i++) sink.put(pod(`p${i}`));
  const whole = sink.commit();
  expect(told.flips).toEqual(['+x']);
  await whole;
  expect(told.flips.length).toBe(2);
  // That x was said again is a change as well: it has claimed its addresses again.
  expect(told.flips[1]!.split(' ').length).toBe(20_001);
});

test('a bookmark does not overtake what was committed before it', async () => {
  const catalog = new Catalog({ sources: [] });
  const idle: Projection = { begin() {}, put() {}, remove() {}, commit() {} };
  const slow = new Feed({
    catalog,
    projection: idle,
    wallClock: () => 0,
    elapsed: () => 0,
    yieldTurn: () => new Promise((resolve) => setImmediate(resolve)),
    onCommit: () => {},
    onState: () => {},
    onProblems: () => {},
  });
  const large = slow.sink('large');
  const small = slow.sink('small');
  large.begin(true, '1');
  for (let i = 0; i < 20_000; i++) large.put(pod(`p${i}`));
  const done = large.commit();
  small.begin(false, '41');
  small.put(pod('late'));
  void small.commit();
  small.bookmark('50');
  // Whoever saved the view now would go on after 50 and never hear of the pod.
  expect(catalog.revision('small')).toBeUndefined();
  await done;
  await slow.settled();
  expect(catalog.revision('small')).toBe('50');
  expect(slow.status()[1]!.revision).toBe('50');
});

test('of what the projection has refused nothing is known until it takes the resource, or that goes', () => {
  const sink = feed.sink('a');
  const key = { kind: 'pod', vpc: 'v', namespace: 'n', name: 'x' } as const;
  const put = (ready: boolean, isFull: boolean): void => {
    told.isFull = isFull;
    sink.begin(false, String(++revision));
    sink.put({ ...pod('x'), ready });
    void sink.commit();
    told.isFull = false;
  };
  put(true, false);
  expect(feed.known(key)?.resource).toMatchObject({ name: 'x', ready: true });
  put(false, true);
  expect(feed.known(key)).toBe(undefined);
  // Said again as it was refused, it is no mere renewal.
  put(false, false);
  expect(told.flips.at(-1)).toBe('+x');
  expect(feed.known(key)?.resource).toMatchObject({ ready: false });
  put(false, false);
  expect(told.flips.at(-1)).toBe('=x');
  put(true, false);
  expect(feed.known(key)?.resource).toMatchObject({ ready: true });
  put(false, true);
  sink.begin(false, String(++revision));
  sink.delete(key);
  void sink.commit();
  void say(sink, 'x');
  expect(feed.known(key)?.resource).toMatchObject({ name: 'x' });
});
