/** The saved view, whole and in journals: cut or damaged anywhere, under load, on a disk that fails. */
import { createHash } from 'node:crypto';
import {
  appendFileSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { SavedFiles } from '../../src/catalog/saved/saved-files.ts';
import type { SavedFilesOptions } from '../../src/catalog/saved/saved-files.ts';
import { SnapshotKeeper } from '../../src/catalog/saved/snapshot-keeper.ts';
import type { Problem, Vpc } from '../../src/model.ts';
import { keyOf } from '../../src/model.ts';
import { Clock, Disk, Killed, pod, say, textOf } from './saved-world.ts';
import { familyOf, run, SOURCES, step } from './steps.ts';

const NOW = Date.UTC(2026, 10, 22);
let base = '';
let folder = '';
let again = '';
let path = '';
const open: SavedFiles[] = [];

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'podns-saved-'));
  folder = join(base, 'state');
  again = join(base, 'again');
  path = join(folder, 'view.ndjson');
});
afterEach(async () => {
  for (const files of open.splice(0)) await files.close();
  rmSync(base, { recursive: true });
});

function filesOf(catalog: Catalog, more: Partial<SavedFilesOptions> = {}): SavedFiles {
  const files = new SavedFiles({ catalog, path, now: () => NOW, ...more });
  open.push(files);
  return files;
}

async function restart(killed = new Killed(folder), sources = ['files', 'watch']) {
  const started = await killed.start(again, sources);
  open.push(started.files);
  return started;
}

/** All that is in it, in an order of its own. */
function contentOf(catalog: Catalog): string {
  const records = Array.from(catalog.records(), textOf).sort();
  return [...catalog.sources.map((name) => catalog.revision(name)), ...records].join('\n');
}

/** Several commits of two sources, each flushed: of all kinds of change. After each: octets of the journal, content. */
async function history(catalog: Catalog, files: SavedFiles): Promise<{ octets: number; content: string }[]> {
  const states: { octets: number; content: string }[] = [];
  const net: Vpc = { kind: 'vpc', name: 'aep', net6: ['fd00::/48', 'fd01::/48'], services6: [] };
  const steps: (() => void)[] = [
    () => say(catalog, 'watch', true, '1', [{ ...net, net6: ['fd00::/48'] }, pod('db', { ip6: 'fd00::1' })]),
    () => say(catalog, 'watch', false, '2', [net, pod('web')]),
    () => say(catalog, 'files', true, 'abc', [pod('web', { names: ['zoned'] })]),
    () => {
      const moving = catalog.begin('watch', false, '3', NOW);
      moving.delete(keyOf(pod('db')));
      moving.put(pod('app', { ip6: 'fd00::1' }));
      for (const _ of moving.commit()) void _;
    },
    () => {
      say(catalog, 'watch', false, '4', [pod('db'), pod('bücher.x', { ready: false })]);
      say(catalog, 'watch', false, '5', [pod('db', { ip6: 'fd00::7' })]);
    },
    () => say(catalog, 'files', true, 'abd', []),
    () => catalog.bookmark('watch', '9'),
  ];
  for (const step of steps) {
    step();
    await files.flush();
    states.push({ octets: statSync(`${path}.journal-1`).size, content: contentOf(catalog) });
  }
  return states;
}

describe('the journal', () => {
  it('cut at any octet: what was whole before is there, and nothing else', { timeout: 60_000 }, async () => {
    const catalog = new Catalog({ sources: ['files', 'watch'] });
    const states = await history(catalog, filesOf(catalog));
    const whole = new Killed(folder);
    expect(contentOf((await restart(whole)).catalog)).toBe(states.at(-1)!.content);
    const journal = readFileSync(`${path}.journal-1`);
    expect(journal.length).toBe(states.at(-1)!.octets);
    for (let cut = 0; cut < journal.length; cut++) {
      const killed = whole.with('view.ndjson.journal-1', () => journal.subarray(0, cut));
      const { catalog: found, problem, files } = await killed.start(again, ['files', 'watch']);
      await files.close();
      const expected = states.findLast(({ octets }) => octets <= cut) ?? states[0]!;
      if (contentOf(found) !== expected.content)
        expect([cut, contentOf(found)]).toEqual([cut, expected.content]);
      if (problem !== undefined) expect([cut, problem]).toBeUndefined();
    }
  });

  it(
    'damaged anywhere: what comes before is there, and the damage is said',
    { timeout: 60_000 },
    async () => {
      const catalog = new Catalog({ sources: ['files', 'watch'] });
      const states = await history(catalog, filesOf(catalog));
      const whole = new Killed(folder);
      const journal = readFileSync(`${path}.journal-1`);
      // The head is another matter: with it the journal is none of this snapshot.
      for (let at = states[0]!.octets; at < states.at(-2)!.octets; at += 5) {
        const damaged = Buffer.from(journal);
        damaged[at]! ^= 1;
        const killed = whole.with('view.ndjson.journal-1', () => damaged);
        const { catalog: found, problem, files } = await killed.start(again, ['files', 'watch']);
        await files.close();
        const expected = states.findLast(({ octets }) => octets <= at)!;
        expect([at, contentOf(found)]).toEqual([at, expected.content]);
        expect(problem?.reason).toMatch(/^what follows in this journal is not used: /);
      }
    },
  );

  it('goes on over restarts, each in a file of its own, and is taken up when there are many', async () => {
    const first = new Catalog({ sources: ['watch'] });
    say(first, 'watch', true, '1', [pod('db')]);
    const files = filesOf(first);
    await files.flush();
    await files.close();
    const owner: Vpc = { kind: 'vpc', name: 'own', net6: ['fd00::/32'], services6: [] };
    for (let run = 2; run < 25; run++) {
      const catalog = new Catalog({ sources: ['watch'] });
      const next = filesOf(catalog);
      const { view, problem } = await next.load();
      expect(problem).toBeUndefined();
      for (const transaction of view!.transactions) for (const _ of transaction.commit()) void _;
      expect(catalog.revision('watch')).toBe(String(run - 1));
      expect(catalog.count('pod')).toBe(run - 1);
      say(catalog, 'watch', false, String(run), [pod(`pod-${run}`), owner]);
      await next.flush();
      await next.close();
      // What was cut by a kill stands at its end, and in nobody's way.
      const names = readdirSync(folder).filter((name) => name.includes('journal'));
      expect(names.length).toBeLessThan(20);
      appendFileSync(join(folder, names.at(-1)!), '{"type":"batch","saved":');
    }
  });

  it('holds of many changes of one record the last, and costs what has changed, however large the view', async () => {
    const catalog = new Catalog({ sources: ['watch'] });
    say(
      catalog,
      'watch',
      true,
      '1',
      Array.from({ length: 2000 }, (_, i) => pod(`pod-${i}`)),
    );
    const files = filesOf(catalog);
    await files.flush();
    const before = statSync(`${path}.journal-1`).size;
    for (let i = 2; i < 500; i++)
      say(catalog, 'watch', false, String(i), [pod('pod-7', { ip6: `fd00::${i}` })]);
    await files.flush();
    expect(statSync(`${path}.journal-1`).size - before).toBeLessThan(1000);
    expect(contentOf((await restart(undefined, ['watch'])).catalog)).toBe(contentOf(catalog));
  });

  it('shows nothing of a commit that is half read, nor of what was said while it was read', async () => {
    const catalog = new Catalog({ sources: ['files', 'watch'] });
    say(catalog, 'watch', true, '1', [pod('a'), pod('b')]);
    const files = filesOf(catalog);
    await files.flush();
    say(catalog, 'watch', false, '2', [pod('a', { ip6: 'fd00::2' })]);
    const before = contentOf(catalog);
    const transaction = catalog.begin('watch', false, '3');
    for (const name of ['a', 'b', 'c']) transaction.put(pod(name, { ip6: 'fd00::3' }));
    transaction.delete(keyOf(pod('b')));
    const changes = transaction.commit();
    changes.next();
    await files.flush();
    expect(contentOf((await restart()).catalog)).toBe(before);
    for (const _ of changes) void _;
    await files.flush();
    expect(contentOf((await restart()).catalog)).toBe(contentOf(catalog));
  });

  it('of another snapshot is not used, and a snapshot of before there were journals is', async () => {
    const catalog = new Catalog({ sources: ['files', 'watch'] });
    const states = await history(catalog, filesOf(catalog));
    const snapshot = readFileSync(path, 'utf8');
    const old = snapshot.split('\n');
    old[0] = old[0]!.replace('"journal":1,', '');
    const covered = `${old.slice(0, -2).join('\n')}\n`;
    const checksum = JSON.stringify({
      type: 'checksum',
      sha256: createHash('sha256').update(covered).digest('hex'),
    });
    const killed = new Killed(folder).with('view.ndjson', () => Buffer.from(`${covered}${checksum}\n`));
    const { catalog: found, problem, files } = await restart(killed);
    expect(problem).toBeUndefined();
    expect(contentOf(found)).toBe(states[0]!.content);
    say(found, 'watch', false, '10', [pod('new')]);
    await files.flush();
    expect(contentOf((await new Killed(again).start(join(base, 'third'), ['files', 'watch'])).catalog)).toBe(
      contentOf(found),
    );
  });
});

describe('any sequence of change sets', () => {
  it('is read from the journals as it was said, with all ages', { timeout: 120_000 }, async () => {
    const event = fc.oneof(
      { weight: 4, arbitrary: step },
      fc.constantFrom('flush' as const, 'restart' as const),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), async (events) => {
        rmSync(folder, { recursive: true, force: true });
        let catalog = new Catalog({ sources: SOURCES, familyOf });
        let files = filesOf(catalog);
        for (const happens of [...events, 'restart' as const]) {
          if (typeof happens === 'object') for (const _ of run(catalog, happens).commit()) void _;
          else await files.flush();
          if (happens !== 'restart') continue;
          await files.close();
          const before = contentOf(catalog);
          catalog = new Catalog({ sources: SOURCES, familyOf });
          files = filesOf(catalog);
          const { view, problem } = await files.load();
          for (const transaction of view?.transactions ?? []) for (const _ of transaction.commit()) void _;
          expect([problem, contentOf(catalog)]).toEqual([undefined, before]);
        }
        await files.close();
      }),
      { numRuns: 100 },
    );
  });
});

/** One atomic change a revision: an address moves to pod `revision % PODS`; who had it has none. */
class Load {
  readonly catalog = new Catalog({ sources: ['watch'] });
  readonly pods: number;
  revision = 1;

  constructor(pods: number) {
    this.pods = pods;
    say(this.catalog, 'watch', true, '1', [
      ...Array.from({ length: pods }, (_, i) => pod(`pod-${i}`, i === 1 ? { ip6: 'fd00::7' } : {})),
    ]);
  }

  step(at: number): void {
    const from = this.revision % this.pods;
    this.revision++;
    const to = this.revision % this.pods;
    const moved = [
      pod(`pod-${from}`, { names: [String(this.revision)] }),
      pod(`pod-${to}`, { ip6: 'fd00::7' }),
    ];
    say(this.catalog, 'watch', false, String(this.revision), moved, at);
  }

  /** Throws where what was found is not the state of the revision that it says. */
  check(found: Catalog): number {
    const revision = Number(found.revision('watch'));
    let count = 0;
    for (const each of found.list('pod')) {
      if (each.kind !== 'pod') continue;
      count++;
      const holds = each.name === `pod-${revision % this.pods}`;
      if (holds !== (each.ip6 !== undefined))
        throw new Error(`revision ${revision}: ${JSON.stringify(each)}`);
      const [left] = each.names;
      const number = Number(each.name.slice(4));
      const last = revision - ((revision - number - 1 + this.pods) % this.pods);
      const expected = holds || last < 2 ? undefined : String(last);
      if (left !== expected) throw new Error(`revision ${revision}, ${each.name}: ${left} for ${expected}`);
    }
    if (count !== this.pods) throw new Error(`revision ${revision}: ${count} pods`);
    return revision;
  }
}

describe('killed under load', () => {
  it.each([
    { rate: 1, pods: 300, journalLeast: 1 << 20 },
    { rate: 10, pods: 500, journalLeast: 20_000 },
    { rate: 10, pods: 50, journalLeast: 500 },
  ])(
    '$rate changes a millisecond, $pods pods, journals of $journalLeast: at most two seconds behind, never torn',
    { timeout: 60_000 },
    async ({ rate, pods, journalLeast }) => {
      const load = new Load(pods);
      const clock = new Clock();
      const files = filesOf(load.catalog, { now: () => NOW + clock.time, journalLeast });
      const problems: (Problem | undefined)[] = [];
      const keeper = new SnapshotKeeper({
        clock,
        save: () => files.flush(),
        report: (problem) => problems.push(problem),
      });
      keeper.changed();
      while (files.savedAt === 0) await clock.pass(0);
      /** By revision. */
      const times: number[] = [0, 0];
      let kills = 0;
      let behind = 0;
      let rewritten = 0;
      const writtenAt = (): bigint => statSync(path, { bigint: true }).ctimeNs;
      let written = writtenAt();
      for (let ms = 1; ms <= 6000; ms++) {
        for (let i = 0; i < rate; i++) {
          load.step(NOW + clock.time);
          times[load.revision] = clock.time;
          keeper.changed();
        }
        await clock.pass(1);
        if (ms % 200 < 5) for (let turn = 0; turn < 40; turn++) await new Promise(setImmediate);
        if (writtenAt() !== written) {
          rewritten++;
          written = writtenAt();
        }
        if ((ms * 7919) % 101 !== 0) continue;
        kills++;
        const { catalog, problem } = await restart(undefined, ['watch']);
        expect(problem).toBeUndefined();
        const revision = load.check(catalog);
        expect(catalog.at('watch') ?? NOW).toBeLessThanOrEqual(NOW + times[revision]!);
        // The first that is missing.
        behind = Math.max(behind, clock.time - (times[revision + 1] ?? clock.time));
        await open.pop()!.close();
      }
      await keeper.close();
      expect(problems).toEqual([]);
      expect(kills).toBeGreaterThan(50);
      expect(behind).toBeLessThanOrEqual(2000);
      if (journalLeast < 1 << 20) expect(rewritten).toBeGreaterThan(3);
      expect(load.check((await restart(undefined, ['watch'])).catalog)).toBe(load.revision);
      const octets = readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
      expect(octets).toBeLessThan(6 * Math.max(journalLeast, statSync(path).size));
    },
  );
});

describe('a disk that fails', () => {
  it('in the middle of a batch: nothing is lost, nothing is torn, and it is made good', async () => {
    const load = new Load(200);
    const disk = new Disk();
    const files = filesOf(load.catalog, { openFile: disk.open });
    await files.flush();
    for (let round = 0; round < 40; round++) {
      for (let i = 0; i < 5; i++) load.step(NOW);
      const saved = load.revision - 5;
      disk.room = round * 25;
      await expect(files.flush()).rejects.toThrow('ENOSPC');
      const { catalog, problem } = await restart(undefined, ['watch']);
      expect(problem).toBeUndefined();
      expect(load.check(catalog)).toBe(saved);
      // Little by little, as well.
      disk.room = Number.POSITIVE_INFINITY;
      disk.most = 100;
      load.step(NOW);
      await files.flush();
      expect(load.check((await restart(undefined, ['watch'])).catalog)).toBe(load.revision);
    }
  });

  it('while the view is written whole: the journal goes on, and it is said', async () => {
    const load = new Load(300);
    const disk = new Disk();
    const reports: (Problem | undefined)[] = [];
    const files = filesOf(load.catalog, {
      openFile: disk.open,
      journalLeast: 2000,
      reportWhole: (problem) => reports.push(problem),
    });
    await files.flush();
    expect(reports.splice(0)).toEqual([undefined]);
    // The file system may give a new file the number of an old one; its time tells them apart.
    const written = statSync(path, { bigint: true }).ctimeNs;
    while (reports.length === 0) {
      load.step(NOW);
      // Capacity for the batch and the next journal's head, and not for the whole.
      disk.room = 6000;
      await files.flush();
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
      expect(load.check((await restart(undefined, ['watch'])).catalog)).toBe(load.revision);
    }
    expect(reports[0]!.reason).toContain('the view cannot be written whole: ENOSPC');
    expect(statSync(path, { bigint: true }).ctimeNs).toBe(written);
    disk.room = Number.POSITIVE_INFINITY;
    while (reports.at(-1) !== undefined) {
      load.step(NOW);
      await files.flush();
      for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
    }
    expect(statSync(path, { bigint: true }).ctimeNs).not.toBe(written);
    expect(load.check((await restart(undefined, ['watch'])).catalog)).toBe(load.revision);
  });

  it('from the beginning: nothing is there, then everything', async () => {
    const load = new Load(20);
    const disk = new Disk();
    disk.room = 300;
    const files = filesOf(load.catalog, { openFile: disk.open });
    await expect(files.flush()).rejects.toThrow('ENOSPC');
    expect((await restart(undefined, ['watch'])).catalog.count('pod')).toBe(0);
    load.step(NOW);
    disk.room = Number.POSITIVE_INFINITY;
    await files.flush();
    expect(load.check((await restart(undefined, ['watch'])).catalog)).toBe(load.revision);
    writeFileSync(join(again, 'view.ndjson'), 'damaged\n');
    const { problem } = await new Killed(again).start(join(base, 'third'), ['watch']);
    expect(problem!.reason).toContain('the snapshot is not used');
  });
});

it('saves everything at the end of a process that has just heard more than the log of changes holds', async () => {
  const catalog = new Catalog({ sources: ['watch'] });
  const files = filesOf(catalog);
  say(catalog, 'watch', true, '1', [pod('first')]);
  await files.flush();
  const many = Array.from({ length: 250_001 }, (_, i) => pod(`p${i}`));
  say(catalog, 'watch', true, '2', many);
  // As `SavedView.close` does.
  files.hurry();
  await files.flush();
  await files.close();
  const { catalog: next, problem } = await restart(new Killed(folder), ['watch']);
  expect([next.revision('watch'), next.count('pod'), problem]).toEqual(['2', many.length, undefined]);
}, 60_000);
