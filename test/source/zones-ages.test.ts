/** Claims in zone files: who owns what follows from the files alone, on every node, whenever it started. */
import { mkdtemp, mkdir, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ServerCore } from '../../src/server.ts';
import type { Vpc } from '../../src/model.ts';
import { agesOf } from '../../src/source/zones/zone-set.ts';
import { eventually, RESERVE } from '../watch/nodes.ts';

let root: string;
let dir: string;
const servers: ServerCore[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'podns-ages-'));
  dir = join(root, 'zones');
  await mkdir(dir);
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close(0);
  await rm(root, { recursive: true });
});

async function open(state = ''): Promise<ServerCore> {
  const config = { zones: [dir], workers: 0, admin: 'off' as const, forward: 'off' as const, state };
  const server = new ServerCore({ config, reserve: RESERVE });
  servers.push(server);
  await server.start();
  await eventually(
    () => Promise.resolve(server.status()[0]!.state),
    (state) => state === 'live',
  );
  return server;
}

const owners = (server: ServerCore): Record<string, string[]> =>
  Object.fromEntries([...server.list('vpc')].map((vpc) => [(vpc as Vpc).name, (vpc as Vpc).net6]));
const write = (name: string, text: string): Promise<void> => writeFile(join(dir, name), text);
const vpc = (name: string, more = ''): string => `vpc: ${name}\nnet6: ["fd00::/16"]\n${more}`;

/** Until the server says this, and one that is started now as well. */
async function expectOwner(server: ServerCore, owner: string): Promise<void> {
  void server.reload();
  const owns = (all: Record<string, string[]>): boolean =>
    Object.entries(all).every(([name, net6]) => net6.length > 0 === (name === owner));
  await eventually(
    () => Promise.resolve(owners(server)),
    (all) => owner in all && owns(all),
  );
  const fresh = await open();
  expect(owners(fresh)).toEqual(owners(server));
  expect(fresh.catalog.digest()).toBe(server.catalog.digest());
  await fresh.close(0);
}

describe('net6 that two VPCs claim', () => {
  it('is that of the first file by name, whatever is written, edited and removed in what order', async () => {
    await write('m.yaml', vpc('middle'));
    const server = await open();
    await write('z.yaml', `${vpc('last')}---\n${vpc('very-last')}`);
    await expectOwner(server, 'middle');
    await write('m.yaml', vpc('middle', 'forward: off\n'));
    await expectOwner(server, 'middle');
    await write('b.yaml', vpc('second'));
    await expectOwner(server, 'second');
    await write('a.yaml', vpc('first'));
    await expectOwner(server, 'first');
    await write('b.yaml', vpc('second', 'forward: off\n'));
    await unlink(join(dir, 'a.yaml'));
    await expectOwner(server, 'second');
    await write('b.yaml', `${vpc('zero')}---\n${vpc('second')}`);
    await expectOwner(server, 'zero');
    await write('b.yaml', '');
    await unlink(join(dir, 'm.yaml'));
    await write('b.yaml', 'vpc: bare\n');
    await expectOwner(server, 'last');
  });

  it('stays with a VPC whose new version is refused, over a restart, until it is removed', async () => {
    await write('b.yaml', vpc('kept'));
    await write('c.yaml', vpc('other'));
    await write('a.yaml', 'vpc: kept\n');
    const state = join(root, 'state');
    const server = await open(state);
    expect(owners(server)).toEqual({ kept: ['fd00::/16'], other: [] });
    await write('b.yaml', 'vpc: kept\nnet6: [nonsense]\n');
    void server.reload();
    await eventually(
      () => Promise.resolve(server.problems()),
      (problems) => problems.some(({ reason }) => reason.includes('nonsense')),
    );
    expect(owners(server)).toEqual({ kept: ['fd00::/16'], other: [] });
    await server.close(0);
    const restarted = await open(state);
    expect(owners(restarted)).toEqual({ kept: ['fd00::/16'], other: [] });
    // An older one comes in front of it.
    await write('aa.yaml', vpc('front'));
    void restarted.reload();
    await eventually(
      () => Promise.resolve(owners(restarted)),
      ({ front }) => front?.length === 1,
    );
    expect(owners(restarted)).toEqual({ front: ['fd00::/16'], kept: [], other: [] });
    await unlink(join(dir, 'aa.yaml'));
    await unlink(join(dir, 'b.yaml'));
    await expectOwner(restarted, 'other');
    expect(owners(restarted)).toEqual({ kept: [], other: ['fd00::/16'] });
    await unlink(join(dir, 'a.yaml'));
    await expectOwner(restarted, 'other');
    expect(owners(restarted)).toEqual({ other: ['fd00::/16'] });
  });
});

it('an address of two pods is that of the smaller name, whichever was written last', async () => {
  const pods = (name: string): string =>
    `vpc: v\nnamespaces:\n  n:\n    pods:\n      ${name}: { ip6: "fd00::9" }\n`;
  await write('1.yaml', pods('b'));
  const server = await open();
  await write('2.yaml', pods('a'));
  void server.reload();
  await eventually(
    () => Promise.resolve(server.catalog.count('pod')),
    (count) => count === 2,
  );
  await write('1.yaml', pods('b').replace('}', ', names: [x] }'));
  void server.reload();
  const reasons = (one: ServerCore): string[] => one.conflicts().map(({ reason }) => reason);
  await eventually(
    () => Promise.resolve([...server.list('pod')]),
    (list) => JSON.stringify(list).includes('"x"'),
  );
  expect(reasons(server)).toEqual([expect.stringContaining('fd00::9 of pod v/n/b belongs to pod v/n/a')]);
  expect(reasons(await open())).toEqual(reasons(server));
});

describe('ages', () => {
  it('grow along any order, and stay where they can', () => {
    const order = fc.shuffledSubarray([...'abcdefgh']);
    fc.assert(
      fc.property(fc.array(order, { maxLength: 20 }), (orders) => {
        let ages = new Map<string, number>();
        for (const names of orders) {
          const before = ages;
          ages = agesOf(names, before);
          const list = names.map((name) => ages.get(name)!);
          expect([...ages.keys()]).toEqual(names);
          expect(list).toEqual([...new Set(list)].sort((a, b) => a - b));
          expect(agesOf(names, ages)).toEqual(ages);
        }
      }),
    );
    const first = agesOf(['a', 'b'], new Map());
    const more = agesOf(['0', 'a', 'ab', 'b', 'c'], first);
    expect([more.get('a'), more.get('b')]).toEqual([first.get('a'), first.get('b')]);
  });
});
