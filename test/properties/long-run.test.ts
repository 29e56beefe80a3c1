/**
 * One long history on four nodes: one that lists and follows, one that restarts from its saved view, one that reads the
 * first, and one that reads that one. After each quiet moment all of them hold the same records.
 *
 * `PODNS_LONG_RUN_EVENTS=1000000` is the long form; a failure names the seed and the step.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import type { Resource } from '../../src/model.ts';
import { propertySeed } from '../seed.ts';
import { Node, Plane, relayed, type Deed } from './truth-world.ts';

const EVENTS = Number(process.env['PODNS_LONG_RUN_EVENTS'] ?? 4000);

const closing: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

/** Numbers below `most`, the same for each seed (xorshift). */
function numbers(seed: number): (most: number) => number {
  let state = seed | 1;
  return (most) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % most;
  };
}

const HOWS: Deed['how'][] = ['put', 'put', 'put', 'put', 'again', 'break', 'delete', 'delete'];

function deedOf(below: (most: number) => number): Deed {
  const one = <T>(...list: T[]): T => list[below(list.length)]!;
  const vpc = `v${below(4)}`;
  const object: Resource =
    below(12) === 0
      ? {
          ...{ kind: 'vpc', name: vpc, services6: [], forward: one('on', 'off') },
          net6: one(['fd00:1::/32'], ['fd00:2::/32'], ['fd00::/16', 'fd00:3::/32']),
        }
      : {
          ...{ kind: 'pod', vpc, namespace: `n${below(3)}`, name: `p${below(60)}`, aid: 'p0123456789' },
          ...{ names: one([], ['web'], [`w${below(9)}`]), ports: [], ready: below(5) > 0 },
          ip6: `fd00:${below(3)}::${below(40).toString(16)}`,
          overlays: one([], [{ overlay: 'default', ip4: `10.0.0.${1 + below(30)}`, pinned: true }]),
        };
  return {
    object,
    how: HOWS[below(HOWS.length)]!,
    stamp: one(undefined, undefined, '5', String(below(1000))),
  };
}

test(`four nodes agree at each quiet moment of ${EVENTS} changes`, { timeout: 86_400_000 }, async () => {
  const seed = propertySeed();
  const below = numbers(seed);
  const planes = [new Plane('etcd', 0n), new Plane('ages', 0n)];
  const folder = mkdtempSync(join(tmpdir(), 'podns-long-'));
  closing.push(() => rmSync(folder, { recursive: true, force: true }));

  const begin = async (node: Node): Promise<Node> => {
    await node.server.start();
    await node.settle();
    return node;
  };
  const direct = async (state: string): Promise<Node> => {
    const feeds = planes.map((plane, i) => ({
      ...plane.source(`plane:${i}`, state !== ''),
      reach: () => String(plane.revision),
    }));
    return begin(new Node(feeds, state));
  };
  const readerOf = async ({ server }: Node): Promise<Node> =>
    begin(new Node([{ ...relayed(server), reach: () => server.subscribers.watchServer.revision }]));

  const live = await direct('');
  let saved = await direct(folder);
  const reader = await readerOf(live);
  const second = await readerOf(reader);
  closing.push(async () => {
    for (const node of [second, reader, saved, live]) await node.server.close(0);
  });
  const counts = { quiet: 0, restarts: 0, lists: 0, restored: 0 };
  for (let events = 0; events < EVENTS;) {
    const most = Math.min(EVENTS - events, 1 + below(below(4) === 0 ? 300 : 20));
    for (let i = 0; i < most; i++) {
      const deeds = [deedOf(below)];
      // Each key once in a revision.
      if (below(4) === 0) {
        const other = deedOf(below);
        if (other.object.name !== deeds[0]!.object.name) deeds.push(other);
      }
      planes[below(2)]!.change(deeds);
      // Sometimes everything at once, sometimes while nodes are busy with what came before.
      if (below(8) === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    events += most;
    const what = below(40);
    // What is not valid now and was once is known only to who has heard of it: a list does not tell.
    const mayForget = !planes.some(({ isBroken }) => isBroken);
    if (what < 3) {
      await saved.settle();
      await saved.server.close(0);
      saved = await direct(folder);
      counts.restarts++;
    } else if (what === 3) {
      await live.again();
      counts.lists++;
    } else if (what === 4) await reader.again();
    else if (what === 5) await second.again();
    else if (what === 6 && mayForget) {
      // Of the one whose order counts for nothing.
      planes[0]!.reverse();
      counts.restored++;
    }
    for (const node of [live, saved, reader, second]) await node.settle();
    const digest = live.server.catalog.digest();
    const digests = [saved, reader, second].map(({ server }) => server.catalog.digest());
    expect(digests, `seed ${seed}, after ${events} events`).toEqual([digest, digest, digest]);
    counts.quiet++;
  }
  expect(counts.quiet).toBeGreaterThan(EVENTS / 200);
  expect(counts.restarts).toBeGreaterThan(0);
  expect(counts.lists).toBeGreaterThan(0);
});
