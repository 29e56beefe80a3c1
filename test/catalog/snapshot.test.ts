/** The snapshot: what was saved is what is loaded; what is damaged is put aside, said, and never used. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { SourceRecord } from '../../src/catalog/catalog.ts';
import { SnapshotKeeper } from '../../src/catalog/saved/snapshot-keeper.ts';
import { SavedFiles } from '../../src/catalog/saved/saved-files.ts';
import type { Problem, Resource, Vpc } from '../../src/model.ts';
import { keyOf, keyText } from '../../src/model.ts';
import { Clock, pod, say } from './saved-world.ts';

const NOW = Date.UTC(2026, 10, 22, 10, 0, 0, 123);
let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'podns-snapshot-'));
  path = join(directory, 'state', 'snapshot.ndjson');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Two sources that disagree, VPCs without and with a number for their age, and stamps that no double holds. */
function example(): Catalog {
  const catalog = new Catalog({ sources: ['files', 'watch', 'silent'] });
  const owner: Vpc = { kind: 'vpc', name: 'owner', net6: ['fd00::/32'], services6: [] };
  say(catalog, 'watch', true, '1', [owner, pod('db'), pod('web')]);
  say(catalog, 'watch', false, '2', [{ ...owner, name: 'greedy', net6: ['fd00::/16'] }]);
  say(catalog, 'watch', false, '3', [{ ...owner, forward: 'off' }], NOW - 5);
  const aged = catalog.begin('watch', false, '9223372036854775807');
  aged.put({ ...owner, name: 'aged', net6: ['fd00::/8'] }, undefined, '9', '9007199254740993');
  aged.put(pod('huge'));
  for (const _ of aged.commit()) void _;
  say(catalog, 'files', true, 'abc', [pod('web', { names: ['zoned'], ip6: 'fd00::7' })]);
  return catalog;
}

async function saveSnapshot(catalog: Catalog, to: string, now: () => number = Date.now): Promise<void> {
  const files = new SavedFiles({ catalog, path: to, now });
  await files.flush().finally(() => files.close());
}

async function load(sources: string[]) {
  const catalog = new Catalog({ sources });
  const { view: snapshot, problem } = await new SavedFiles({ catalog, path, now: () => NOW }).load();
  for (const transaction of snapshot?.transactions ?? []) for (const _ of transaction.commit()) void _;
  return { catalog, snapshot, problem };
}

describe('a snapshot', () => {
  it('brings back everything that was said, hidden or refused, with its revisions', async () => {
    const saved = example();
    await saveSnapshot(saved, path, () => NOW);
    const { catalog, snapshot, problem } = await load(['files', 'watch', 'silent']);
    expect(problem).toBeUndefined();
    expect(snapshot).toMatchObject({ savedAt: NOW, records: 7 });
    expect(snapshot!.sources).toEqual([
      { name: 'files', revision: 'abc' },
      { name: 'watch', revision: '9223372036854775807', at: NOW - 5 },
    ]);
    expect(catalog.digest()).toBe(saved.digest());
    expect([...catalog.records()].sort(byText)).toEqual([...saved.records()].sort(byText));
    expect(catalog.revision('watch')).toBe('9223372036854775807');
    expect(catalog.at('watch')).toBe(NOW - 5);
    expect(catalog.revision('silent')).toBeUndefined();
    // The source that comes back with the same list has nothing to tell.
    const again = catalog.begin('files', true, 'def');
    again.put(pod('web', { names: ['zoned'], ip6: 'fd00::7' }), undefined, 'def', '1');
    expect([...again.commit()]).toEqual([]);
    const reasons = (one: Catalog): string[] =>
      one
        .conflicts()
        .map(({ reason }) => reason)
        .sort();
    expect(reasons(catalog)).toEqual(reasons(saved));
    const aged = { kind: 'vpc', vpc: 'aged', namespace: '', name: '' } as const;
    expect(catalog.get(aged)).toMatchObject({ net6: ['fd00::/8'] });
    expect(catalog.said(aged)).toMatchObject({ stamp: 9007199254740993n, revision: '9' });
    // Of those whose age is but a place in an order, that order is known as well.
    for (const catalogs of [saved, catalog]) {
      const gone = catalogs.begin('watch', false, '9223372036854775807');
      gone.delete(aged);
      for (const _ of gone.commit()) void _;
      say(catalogs, 'watch', false, '9223372036854775807', [
        { kind: 'vpc', name: 'a', net6: ['fd00::/8'], services6: [] },
      ]);
      const { net6 } = catalogs.get({ kind: 'vpc', vpc: 'owner', namespace: '', name: '' }) as Vpc;
      expect(net6).toEqual(['fd00::/32']);
    }
    expect(catalog.digest()).toBe(saved.digest());
    catalog.setSources(catalog.sources.filter((name) => name !== 'files')).return?.();
    expect(catalog.get({ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'web' })).toEqual(pod('web'));
  });

  it('is a watch stream of the view, private to its owner', async () => {
    await saveSnapshot(example(), path, () => NOW);
    expect(statSync(join(directory, 'state')).mode & 0o777).toBe(0o700);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(directory, 'state'))).toEqual(['snapshot.ndjson', 'snapshot.ndjson.journal-1']);
    expect(statSync(`${path}.journal-1`).mode & 0o777).toBe(0o600);
    const lines = readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text) as { type: string });
    expect(lines[0]).toMatchObject({ type: 'snapshot', revision: 'abc', saved: '2026-11-22T10:00:00.123Z' });
    expect(lines.map(({ type }) => type).sort()).toEqual([
      'checksum',
      'put',
      'put',
      'put',
      'put',
      'put',
      'put',
      'shadowed',
      'snapshot',
      'synced',
    ]);
    expect(lines).toContainEqual({ type: 'put', revision: '1', source: 1, object: pod('db') });
    expect(lines).toContainEqual({ type: 'shadowed', revision: '1', source: 1, object: pod('web') });
  });

  it('leaves out sources that are no longer configured', async () => {
    await saveSnapshot(example(), path);
    const { catalog } = await load(['watch']);
    expect(catalog.get({ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'web' })).toEqual(pod('web'));
    expect(catalog.conflicts().filter(({ reason }) => reason.endsWith('is heard'))).toEqual([]);
  });

  it('holds one moment, though changes go on while it is written', async () => {
    const catalog = new Catalog({ sources: ['watch'] });
    const before = Array.from({ length: 3000 }, (_, i) => pod(`pod-${i}`));
    say(catalog, 'watch', true, '1', before);
    const digest = catalog.digest();
    let done = false;
    const saving = saveSnapshot(catalog, path).finally(() => (done = true));
    for (let revision = 2; !done; revision++) {
      // The directory and the file come first; only then is the moment.
      if (catalog.tidy() || readdirSync(directory).length === 0 || !statExists()) {
        await new Promise(setImmediate);
        continue;
      }
      say(catalog, 'watch', true, String(revision), [pod(`other-${revision}`)]);
      await new Promise(setImmediate);
    }
    await saving;
    const loaded = (await load(['watch'])).catalog;
    const revision = loaded.revision('watch')!;
    if (revision === '1') expect(loaded.digest()).toBe(digest);
    else expect([...loaded.list('pod')]).toEqual([pod(`other-${revision}`)]);
  });

  it('shows nothing of a commit that is half read', async () => {
    const catalog = new Catalog({ sources: ['watch'] });
    say(catalog, 'watch', true, '1', [pod('a', { ip6: 'fd00::1' }), pod('gone')]);
    const before = [...catalog.records()].sort(byText);
    const transaction = catalog.begin('watch', true, '2');
    for (const name of ['a', 'b', 'c']) transaction.put(pod(name));
    const changes = transaction.commit();
    changes.next();
    changes.next();
    await saveSnapshot(catalog, path);
    const { catalog: loaded } = await load(['watch']);
    expect([...loaded.records()].sort(byText)).toEqual(before);
    expect(loaded.revision('watch')).toBe('1');
    for (const _ of changes) void _;
    await saveSnapshot(catalog, path);
    expect((await load(['watch'])).catalog.digest()).toBe(catalog.digest());
  });

  it('that is not there is no problem', async () => {
    const { snapshot, problem } = await load(['watch']);
    expect(snapshot).toBeUndefined();
    expect(problem).toBeUndefined();
  });

  it('replaces the old one or leaves it', async () => {
    await saveSnapshot(example(), path, () => NOW);
    const old = readFileSync(path);
    const failing = example();
    // A clock that is none: the writing stops in the middle.
    await expect(saveSnapshot(failing, path, () => Number.NaN)).rejects.toThrow(RangeError);
    expect(readFileSync(path)).toEqual(old);
    expect(readdirSync(join(directory, 'state'))).toEqual(['snapshot.ndjson', 'snapshot.ndjson.journal-1']);
    writeFileSync(`${path}.tmp-${2 ** 22 + 1}`, 'left by a process that was killed');
    await load(['watch']);
    expect(readdirSync(join(directory, 'state'))).toEqual(['snapshot.ndjson', 'snapshot.ndjson.journal-1']);
  });
});

const net = (name: string): Resource => ({ kind: 'vpc', name, net6: ['fd00::/16'], services6: [] });
/** As it was written before there were ages. */
const WITHOUT_AGES = ((): string => {
  const lines = [
    {
      type: 'snapshot',
      format: 1,
      revision: '9',
      saved: new Date(NOW).toISOString(),
      sources: [{ name: 'etcd', revision: '9', proof: 'x' }],
    },
    { type: 'put', revision: '5', source: 0, object: net('a') },
    { type: 'put', revision: '9', source: 0, claims: { 'fd00::/16': 3 }, object: net('b') },
    { type: 'put', revision: 'text', source: 0, stamp: 7, object: pod('db') },
    { type: 'synced', revision: '9' },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const sha256 = createHash('sha256').update(text).digest('hex');
  return `${text}${JSON.stringify({ type: 'checksum', sha256 })}\n`;
})();

describe('a snapshot without ages', () => {
  it('is read with what it knows of them, and no source goes on from it', async () => {
    mkdirSync(join(directory, 'state'), { recursive: true });
    writeFileSync(path, WITHOUT_AGES);
    const { catalog, snapshot, problem } = await load(['etcd']);
    expect(problem).toBeUndefined();
    expect(snapshot!.sources).toEqual([{ name: 'etcd', revision: '9' }]);
    expect([...catalog.records()].map(({ stamp }) => stamp).sort((a, b) => Number(a - b))).toEqual([
      3n,
      5n,
      7n,
    ]);
    expect(catalog.get({ kind: 'vpc', vpc: 'b', namespace: '', name: '' })).toEqual(net('b'));
  });

  it('is not gone on from either when it has been written in the present format', async () => {
    mkdirSync(join(directory, 'state'), { recursive: true });
    writeFileSync(path, WITHOUT_AGES);
    for (const more of [false, false, true]) {
      const catalog = new Catalog({ sources: ['etcd'] });
      const files = new SavedFiles({ catalog, path, now: () => NOW, words: () => ({ proof: 'y' }) });
      const { view } = await files.load();
      expect(view!.sources).toEqual([{ name: 'etcd', revision: '9' }]);
      for (const _ of view!.transactions[0]!.commit()) void _;
      if (more) say(catalog, 'etcd', true, '10', []);
      await files.flush();
      await files.close();
      expect(readFileSync(path, 'utf8')).toContain('"format":2');
    }
    expect((await load(['etcd'])).snapshot!.sources).toEqual([{ name: 'etcd', revision: '10', proof: 'y' }]);
  });
});

it('lets no source go on that has a VPC whose place is known, and nothing else', async () => {
  const catalog = new Catalog({ sources: ['watch'] });
  const proofs: (string | undefined)[] = [];
  const files = new SavedFiles({ catalog, path, now: () => NOW, words: () => ({ proof: 'y' }) });
  for (const isValid of [false, true]) {
    const transaction = catalog.begin('watch', !isValid, '1');
    if (isValid) transaction.put(net('a'));
    else expect(transaction.keep(keyOf(net('a')))).toBe(false);
    for (const _ of transaction.commit()) void _;
    await files.flush();
    proofs.push((await load(['watch'])).snapshot!.sources[0]!.proof);
  }
  await files.close();
  expect(proofs).toEqual([undefined, 'y']);
});

describe('a damaged snapshot', () => {
  const damages: [string, (octets: Buffer) => Buffer, RegExp][] = [
    ['cut in the middle', (octets) => octets.subarray(0, octets.length >> 1), /no end|too early/],
    ['cut at a line', (octets) => octets.subarray(0, octets.lastIndexOf('{"type":"checksum')), /too early/],
    [
      'one letter changed',
      (octets) => Buffer.from(octets.toString().replace('"zoned"', '"zoneD"')),
      /checksum/,
    ],
    ['a line lost', (octets) => Buffer.from(octets.toString().replace(/\{"type":"put".*\n/, '')), /checksum/],
    ['zeros', (octets) => Buffer.alloc(octets.length), /too early/],
    ['empty', () => Buffer.alloc(0), /too early/],
    ['something else', () => Buffer.from('{"hello":1}\n'), /no snapshot/],
    ['not JSON', () => Buffer.from('hello\n'), /JSON/],
    [
      'another format',
      (octets) => Buffer.from(octets.toString().replace('"format":2', '"format":99')),
      /format 99/,
    ],
    ['lines after the end', (octets) => Buffer.concat([octets, Buffer.from('{}\n')]), /follows/],
  ];

  it.each(damages)('%s: is put aside and reported', async (_, damage, reason) => {
    await saveSnapshot(example(), path, () => NOW);
    const damaged = damage(readFileSync(path));
    writeFileSync(path, damaged);
    const { catalog, snapshot, problem } = await load(['files', 'watch']);
    expect(snapshot).toBeUndefined();
    expect(problem).toMatchObject({ severity: 'error', place: { file: path } });
    expect(problem!.reason).toMatch(reason);
    expect(problem!.reason).toMatch(/kept as snapshot\.ndjson\.damaged-20261122T100000\.123Z$/);
    expect(readFileSync(`${path}.damaged-20261122T100000.123Z`)).toEqual(damaged);
    expect(catalog.count('pod')).toBe(0);
    expect(catalog.revision('watch')).toBeUndefined();
    // Nothing is left open: the sources can begin.
    expect(say(catalog, 'watch', true, '1', [pod('db')])).toHaveLength(1);
  });

  it('with a line that no longer fits the model is put aside too', async () => {
    const catalog = new Catalog({ sources: ['watch'] });
    say(catalog, 'watch', true, '1', [pod('db', { ip6: 'fd00::7' })]);
    await saveSnapshot(catalog, path);
    writeFileSync(path, readFileSync(path, 'utf8').replace('fd00::7', 'fd00:::'));
    const { problem } = await load(['watch']);
    expect(problem!.reason).toMatch(/not an IPv6 address/);
  });
});

describe('the keeper', () => {
  it('writes at once, then at most twice a second, and once more at the end', async () => {
    const clock = new Clock();
    const written: number[] = [];
    const keeper = new SnapshotKeeper({ clock, save: async () => void written.push(clock.time) });
    keeper.changed();
    await clock.pass(0);
    expect(written).toEqual([0]);
    for (let i = 0; i < 25; i++) {
      keeper.changed();
      await clock.pass(100);
    }
    expect(written).toEqual([0, 500, 1000, 1500, 2000, 2500]);
    await clock.pass(10_000);
    expect(written).toHaveLength(6);
    keeper.changed();
    await keeper.close();
    expect(written).toHaveLength(7);
    keeper.changed();
    await clock.pass(10_000);
    expect(written).toHaveLength(7);
    expect(clock.waiting).toEqual([]);
  });

  it('never writes twice at a time, and rests nine times as long as a failure took', async () => {
    const clock = new Clock();
    let end: { done: () => void; fail: (error: Error) => void } | undefined;
    let writes = 0;
    const save = () => {
      writes++;
      return new Promise<void>((done, fail) => (end = { done, fail }));
    };
    const keeper = new SnapshotKeeper({ clock, save });
    keeper.changed();
    await clock.pass(0);
    keeper.changed();
    await clock.pass(2000);
    expect(writes).toBe(1);
    end!.fail(new Error('no'));
    await clock.pass(0);
    await clock.pass(17_999);
    expect(writes).toBe(1);
    await clock.pass(1);
    expect(writes).toBe(2);
    keeper.changed();
    await clock.pass(2000);
    end!.done();
    await clock.pass(0);
    await clock.pass(0);
    expect(writes).toBe(3);
    end!.done();
    await keeper.close();
  });

  it('tells of a failure, tries again and tells when it is over', async () => {
    const clock = new Clock();
    const reports: (Problem | undefined)[] = [];
    let broken = true;
    const save = async () => {
      if (broken) throw new Error('ENOSPC: no space left on device');
    };
    const keeper = new SnapshotKeeper({ clock, save, report: (problem) => reports.push(problem) });
    keeper.changed();
    await clock.pass(0);
    expect(reports).toEqual([
      { severity: 'error', reason: 'the snapshot cannot be written: ENOSPC: no space left on device' },
    ]);
    broken = false;
    await clock.pass(4999);
    expect(reports).toHaveLength(1);
    await clock.pass(1);
    expect(reports).toEqual([expect.anything(), undefined]);
    await keeper.close();
  });
});

function byText(one: SourceRecord, other: SourceRecord): number {
  const text = ({ source, resource }: SourceRecord): string => `${source} ${keyText(keyOf(resource))}`;
  return text(one) < text(other) ? -1 : 1;
}

function statExists(): boolean {
  return readdirSync(join(directory, 'state')).length > 0;
}
