/** Readers at their own pace: nothing is buffered for one that does not read, and it never slows the others. */
import { afterEach, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Pod } from '../../src/model.ts';
import type { WatchReader as StreamReader, WatchOutput } from '../../src/watch/watch-reader.ts';
import { WatchServer, type WatchServerOptions } from '../../src/watch/watch-server.ts';
import { turn } from '../harness/clock.ts';
import { CLIENT, eventually, Node, pod, RESERVE, VPC, WatchReader, type Line } from './nodes.ts';

/** A connection that takes so many writes, and then none until it is opened. */
class Output implements WatchOutput {
  room: number;
  text = '';
  wasCut = false;
  reader: StreamReader | undefined;

  constructor(room = Infinity) {
    this.room = room;
  }

  write(bytes: Uint8Array): boolean {
    if (this.room <= 0) throw new Error('written to while it takes nothing');
    this.text += Buffer.from(bytes).toString();
    this.room--;
    return this.room > 0;
  }

  cut(): void {
    this.wasCut = true;
  }

  open(room = Infinity): void {
    this.room = room;
    this.reader!.drained();
  }

  get lines(): Line[] {
    return this.text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Line);
  }
}

/** A watch server over a catalog, changed by hand. */
class World {
  time = 0;
  lostSince = 0;
  readonly catalog = new Catalog({ sources: ['s'] });
  readonly watchServer: WatchServer;
  private revision = 0;

  constructor(limits: WatchServerOptions['limits'] = {}) {
    this.watchServer = new WatchServer({
      catalog: this.catalog,
      view: () => ({ whole: true, lostSince: this.lostSince }),
      now: () => this.time,
      limits,
    });
    this.put(pod('a', 'fd00::a'), pod('b', 'fd00::b'));
  }

  put(...pods: Pod[]): void {
    const transaction = this.catalog.begin('s', false, String(++this.revision));
    for (const each of pods) transaction.put(each);
    for (const change of transaction.commit()) this.watchServer.change(change, undefined);
    this.watchServer.commit();
  }

  open(output: Output, request: { revision?: string; vpcs?: string[] } = {}): Output {
    const reader = this.watchServer.open({ vpcs: [], ...request }, () => output);
    if (typeof reader === 'string') throw new Error(reader);
    output.reader = reader;
    return output;
  }
}

const words = (lines: Line[]): string[] => lines.map(({ type, object }) => object?.name ?? type);

describe('the watch server', () => {
  it('writes nothing to a connection that takes nothing, and goes on where it stopped', async () => {
    const world = new World();
    const slow = world.open(new Output(1));
    const fast = world.open(new Output());
    await turn();
    for (const name of ['c', 'd', 'e']) {
      world.put(pod(name, 'fd00::c'));
      await turn();
    }
    const list = ['snapshot', 'a', 'b', 'synced'];
    expect(words(slow.lines).sort()).toEqual([...list].sort());
    expect(words(fast.lines).slice(-3)).toEqual(['c', 'd', 'e']);
    slow.open();
    await turn();
    expect(words(slow.lines).slice(-3)).toEqual(['c', 'd', 'e']);
  });

  it('cuts who takes nothing for a while, and who falls behind the history', async () => {
    const world = new World({ stall: 5000, historyRevisions: 3 });
    const stuck = world.open(new Output(1));
    const behind = world.open(new Output(1));
    await turn();
    for (const name of ['c', 'd', 'e', 'f']) world.put(pod(name, 'fd00::c'));
    behind.open(1);
    world.time = 4000;
    world.watchServer.tick();
    await turn();
    expect([stuck.wasCut, behind.wasCut]).toEqual([true, true]);
    expect(world.watchServer.facts().cut).toEqual({ stalled: 0, behind: 2 });
    const still = world.open(new Output(1));
    await turn();
    world.time = 9000;
    world.watchServer.tick();
    expect([still.wasCut, world.watchServer.facts().readers]).toEqual([true, 0]);
    expect(world.watchServer.facts().cut.stalled).toBe(1);
  });

  it('bookmarks every ten seconds of silence, with the loss of its own source', async () => {
    const world = new World();
    const one = world.open(new Output());
    await turn();
    const before = one.lines.length;
    for (world.time = 1000; world.time < 31_000; world.time += 1000) {
      world.watchServer.tick();
      await turn();
    }
    expect(words(one.lines).slice(before)).toEqual(['bookmark', 'bookmark', 'bookmark']);
    world.lostSince = Date.UTC(2026, 10, 22);
    world.watchServer.tick();
    await turn();
    expect(one.lines.at(-1)).toMatchObject({ type: 'bookmark', lost: '2026-11-22T00:00:00.000Z' });
    world.lostSince = 0;
    world.watchServer.tick();
    await turn();
    expect(one.lines.at(-1)).toEqual({ type: 'bookmark', revision: world.watchServer.revision });
  });

  it('tells a newcomer at once that it has lost its own source', async () => {
    const world = new World();
    world.lostSince = 1;
    const one = world.open(new Output());
    await turn();
    expect(words(one.lines)).toEqual(['snapshot', 'b', 'a', 'synced', 'bookmark']);
    expect(one.lines.at(-1)!.lost).toBe('1970-01-01T00:00:00.001Z');
  });

  it('lets a reader of another VPC know of revisions before they are forgotten', async () => {
    const world = new World({ historyRevisions: 10 });
    const other = world.open(new Output(), { vpcs: ['w'] });
    await turn();
    for (let i = 0; i < 30; i++) {
      world.put(pod('c', `fd00::${i + 100}`));
      await turn();
    }
    const told = other.lines.at(-1)!;
    expect(told.type).toBe('bookmark');
    // What it heard last is good to go on from.
    expect(typeof world.watchServer.open({ revision: told.revision, vpcs: ['w'] }, () => new Output())).toBe(
      'object',
    );
  });

  it('gives the state of one moment, however long the list takes, and then what followed', async () => {
    const world = new World({ listShared: 1000 });
    const many = Array.from({ length: 2000 }, (_, i) => pod(`p${i}`, `fd00::1:${i.toString(16)}`));
    world.put(...many);
    const slow = world.open(new Output(1));
    await turn();
    world.put(...many.slice(0, 1000).map((each) => ({ ...each, ready: false })));
    world.put(pod('last', 'fd00::2'));
    for (let i = 0; i < 50; i++) {
      slow.open(1);
      await turn();
    }
    const { lines } = slow;
    const end = lines.findIndex(({ type }) => type === 'synced');
    const listed = lines.slice(1, end);
    expect(listed).toHaveLength(2002);
    expect(listed.every(({ object }) => (object as unknown as Pod).ready)).toBe(true);
    const after = lines.slice(end + 1);
    expect(after).toHaveLength(1001);
    expect(after.filter(({ more }) => more)).toHaveLength(999);
    expect(after.at(-1)!.object!.name).toBe('last');
  });

  it('lists anew on the same connection after a change that no history can hold', async () => {
    const world = new World({ historyBytes: 2000 });
    const one = world.open(new Output());
    await turn();
    world.put(...Array.from({ length: 50 }, (_, i) => pod(`p${i}`, `fd00::1:${i.toString(16)}`)));
    await turn();
    const lists = one.lines.filter(({ type }) => type === 'snapshot' || type === 'synced');
    expect(lists.map(({ type }) => type)).toEqual(['snapshot', 'synced', 'snapshot', 'synced']);
    expect(one.lines).toHaveLength(4 + 2 + 52);
    expect(one.wasCut).toBe(false);
  });

  it('waits with a list while a revision is half made', async () => {
    const world = new World();
    const transaction = world.catalog.begin('s', false, '9');
    transaction.put(pod('c', 'fd00::c'));
    transaction.put(pod('d', 'fd00::d'));
    const changes = transaction.commit();
    world.watchServer.change(changes.next().value!, undefined);
    const one = world.open(new Output());
    await turn();
    expect(one.lines).toEqual([]);
    for (const change of changes) world.watchServer.change(change, undefined);
    world.watchServer.commit();
    await turn();
    expect(words(one.lines).sort()).toEqual(['a', 'b', 'c', 'd', 'snapshot', 'synced']);
  });

  it('encodes one list for all who come at once, and forgets it afterwards', async () => {
    const world = new World();
    let asked = 0;
    const original = world.catalog.effective.bind(world.catalog);
    world.catalog.effective = (vpcs) => {
      asked++;
      return original(vpcs);
    };
    const all = Array.from({ length: 100 }, () => world.open(new Output()));
    await turn();
    expect(new Set(all.map(({ text }) => text)).size).toBe(1);
    expect(asked).toBe(1);
    world.watchServer.tick();
    expect(world.watchServer.facts().listBytes).toBe(0);
  });
});

describe('over HTTP', () => {
  let node: Node;
  let readers: WatchReader[] = [];
  afterEach(async () => {
    for (const reader of readers.splice(0)) reader.close();
    await node.close();
  });

  it('fifty read everything while one that never reads is cut', async () => {
    node = await new Node({ reserve: RESERVE }).start();
    const { watchServer } = node.server.subscribers;
    watchServer.limits.stall = 500;
    await node.server.apply({ put: [VPC, CLIENT] });
    const stuck = new WatchReader(node.watchUrl, { read: false });
    readers = Array.from({ length: 50 }, () => new WatchReader(node.watchUrl));
    await Promise.all([stuck, ...readers].map((reader) => reader.headed));
    const names = Array.from({ length: 100 }, (_, i) => `name-${String(i).padStart(50, '0')}`);
    let pushed = 0;
    while (watchServer.facts().cut.stalled === 0) {
      if (++pushed > 3000) throw new Error('the one that never reads was not cut');
      await node.server.apply({ put: [pod(`p${pushed % 10}`, `fd00::1:${pushed.toString(16)}`, { names })] });
      await turn();
    }
    await node.server.apply({ put: [pod('end', 'fd00::e')] });
    await Promise.all(readers.map((reader) => reader.until(({ object }) => object?.name === 'end')));
    for (const reader of readers) {
      const told = reader.lines.filter(({ type }) => type === 'put').map(({ revision }) => revision);
      expect(told.length).toBeGreaterThanOrEqual(pushed);
      expect(reader.lines.at(-1)!.revision).toBe(watchServer.revision);
    }
    expect(watchServer.facts()).toMatchObject({ readers: 50, cut: { stalled: 1, behind: 0 } });
    expect(watchServer.facts().history.bytes).toBeLessThanOrEqual(watchServer.limits.historyBytes);
    // It learns of it when it reads at last.
    stuck.response!.resume();
    await eventually(
      () => stuck.ended,
      (ended) => ended,
    );
  });
});
