/** Clocks that are set while a stream is lost, that differ from host to host, and that were wrong when a view was saved. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { monotonicBy } from '../../src/base/clock.ts';
import { snapshot, WatchServer } from '../source/watch-server.ts';
import { CLIENT, eventually, Node, pod, RESERVE, VPC } from './nodes.ts';

const START = Date.UTC(2026, 10, 22);
const HOUR = 3_600_000;
const view = [
  VPC,
  CLIENT,
  pod('db', 'fd00::2', { overlays: [{ overlay: 'o', ip4: '10.0.0.7', pinned: true }] }),
];

let now = START;
/** How often a server has looked at the clock. */
let looks = 0;
let folder = '';
let nodes: Node[] = [];
let upstream: WatchServer;

beforeEach(async () => {
  now = START;
  folder = mkdtempSync(join(tmpdir(), 'podns-clock-'));
  upstream = new WatchServer();
  await upstream.listen();
});
afterEach(async () => {
  for (const node of nodes.splice(0).reverse()) await node.close();
  upstream.close();
  rmSync(folder, { recursive: true });
});

async function start(config: object = {}): Promise<Node> {
  const node = new Node({
    config: { watch: [upstream.url], staleAfter: 30_000, ...config },
    reserve: RESERVE,
    wallClock: () => {
      looks++;
      return now;
    },
  });
  nodes.push(node);
  return node.start();
}

const answers = (node: Node, text: string, name = 'db', from = 'fd00::1'): Promise<string> =>
  eventually(
    () => node.ask(name, from),
    (answer) => answer === text,
  );

async function lost(node: Node): Promise<void> {
  await eventually(
    () => node.server.status()[0]!.state,
    (state) => state === 'lost',
  );
}

const JUMPS = [
  { by: 'an hour', jump: HOUR },
  { by: 'a day', jump: 24 * HOUR },
];

describe.each(JUMPS)('a clock that is set by $by while the stream is lost', ({ jump }) => {
  async function losing(): Promise<Node> {
    const node = await start();
    const one = await upstream.conversation(1);
    one.say(...snapshot('41', ...view));
    await answers(node, 'NOERROR fd00::2');
    one.cut();
    await lost(node);
    return node;
  }

  it('back: the answers are marked in time all the same', async () => {
    const node = await losing();
    now -= jump;
    // The server looks once a second, and must have seen the jump.
    const before = looks;
    await eventually(
      () => looks,
      (count) => count > before,
    );
    now += 29_000;
    expect(await node.ask('db')).toBe('NOERROR fd00::2');
    now += 1_000;
    await answers(node, 'NOERROR fd00::2 3');
  });

  it('forward: the answers are marked, and clean again with the stream', async () => {
    const node = await losing();
    now += jump;
    await answers(node, 'NOERROR fd00::2 3');
    for (let count = 2; node.server.status()[0]!.state !== 'live'; count++) {
      (await upstream.conversation(count)).say({ type: 'bookmark', revision: '41' });
      await eventually(
        () => node.server.status()[0]!.state,
        (state) => state === 'live',
      );
    }
    await answers(node, 'NOERROR fd00::2');
  });
});

it('a server whose clock is an hour ahead says that it is lost: half a minute of ours counts from then', async () => {
  const node = await start();
  const one = await upstream.conversation(1);
  const since = new Date(START + HOUR).toISOString();
  one.say(...snapshot('41', ...view), { type: 'bookmark', revision: '41', lost: since });
  await lost(node);
  expect(await node.ask('db')).toBe('NOERROR fd00::2');
  now += 30_000;
  await answers(node, 'NOERROR fd00::2 3');
});

describe('a saved view', () => {
  async function save(): Promise<void> {
    const node = await start({ state: folder });
    const count = upstream.conversations.length;
    (await upstream.conversation(Math.max(1, count))).say(...snapshot('41', ...view));
    await answers(node, 'NOERROR fd00::2');
    nodes = [];
    await node.close();
  }

  it.each([
    { jump: -HOUR * 24, what: 'back a day', answer: 'REFUSED 18' },
    { jump: -60_000, what: 'back a minute', answer: 'NOERROR fd00::2 3' },
    { jump: HOUR * 24, what: 'forward a day', answer: 'REFUSED 18' },
  ])('with the clock set $what since', async ({ jump, answer }) => {
    await save();
    now += jump;
    const node = await start({ state: folder });
    // By an IPv4 address a client is only known from a view whose age is known.
    expect(await node.ask('db', '10.0.0.7')).toBe(answer);
    expect(await node.ask('db')).toBe('NOERROR fd00::2 3');
  });
});

it('goes on, whatever is done to the clock', () => {
  const times = [100, 150, 50, 60, 1000, 0, 5];
  let at = 0;
  const elapsed = monotonicBy(() => times[at++]!);
  const seen = [elapsed(), elapsed(), elapsed(), elapsed(), elapsed(), elapsed()];
  expect(seen).toEqual([150, 150, 160, 1100, 1100, 1105]);
});
