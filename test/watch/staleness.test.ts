/** A stream that is lost, and one whose server is; a saved view before the first delivery; addresses that move. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Problem, ResumePoint, Sink, Source } from '../../src/model.ts';
import { snapshot, WatchServer } from '../source/watch-server.ts';
import { CLIENT, eventually, Node, pod, RESERVE, VPC } from './nodes.ts';

const START = Date.UTC(2026, 10, 22);
let now = START;
let folder = '';
let nodes: Node[] = [];
let upstream: WatchServer;
const problems: string[] = [];

beforeEach(async () => {
  now = START;
  folder = mkdtempSync(join(tmpdir(), 'podns-life-'));
  problems.length = 0;
  upstream = new WatchServer();
  await upstream.listen();
});
afterEach(async () => {
  for (const node of nodes.splice(0).reverse()) await node.close();
  upstream.close();
  rmSync(folder, { recursive: true });
});

async function start(config: object, sources: Source[] = []): Promise<Node> {
  const node = new Node({
    config,
    sources,
    reserve: RESERVE,
    wallClock: () => now,
    logger: { info: () => undefined, warn: () => undefined, error: (_, text) => void problems.push(text) },
  });
  nodes.push(node);
  return node.start();
}

/** Ends it as a kill would, but for the last save. */
async function stop(node: Node): Promise<void> {
  nodes = nodes.filter((other) => other !== node);
  await node.close();
}

const view = [VPC, CLIENT, pod('db', 'fd00::2')];

describe('a lost stream', () => {
  it('is served on, marked after stale_after, and clean again after reconnecting', async () => {
    const node = await start({ watch: [upstream.url], staleAfter: 30_000 });
    const one = await upstream.conversation(1);
    one.say(...snapshot('41', ...view));
    await eventually(
      () => node.ask('db'),
      (text) => text === 'NOERROR fd00::2',
    );
    one.cut();
    (await upstream.conversation(2)).refuse(503, { 'retry-after': '0' });
    await eventually(
      () => node.status(),
      ({ sources }) => sources[0]!.state === 'lost',
    );
    expect(await node.ask('db')).toBe('NOERROR fd00::2');
    now += 30_000;
    // The server looks once a second.
    await eventually(
      () => node.ask('db'),
      (text) => text === 'NOERROR fd00::2 3',
    );
    expect(await node.ask('nosuch')).toBe('NXDOMAIN 19');
    // Any later attempt will do: back-off is random.
    for (let count = 3; ; count++) {
      const next = await upstream.conversation(count);
      expect(next.url.searchParams.get('revision')).toBe('41');
      if (count < 5) next.refuse(503);
      else {
        next.say({ type: 'put', revision: '42', object: pod('db', 'fd00::3') });
        break;
      }
    }
    await eventually(
      () => node.ask('db'),
      (text) => text === 'NOERROR fd00::3',
    );
    expect(await node.ask('nosuch')).toBe('NXDOMAIN');
  });

  it('shows at the far end of a chain, though the last connection is fine', async () => {
    const root = await start({ watch: [upstream.url] });
    const one = await upstream.conversation(1);
    one.say(...snapshot('41', ...view));
    const leaf = await start({ watch: [root.watchUrl] });
    await eventually(
      () => leaf.ask('db'),
      (text) => text === 'NOERROR fd00::2',
    );
    one.cut();
    const lost = await eventually(
      () => leaf.status(),
      ({ sources }) => sources[0]!.state === 'lost',
    );
    expect(lost.sources[0]!.reason).toContain('the server has lost its own source');
    expect(lost.sources[0]!.lostSince).toBe(new Date(START).toISOString());
    now += 30_000;
    await eventually(
      () => leaf.ask('db'),
      (text) => text === 'NOERROR fd00::2 3',
    );
    for (let count = 2; root.server.status()[0]!.state !== 'live'; count++) {
      (await upstream.conversation(count)).say({ type: 'bookmark', revision: '41' });
      await eventually(
        () => root.server.status()[0]!.state,
        (state) => state === 'live',
      );
    }
    await eventually(
      () => leaf.ask('db'),
      (text) => text === 'NOERROR fd00::2',
    );
  });
});

describe('a saved view', () => {
  /** Saved by a run that was live. */
  async function save(): Promise<void> {
    const node = await start({ watch: [upstream.url], state: folder });
    (await upstream.conversation(1)).say(...snapshot('41', ...view));
    await eventually(
      () => node.ask('db'),
      (text) => text === 'NOERROR fd00::2',
    );
    await stop(node);
  }

  it('answers at once, marked, and the source goes on after its revision', async () => {
    await save();
    expect(statSync(join(folder, 'view.ndjson')).mode & 0o777).toBe(0o600);
    const node = await start({ watch: [upstream.url], state: folder });
    const again = await upstream.conversation(2);
    // Nothing has been said yet: accepted, but the head is not sent before the first line.
    expect(again.url.searchParams.get('revision')).toBe('41');
    expect(await node.ask('db')).toBe('NOERROR fd00::2 3');
    expect(await node.ask('nosuch')).toBe('NXDOMAIN 19');
    expect(node.server.readiness()).toMatchObject({ ready: true });
    expect(node.server.readiness().reasons[0]).toContain('a saved view is served');
    again.say({ type: 'put', revision: '42', object: pod('db', 'fd00::3') });
    await eventually(
      () => node.ask('db'),
      (text) => text === 'NOERROR fd00::3',
    );
    expect(await node.ask('nosuch')).toBe('NXDOMAIN');
    expect((await node.status()).sources[0]).toMatchObject({ synced: true, restored: true, revision: '42' });
  });

  it('is replaced by a list where the revision is gone, and never mixed with it', async () => {
    await save();
    const node = await start({ watch: [upstream.url], state: folder });
    (await upstream.conversation(2)).refuse(410);
    const third = await upstream.conversation(3);
    expect(third.url.searchParams.get('revision')).toBeNull();
    const [first, ...rest] = snapshot('7', VPC, CLIENT, pod('web', 'fd00::4'));
    third.say(first!, ...rest.slice(0, -1));
    expect(await node.ask('db')).toBe('NOERROR fd00::2 3');
    third.say(rest.at(-1)!);
    await eventually(
      () => node.ask('web'),
      (text) => text === 'NOERROR fd00::4',
    );
    expect(await node.ask('db')).toBe('NXDOMAIN');
  });

  it('lists anew where other VPCs are wanted', async () => {
    await save();
    await start({ watch: [upstream.url], state: folder, vpc: ['v', 'w'] });
    const again = await upstream.conversation(2);
    expect(again.url.searchParams.get('revision')).toBeNull();
  });

  it('is set aside where it is damaged, and said so; nothing else is the worse', async () => {
    await save();
    const path = join(folder, 'view.ndjson');
    const text = readFileSync(path, 'utf8');
    writeFileSync(path, text.replace('fd00::2', 'fd00::3'));
    const node = await start({ watch: [upstream.url], state: folder });
    expect(readdirSync(folder).filter((name) => name.startsWith('view.ndjson.damaged-'))).toHaveLength(1);
    expect(problems.join()).toContain(
      'the snapshot is not used: wrong checksum; kept as view.ndjson.damaged-',
    );
    expect(node.server.readiness().ready).toBe(false);
    const again = await upstream.conversation(2);
    expect(again.url.searchParams.get('revision')).toBeNull();
    again.say(...snapshot('41', ...view));
    await eventually(
      () => node.ask('db'),
      (answer) => answer === 'NOERROR fd00::2',
    );
  });

  it('no longer tells whose an IPv4 address is once it is too old', async () => {
    const overlaid = pod('db', 'fd00::2', { overlays: [{ overlay: 'o', ip4: '10.0.0.7', pinned: true }] });
    const node = await start({ watch: [upstream.url], state: folder });
    (await upstream.conversation(1)).say(...snapshot('41', VPC, CLIENT, overlaid));
    await eventually(
      () => node.ask('client', '10.0.0.7'),
      (text) => text === 'NOERROR fd00::1',
    );
    await stop(node);
    now += 3_000_000;
    const young = await start({ watch: [upstream.url], state: folder });
    expect(await young.ask('client', '10.0.0.7')).toBe('NOERROR fd00::1 3');
    await stop(young);
    now += 1_000_000;
    const old = await start({ watch: [upstream.url], state: folder });
    expect(await old.ask('client', '10.0.0.7')).toBe('REFUSED 18');
    expect(await old.ask('client', 'fd00::2')).toBe('NOERROR fd00::1 3');
    (await upstream.conversation(4)).say(...snapshot('41', VPC, CLIENT, overlaid));
    await eventually(
      () => old.ask('client', '10.0.0.7'),
      (text) => text === 'NOERROR fd00::1',
    );
  });

  it('is no view of a source that it does not have', async () => {
    await save();
    let sink: Sink | undefined;
    let point: ResumePoint | undefined;
    const other: Source = {
      name: 'other',
      start(to, resume) {
        sink = to;
        point = resume;
      },
      close: () => Promise.resolve(),
    };
    const node = await start({ watch: [upstream.url], state: folder }, [other]);
    expect(point).toBeUndefined();
    expect(node.server.readiness().ready).toBe(false);
    const held = node.ask('db');
    sink!.begin(true, '1');
    sink!.put(pod('more', 'fd00::5'));
    sink!.state('live');
    await sink!.commit();
    // What was saved of the other source is old still.
    expect(await held).toBe('NOERROR fd00::2 3');
  });

  it('a folder that cannot be written is reported, and nothing else', async () => {
    const path = join(folder, 'view.ndjson');
    const node = await start({ state: path });
    writeFileSync(path, 'a file where a folder should be');
    await node.server.apply({ put: [...view] });
    const problem = await eventually(
      () => node.server.subscribers.saved!.problem,
      (value): value is Problem => value !== undefined,
    );
    expect(problem!.reason).toContain('the snapshot cannot be written');
    expect(await node.ask('db')).toBe('NOERROR fd00::2');
  });
});

describe('an address that moves from one pod to another', () => {
  // The second kind of change takes several turns of the event loop, with questions between them.
  it.each([
    { rounds: 1000, beside: 0 },
    { rounds: 20, beside: 4000 },
  ])('is in one answer at every moment, with $beside changes beside it', async ({ rounds, beside }) => {
    const node = await start({});
    await node.server.apply({ put: [VPC, CLIENT, pod('a', 'fd00::7'), pod('b', 'fd00::8')] });
    let moving = true;
    let asked = 0;
    const asking = (async () => {
      while (moving) {
        const answers = await Promise.all([node.ask('a'), node.ask('b')]);
        const addresses = answers.flatMap((text) => text.split(' ').slice(1));
        expect(addresses.sort()).toEqual(['fd00::7', 'fd00::8']);
        asked++;
        await new Promise(setImmediate);
      }
    })();
    for (let i = 0; i < rounds; i++) {
      const [a, b] = i % 2 === 0 ? ['fd00::8', 'fd00::7'] : ['fd00::7', 'fd00::8'];
      const others = Array.from({ length: beside }, (_, n) =>
        pod(`p${n}`, `fd00::${i + 1}:${n.toString(16)}`),
      );
      await node.server.apply({ put: [pod('a', a!), ...others, pod('b', b!)] });
      expect(await node.ask('a')).toBe(`NOERROR ${a}`);
      if (i % 10 === 0) await new Promise(setImmediate);
    }
    moving = false;
    await asking;
    expect(asked).toBeGreaterThan(rounds / 20);
  });
});
