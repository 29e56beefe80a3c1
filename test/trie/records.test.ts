/** The largest records, and what a conflict takes and gives back. */
import { describe, expect, test } from 'vitest';
import type { Pod, Resource } from '../../src/model.ts';
import { reserveMemory } from '../../src/trie/memory.ts';
import { TrieWriter } from '../../src/trie/write/writer.ts';
import type { WriterSettings } from '../../src/trie/write/writer.ts';
import { Inspector } from './inspect.ts';
import { Pair } from './pair.ts';

const SETTINGS: Omit<WriterSettings, 'resourceOf'> = {
  zone: 'vpc.internal',
  suffixes: [],
  aRecords: 'pinned',
  forward: 'off',
  canForward: false,
  now: () => 1,
};

function pod(name: string, more: Partial<Pod> = {}): Pod {
  return {
    kind: 'pod',
    vpc: 'red',
    namespace: 'alpha',
    name,
    aid: 'p0123456789',
    names: [],
    overlays: [],
    ports: [],
    ready: true,
    ...more,
  };
}

/** The largest that validation lets through. */
function giant(name: string): Pod {
  return pod(name, {
    ip6: 'fd01::1',
    aid: 'x'.repeat(63),
    names: Array.from({ length: 255 }, (_, i) => `n${i}.${'l'.repeat(60)}`),
    overlays: Array.from({ length: 255 }, (_, i) => ({
      overlay: `o${i}`,
      ip4: `10.1.0.${i}`,
      ip6: `fd42::${(i + 1).toString(16)}`,
      pinned: i % 2 === 0,
    })),
    ports: Array.from({ length: 1024 }, (_, i) => ({
      name: `p${i}-${'x'.repeat(i % 10)}`,
      protocol: (['tcp', 'udp', 'sctp'] as const)[i % 3]!,
      port: 65535 - i,
    })),
  });
}

function change(pair: Pair, put: Resource[], remove: string[] = []): void {
  const removals = remove.map((name) => ({
    remove: { kind: 'pod' as const, vpc: 'red', namespace: 'alpha', name },
  }));
  let stamp = 0n;
  pair.transaction([...put.map((each) => ({ put: each, stamp: ++stamp })), ...removals]);
  pair.settle();
}

describe('a record', () => {
  test('of the largest pod goes through a conflict and back', () => {
    const pair = new Pair('all', { names: 1 << 16, addresses: 1 << 16, arena: 1 << 20 });
    pair.settle();
    const start = pair.writer.usage;
    const whole = giant('giant');
    change(pair, [whole]);
    const alone = pair.writer.usage;
    change(pair, [], ['giant']);
    expect(pair.writer.usage).toEqual(start);
    // The thief has all its overlays and addresses, for a while.
    change(pair, [whole, { ...giant('thief'), names: [] }]);
    expect(pair.writer.problems().length).toBe(1 + 2 * 255);
    expect(pair.writer.problems(7).length).toBe(7);
    change(pair, [], ['thief']);
    expect(pair.writer.problems()).toEqual([]);
    expect(pair.inspector.holders('red', 'fd42::7')).toEqual(['pod red/alpha/giant']);
    expect(pair.writer.usage).toEqual(alone);
  });

  test('with longer lists than it can count is refused, alone', () => {
    const pair = new Pair();
    const names = Array.from({ length: 256 }, (_, i) => `n${i}`);
    const overlays = names.map((overlay) => ({ overlay, pinned: true }));
    pair.writer.begin();
    for (const more of [{ names }, { overlays }]) {
      expect(() => pair.writer.put(pod('long', more), 1n)).toThrow(RangeError);
    }
    pair.put(pod('other', { ip6: 'fd01::2' }), 1n);
    pair.writer.commit();
    pair.inspector.expectState(pair.reference.state());
  });
});

describe('a conflict', () => {
  const on = (overlay: string, ip4 = '10.0.0.1'): Pod['overlays'] => [{ overlay, ip4, pinned: true }];

  test('between claims of files, which do not show their age, goes to the name that comes first, and says so', () => {
    const pair = new Pair();
    pair.transaction([
      { put: pod('b', { overlays: on('x') }), stamp: 0n },
      { put: pod('a', { overlays: on('x') }), stamp: 0n },
    ]);
    pair.settle();
    expect(pair.writer.problems().map(({ reason }) => reason)).toEqual([
      '10.0.0.1 of pod red/alpha/b belongs to pod red/alpha/a, whose name comes first',
    ]);
  });

  test('of three over two overlays ends with one owner for each', () => {
    const pair = new Pair();
    change(pair, [
      pod('a', { overlays: on('x') }),
      pod('b', { overlays: on('x') }),
      pod('c', { overlays: on('y') }),
    ]);
    const text = (): string[] => pair.inspector.holders('red', '10.0.0.1');
    expect(text()).toEqual(['pod red/alpha/b on alpha/x', 'pod red/alpha/c on alpha/y']);
    expect(pair.writer.problems().map(({ reason }) => reason)).toEqual([
      '10.0.0.1 of pod red/alpha/a belongs to pod red/alpha/b, which claimed it later',
    ]);
    change(pair, [], ['b']);
    expect(text()).toEqual(['pod red/alpha/a on alpha/x', 'pod red/alpha/c on alpha/y']);
    change(pair, [], ['c']);
    expect(text()).toEqual(['pod red/alpha/a']);
    expect(pair.writer.problems()).toEqual([]);
  });

  test('is settled for a member that another conflict rebuilds', () => {
    const pair = new Pair();
    change(pair, [
      pod('a', { ip6: 'fd01::1', overlays: on('x') }),
      pod('b', { overlays: on('y') }),
      pod('c', { ip6: 'fd01::1' }),
    ]);
    change(pair, [pod('c', { ip6: 'fd01::2' })]);
    expect(pair.inspector.holders('red', 'fd01::1')).toEqual(['pod red/alpha/a']);
    change(pair, [], ['b', 'c']);
    expect(pair.inspector.holders('red', '10.0.0.1')).toEqual(['pod red/alpha/a']);
  });

  test('gives a pod back the ip6 that its overlay has too, and not the others', () => {
    const pair = new Pair();
    const overlays = ['fd42::1', 'fd42::2'].map((ip6, i) => ({ overlay: `o${i}`, ip6, pinned: true }));
    change(pair, [pod('a', { ip6: 'fd42::1', overlays })]);
    change(pair, [pod('thief', { ip6: 'fd42::2' })]);
    change(pair, [], ['thief']);
    expect(pair.inspector.holders('red', 'fd42::1')).toEqual(['pod red/alpha/a']);
    expect(pair.inspector.holders('red', 'fd42::2')).toEqual(['pod red/alpha/a']);
  });

  test('of hundreds that share one IPv4 builds none anew for the others', () => {
    const pair = new Pair('pinned', { names: 1 << 18, addresses: 1 << 18, arena: 1 << 22 });
    pair.writer.begin();
    const before = pair.writer.usage.arena;
    for (let i = 0; i < 300; i++) pair.put(pod('x', { namespace: `m${i}`, overlays: on('o') }), BigInt(i));
    const built = pair.writer.usage.arena - before;
    pair.writer.commit();
    pair.settle();
    expect(pair.inspector.holders('red', '10.0.0.1').length).toBe(300);
    // Blocks that were replaced count until the transaction is settled: there are none to speak of.
    expect(built).toBeLessThan(300 * 300);
  });

  test('with a pod whose newest version was refused takes that away', () => {
    const memory = reserveMemory({ names: 1 << 16, addresses: 1 << 16, arena: 1 << 18 });
    const writer = new TrieWriter(memory, { ...SETTINGS, resourceOf: () => undefined });
    const inspector = new Inspector(memory, writer);
    writer.tables.settle();
    const start = writer.usage;
    const transaction = (put: Pod, stamp: bigint): void => {
      writer.begin();
      writer.put(put, stamp);
      writer.commit();
      inspector.view.refresh();
    };
    transaction(pod('a', { ip6: 'fd01::1', names: ['app'], overlays: on('x') }), 1n);
    transaction(pod('b', { ip6: 'fd01::1' }), 2n);
    expect(inspector.holders('red', 'fd01::1')).toEqual(['pod red/alpha/b']);
    expect(inspector.holders('red', '10.0.0.1')).toEqual([]);
    expect(writer.problems()).toEqual([]);
    writer.begin();
    writer.remove({ kind: 'pod', vpc: 'red', namespace: 'alpha', name: 'b' });
    writer.commit();
    writer.tables.settle();
    expect(writer.usage).toEqual(start);
  });
});
