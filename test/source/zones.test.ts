/** The zones directory as a source, on real directories: every way in which people and systems edit one. */
import { EventEmitter } from 'node:events';
import type { FSWatcher } from 'node:fs';
import {
  appendFile,
  mkdir,
  mkdtemp,
  rename,
  rm,
  symlink,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemText } from '../../src/model.ts';
import type { Source } from '../../src/model.ts';
import { zones } from '../../src/source/zones/zones.ts';
import type { ZonesOptions } from '../../src/source/zones/zones.ts';
import { ManualClock } from './manual-clock.ts';
import { MapSink } from './map-sink.ts';

/** A zone file of VPC a with the given pods, each with its last group of address. */
function zone(pods: Record<string, string | number>, vpc = 'a'): string {
  const lines = Object.entries(pods).map(([name, last]) => `      ${name}: { ip6: "fd00::${last}" }\n`);
  return `vpc: ${vpc}\nnamespaces:\n  n:\n    pods:\n${lines.join('')}`;
}

let root: string;
let dir: string;
let sink: MapSink;
const sources: Source[] = [];

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'podns-zones-'));
  dir = join(root, 'zones');
  await mkdir(dir);
  sink = new MapSink();
});

afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await rm(root, { recursive: true });
  expect(sink.violations).toEqual([]);
});

/** The slow look is an hour away, so that only events can make a test pass. */
function start(options: ZonesOptions = {}, path = dir) {
  const source = zones(path, { poll: 3_600_000, ...options });
  sources.push(source);
  source.start(sink);
  return source;
}

/** What is served as `ip6` of a pod of namespace a/n. */
function served(name: string): string | undefined {
  const resource = sink.visible.get(`pod a/n/${name}`);
  return resource?.kind === 'pod' ? resource.ip6 : undefined;
}

const live = () => sink.until(() => sink.lastState === 'live');
const serves = (name: string, address: string | undefined) => sink.until(() => served(name) === address);
const problems = () => [...sink.standing.values()].flat().map(problemText);

describe('the first look', () => {
  it('is one full transaction, then live', async () => {
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1, y: 2 }));
    await writeFile(join(dir, 'b.yml'), zone({ z: 3 }));
    const source = start();
    expect(source.name).toBe(`zones:${dir}`);
    await live();
    expect(sink.log).toEqual([
      ...[
        'begin full 1',
        'put vpc a',
        'put namespace a/n',
        'put pod a/n/x',
        'put pod a/n/y',
        'put pod a/n/z',
      ],
      ...['commit', 'state live'],
    ]);
  });

  it('reports what is broken and serves the rest', async () => {
    await writeFile(join(dir, 'a.yaml'), 'vpc: [');
    await writeFile(join(dir, 'b.yaml'), zone({ ok: 1, bad: 'zz' }));
    start();
    await live();
    expect(served('ok')).toBe('fd00::1');
    expect(problems()).toEqual([
      `${dir}/a.yaml:1:7: Flow sequence in block collection must be sufficiently indented and end with a ]`,
      `${dir}/b.yaml:6:19: pod a/n/bad: ip6: "fd00::zz" is not an IPv6 address`,
    ]);
    expect(sink.log).toContain('keep pod a/n/bad');
  });

  it('waits for a directory that does not exist', async () => {
    await rm(dir, { recursive: true });
    start();
    await sink.until(() => sink.states.length > 0);
    expect(sink.states).toEqual([{ state: 'starting', reason: `${dir} does not exist` }]);
    expect(sink.commits).toBe(0);
    await mkdir(dir);
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1 }));
    await serves('x', 'fd00::1');
    await live();
  });

  it('waits for a directory whose parents do not exist either', async () => {
    const deep = join(root, 'p', 'q', 'zones');
    start({}, deep);
    await sink.until(() => sink.states.length > 0);
    await mkdir(deep, { recursive: true });
    await writeFile(join(deep, 'a.yaml'), zone({ x: 1 }));
    await serves('x', 'fd00::1');
  });

  it('of an empty directory is an empty view', async () => {
    start();
    await live();
    expect(sink.log).toEqual(['begin full 1', 'commit', 'state live']);
  });
});

describe('edits', () => {
  beforeEach(async () => {
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1, y: 2 }));
    await writeFile(join(dir, 'b.yaml'), zone({ z: 3 }));
  });

  it('in place: only what changed is in the transaction', async () => {
    start();
    await live();
    sink.log.length = 0;
    await writeFile(join(dir, 'a.yaml'), zone({ x: 11, w: 4 }));
    await serves('x', 'fd00::11');
    expect(sink.log).toEqual([
      'begin delta 2',
      'delete pod a/n/y',
      'put pod a/n/x',
      'put pod a/n/w',
      'commit',
    ]);
  });

  it('by atomic rename, as editors write', async () => {
    start();
    await live();
    await writeFile(join(dir, '.a.yaml.tmp'), zone({ x: 12, y: 2 }));
    await rename(join(dir, '.a.yaml.tmp'), join(dir, 'a.yaml'));
    await serves('x', 'fd00::12');
  });

  it('of the same length in the same instant', async () => {
    start();
    await live();
    for (let last = 4; last < 8; last++) {
      await writeFile(join(dir, 'b.yaml'), zone({ z: last }));
      await serves('z', `fd00::${last}`);
    }
  });

  it('new, renamed and deleted files', async () => {
    start();
    await live();
    await writeFile(join(dir, 'c.yaml'), zone({ c: 5 }));
    await serves('c', 'fd00::5');
    await rename(join(dir, 'c.yaml'), join(dir, 'd.yaml'));
    await unlink(join(dir, 'b.yaml'));
    await serves('z', undefined);
    expect(served('c')).toBe('fd00::5');
    expect(served('x')).toBe('fd00::1');
    await unlink(join(dir, 'a.yaml'));
    await unlink(join(dir, 'd.yaml'));
    await sink.until(() => sink.visible.size === 0);
  });

  it('that change nothing are no transaction', async () => {
    start();
    await live();
    await appendFile(join(dir, 'a.yaml'), '# only a word\n');
    await writeFile(join(dir, 'c.yaml'), zone({ c: 5 }));
    await serves('c', 'fd00::5');
    expect(sink.log.filter((line) => line.startsWith('put pod'))).toHaveLength(4);
    expect(sink.revision).toBe('2');
  });

  it('that break one resource leave its last good version', async () => {
    start();
    await live();
    await writeFile(join(dir, 'a.yaml'), zone({ x: 'zz', y: 22 }));
    await serves('y', 'fd00::22');
    expect(served('x')).toBe('fd00::1');
    const reason = 'ip6: "fd00::zz" is not an IPv6 address; podns serves its last good version';
    expect(problems()).toEqual([`${dir}/a.yaml:5:17: pod a/n/x: ${reason}`]);
    await writeFile(join(dir, 'a.yaml'), zone({ x: 'yy', y: 23 }));
    await serves('y', 'fd00::23');
    expect(served('x')).toBe('fd00::1');
    await writeFile(join(dir, 'a.yaml'), zone({ x: 13, y: 23 }));
    await serves('x', 'fd00::13');
    expect(problems()).toEqual([]);
  });

  it('that break one resource and then remove it, remove it', async () => {
    start();
    await live();
    await writeFile(join(dir, 'a.yaml'), zone({ x: 'zz', y: 2 }));
    await sink.until(() => problems().length > 0);
    await writeFile(join(dir, 'a.yaml'), zone({ y: 2 }));
    await serves('x', undefined);
    expect(problems()).toEqual([]);
  });

  it('that break a file leave its last good state, told with line and column', async () => {
    start();
    await live();
    await writeFile(join(dir, 'a.yaml'), 'vpc: a\nnamespaces:\n  n: {\n');
    await sink.until(() => problems().length > 0);
    const reason = 'Flow map in block collection must be sufficiently indented and end with a }';
    expect(problems()).toEqual([
      `${dir}/a.yaml:4:1: ${reason}; podns serves the last good state of the file`,
    ]);
    await writeFile(join(dir, 'b.yaml'), zone({ z: 33 }));
    await serves('z', 'fd00::33');
    expect([served('x'), served('y')]).toEqual(['fd00::1', 'fd00::2']);
    await writeFile(join(dir, 'a.yaml'), zone({ x: 14 }));
    await serves('x', 'fd00::14');
    expect(served('y')).toBeUndefined();
    expect(problems()).toEqual([]);
  });

  it('that say a resource twice are told, and when the first goes the second takes its place', async () => {
    start();
    await live();
    await writeFile(join(dir, 'b.yaml'), zone({ x: 9, z: 34 }));
    await serves('z', 'fd00::34');
    expect(served('x')).toBe('fd00::1');
    expect(problems()).toEqual([
      `${dir}/b.yaml:5:7: pod a/n/x is already at ${dir}/a.yaml:5:7, which counts`,
    ]);
    await writeFile(join(dir, 'a.yaml'), zone({ y: 2 }));
    await serves('x', 'fd00::9');
    expect(problems()).toEqual([]);
  });

  it('that move a pod from file to file never lose it', async () => {
    start();
    await live();
    sink.log.length = 0;
    await writeFile(join(dir, 'b.yaml'), zone({ x: 1, z: 3 }));
    await sink.until(() => problems().length > 0);
    await writeFile(join(dir, 'a.yaml'), zone({ y: 2 }));
    await sink.until(() => problems().length === 0);
    await writeFile(join(dir, 'a.yaml'), zone({ y: 5 }));
    await serves('y', 'fd00::5');
    expect(sink.log.filter((line) => line.includes('a/n/x'))).toEqual([]);
  });

  it('that leave a file too large or unreadable leave its last good state', async () => {
    start();
    await live();
    await truncate(join(dir, 'a.yaml'), 33 * 1024 * 1024);
    await sink.until(() => problems().length > 0);
    expect(problems()).toEqual([
      `${dir}/a.yaml:1:1: the file has 34603008 octets; at most 4194304 are read: split it; podns serves the last good state of the file`,
    ]);
    expect(served('x')).toBe('fd00::1');
  });
});

describe('the directory itself', () => {
  it('is removed and made again: the last view stays in between', async () => {
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1 }));
    start();
    await live();
    await rename(dir, join(root, 'old'));
    await sink.until(() => sink.lastState === 'lost');
    expect(sink.states.at(-1)!.reason).toBe(`${dir} does not exist`);
    expect(served('x')).toBe('fd00::1');
    await mkdir(join(root, 'new'));
    await writeFile(join(root, 'new', 'a.yaml'), zone({ x: 2 }));
    await rename(join(root, 'new'), dir);
    await serves('x', 'fd00::2');
    await live();
    await writeFile(join(dir, 'a.yaml'), zone({ x: 3 }));
    await serves('x', 'fd00::3');
  });

  it('is a ConfigMap: files link to ..data, which is flipped', async () => {
    await mkdir(join(dir, '..v1'));
    await writeFile(join(dir, '..v1', 'a.yaml'), zone({ x: 1 }));
    await symlink('..v1', join(dir, '..data'));
    await symlink('..data/a.yaml', join(dir, 'a.yaml'));
    start();
    await live();
    expect(served('x')).toBe('fd00::1');
    for (let version = 2; version < 5; version++) {
      await mkdir(join(dir, `..v${version}`));
      await writeFile(join(dir, `..v${version}`, 'a.yaml'), zone({ x: version }));
      await symlink(`..v${version}`, join(dir, '..tmp'));
      await rename(join(dir, '..tmp'), join(dir, '..data'));
      await rm(join(dir, `..v${version - 1}`), { recursive: true });
      await serves('x', `fd00::${version}`);
    }
    expect(problems()).toEqual([]);
  });

  it('is a symbolic link that is pointed elsewhere', async () => {
    for (const version of [1, 2]) {
      await mkdir(join(root, `v${version}`));
      await writeFile(join(root, `v${version}`, 'a.yaml'), zone({ x: version }));
    }
    await symlink('v1', join(root, 'current'));
    await symlink('current', join(root, 'link'));
    start({}, join(root, 'link'));
    await serves('x', 'fd00::1');
    await symlink('v2', join(root, 'next'));
    await rename(join(root, 'next'), join(root, 'current'));
    await serves('x', 'fd00::2');
    await writeFile(join(root, 'v2', 'a.yaml'), zone({ x: 3 }));
    await serves('x', 'fd00::3');
  });

  it('holds links to files that live elsewhere', async () => {
    await mkdir(join(root, 'else'));
    await writeFile(join(root, 'else', 'x.yaml'), zone({ x: 1 }));
    await symlink(join(root, 'else', 'x.yaml'), join(dir, 'a.yaml'));
    start();
    await live();
    // The directories of linked files are known once the first look has seen the links.
    await writeFile(join(dir, 'b.yaml'), zone({ y: 1 }));
    await serves('y', 'fd00::1');
    await writeFile(join(root, 'else', 'x.yaml'), zone({ x: 2 }));
    await serves('x', 'fd00::2');
    await unlink(join(root, 'else', 'x.yaml'));
    await sink.until(() => problems().length > 0);
    expect(problems()).toEqual([
      `${dir}/a.yaml: is a dangling symbolic link; podns serves the last good state of the file`,
    ]);
    expect(served('x')).toBe('fd00::2');
  });
});

describe('time', () => {
  /** Watchers that only the test fires. */
  class FakeWatch {
    readonly open = new Map<string, (event: string, name: string | null) => void>();
    readonly watch = (path: string, listener: (event: string, name: string | null) => void): FSWatcher => {
      this.open.set(path, listener);
      const watcher = new EventEmitter() as unknown as FSWatcher;
      watcher.close = () => this.open.delete(path);
      return watcher;
    };
    fire(path: string, name: string | null): void {
      this.open.get(path)!('change', name);
    }
  }

  /** Live, and the next slow look is arranged. */
  async function idle(clock: ManualClock): Promise<void> {
    await live();
    while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve));
  }

  it('events are gathered for 50 ms, and for 120 at most', async () => {
    const clock = new ManualClock();
    const fake = new FakeWatch();
    start({ clock, watch: fake.watch });
    await idle(clock);
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1 }));
    clock.asked.length = 0;
    fake.fire(dir, 'a.yaml');
    for (let i = 0; i < 4; i++) {
      clock.advance(30);
      if (i < 3) fake.fire(dir, 'a.yaml');
    }
    expect(clock.asked).toEqual([50, 50, 50, 30]);
    await serves('x', 'fd00::1');
  });

  it('events of other entries of the parent do not wake it', async () => {
    const clock = new ManualClock();
    const fake = new FakeWatch();
    start({ clock, watch: fake.watch });
    await idle(clock);
    clock.asked.length = 0;
    fake.fire(root, 'neighbour');
    expect(clock.asked).toEqual([]);
    fake.fire(root, 'zones');
    expect(clock.asked).toEqual([50]);
  });

  it('without events the slow look finds edits', async () => {
    const clock = new ManualClock();
    const watch = () => {
      throw Object.assign(new Error('no more'), { code: 'ENOSPC' });
    };
    start({ clock, watch, poll: 3000 });
    await idle(clock);
    expect(problems()).toEqual([
      `${dir}: ${dir} cannot be watched (ENOSPC): podns sees edits only every 3 s`,
    ]);
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1 }));
    clock.advance(3000);
    await serves('x', 'fd00::1');
  });

  it('reload restates everything at once', async () => {
    const clock = new ManualClock();
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1 }));
    const source = start({ clock, watch: new FakeWatch().watch });
    await live();
    await writeFile(join(dir, 'a.yaml'), zone({ x: 2 }));
    sink.log.length = 0;
    void source.reload();
    await serves('x', 'fd00::2');
    expect(sink.log).toEqual(['begin full 2', 'put vpc a', 'put namespace a/n', 'put pod a/n/x', 'commit']);
  });

  it('close ends it, also while a commit is slow', async () => {
    let release = () => {};
    sink.beforeCommit = () => new Promise<void>((resolve) => (release = resolve));
    const source = start();
    await sink.until(() => sink.log.includes('begin full 1'));
    await source.close();
    release();
    const calls = sink.log.length;
    await writeFile(join(dir, 'a.yaml'), zone({ x: 1 }));
    await source.close();
    expect(sink.states).toEqual([]);
    expect(sink.log.length - calls).toBeLessThanOrEqual(1);
  });
});
