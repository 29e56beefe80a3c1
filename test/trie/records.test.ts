/** Records as they lie in the arena: read back exactly, the largest ones too; and what a contest takes and gives back. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Pod, Resource } from '../../src/model.ts';
import type { TrieWriter } from '../../src/trie/writer.ts';
import { op } from './changes.ts';
import { putKey } from './inspect.ts';
import { Pair } from './pair.ts';

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

/** What the writer reads back from the record that owns an address. */
function readBack(pair: Pair, address: string): { resource: Resource; stamp: bigint } {
  const { registrar, directory, tables } = pair.writer as unknown as {
    registrar: { read(vpc: unknown, record: number): { resource: Resource; stamp: bigint } };
    directory: { vpcs: Map<string, { record: number }> };
    tables: TrieWriter['tables'];
  };
  const vpc = directory.vpcs.get('red')!;
  tables.begin();
  putKey(tables.idle, address);
  return registrar.read(vpc, tables.idle.find(vpc.record, 128));
}

describe('a record', () => {
  test('is read back as it was put', () => {
    const puts = op.filter((each) => 'put' in each && each.put.kind === 'pod' && each.put.ip6 !== undefined);
    fc.assert(
      fc.property(puts, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (each, stamp) => {
        const pair = new Pair();
        const put = { ...(each as { put: Pod }).put, vpc: 'red' };
        pair.transaction([{ put, stamp }]);
        expect(readBack(pair, put.ip6!)).toEqual({ resource: put, stamp });
      }),
    );
  });

  test('of the largest pod too, through a contest and back', () => {
    const pair = new Pair('all', { names: 1 << 16, addresses: 1 << 16, arena: 1 << 20 });
    pair.settle();
    const start = pair.writer.usage;
    const whole = giant('giant');
    change(pair, [whole]);
    expect(readBack(pair, 'fd01::1').resource).toEqual(whole);
    change(pair, [], ['giant']);
    expect(pair.writer.usage).toEqual(start);
    // The thief has all its overlays and addresses, for a while.
    change(pair, [whole, { ...giant('thief'), names: [] }]);
    expect(pair.writer.problems().length).toBe(1 + 2 * 255);
    change(pair, [], ['thief']);
    expect(pair.writer.problems()).toEqual([]);
    expect(readBack(pair, 'fd42::7').resource).toEqual(whole);
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
    pair.inspector.expectState(pair.naive.state());
  });
});

describe('a contest', () => {
  const on = (overlay: string, ip4 = '10.0.0.1'): Pod['overlays'] => [{ overlay, ip4, pinned: true }];

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

  test('is settled for a member that another contest rebuilds', () => {
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
    expect(readBack(pair, 'fd42::1').resource).toEqual(pod('a', { ip6: 'fd42::1', overlays }));
  });

  test('of hundreds that share one IPv4 does not build each anew for every other', () => {
    const pair = new Pair('pinned', { names: 1 << 18, addresses: 1 << 18, arena: 1 << 22 });
    pair.writer.begin();
    const before = pair.writer.usage.arena;
    for (let i = 0; i < 300; i++) pair.put(pod('x', { namespace: `m${i}`, overlays: on('o') }), BigInt(i));
    const built = pair.writer.usage.arena - before;
    pair.writer.commit();
    pair.settle();
    expect(pair.inspector.holders('red', '10.0.0.1').length).toBe(300);
    // Blocks that were replaced count until the transaction is settled: lists of holders, no records.
    expect(built).toBeLessThan(300 * 300 * 12);
  });
});
