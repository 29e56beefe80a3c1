/** A zone file that is empty, cut or unreadable: what it held stays while the file exists, also what was saved of it. */
import { mkdir, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { problemText } from '../../src/model.ts';
import type { ResourceKey, Source } from '../../src/model.ts';
import { readZones } from '../../src/source/zones/zone-dir.ts';
import { zones } from '../../src/source/zones/zones.ts';
import { MapSink } from './map-sink.ts';

const WHOLE =
  'vpc: a\nnamespaces:\n  n:\n    pods:\n      x: { ip6: "fd00::1" }\n      y: { ip6: "fd00::2" }\n';

/** A sink of which an earlier run has saved something. */
class SavedSink extends MapSink {
  saved: ResourceKey[] = [];
  override savedIn(): Promise<ResourceKey[]> {
    return Promise.resolve(this.saved);
  }
}

let dir: string;
let file: string;
let sink: SavedSink;
const sources: Source[] = [];

beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'podns-remains-')), 'zones');
  await mkdir(dir);
  file = join(dir, 'a.yaml');
  sink = new SavedSink();
});
afterEach(async () => {
  for (const source of sources.splice(0)) await source.close();
  await rm(join(dir, '..'), { recursive: true });
  expect(sink.violations).toEqual([]);
});

function start(): void {
  const source = zones(dir, { poll: 3_600_000 });
  sources.push(source);
  source.start(sink);
}

const pods = (): string[] => [...sink.visible.keys()].filter((key) => key.startsWith('pod ')).sort();
const problems = (): string[] => [...sink.standing.values()].flat().map(problemText);
const BOTH = ['pod a/n/x', 'pod a/n/y'];

async function begin(): Promise<void> {
  await writeFile(file, WHOLE);
  start();
  await sink.until(() => sink.lastState === 'live');
}

describe('a file that held pods', () => {
  it.each([
    ['is emptied', '', 'the file is empty'],
    ['is reduced to a comment', '# soon\n', 'the file is empty'],
    ['is cut inside a line', WHOLE.slice(0, -8), 'Missing closing'],
    [
      'is cut where it still parses',
      WHOLE.slice(0, WHOLE.indexOf(': { ip6: "fd00::2"')) + ':',
      'has no line end',
    ],
    ['is cut after its first lines', 'vpc: a\nnamespaces:\n', 'holds no pods, services or overlays any more'],
    ['is cut after its first line', 'vpc: a\n', 'holds no pods, services or overlays any more'],
  ])('%s: they stay, and it is a problem until it is whole', async (_, text, reason) => {
    await begin();
    await writeFile(file, text);
    await sink.until(() => sink.standing.size > 0);
    expect(pods()).toEqual(BOTH);
    expect(problems()[0]).toContain(reason);
    expect(problems()[0]).toContain('podns serves the last good state of the file');
    expect([...sink.standing.values()].flat()[0]).toMatchObject({ kind: 'file' });
    expect([...sink.standing.values()].flat()[0]).not.toHaveProperty('unserved');
    await writeFile(file, WHOLE.replace(/ {6}y:.*\n/, ''));
    await sink.until(() => pods().length === 1);
    await sink.until(() => sink.standing.size === 0);
  });

  it('may be emptied on purpose: by a map that says so, or by removing the file', async () => {
    await begin();
    await writeFile(file, 'vpc: a\nnamespaces: {}\n');
    await sink.until(() => pods().length === 0);
    expect(problems()).toEqual([]);
    await writeFile(file, WHOLE);
    await sink.until(() => pods().length === 2);
    await unlink(file);
    await sink.until(() => sink.visible.size === 0);
  });

  it('may lose pods one by one, and its last line end where nothing else goes', async () => {
    await begin();
    await writeFile(file, WHOLE.trimEnd());
    await writeFile(join(dir, 'b.yaml'), 'vpc: b\n');
    await sink.until(() => sink.visible.has('vpc b'));
    expect(problems()).toEqual([]);
  });
});

describe('a file that cannot be read at the start', () => {
  const KEYS: ResourceKey[] = [
    { kind: 'vpc', vpc: 'a', namespace: '', name: '' },
    { kind: 'namespace', vpc: 'a', namespace: 'n', name: '' },
    { kind: 'pod', vpc: 'a', namespace: 'n', name: 'x' },
    { kind: 'pod', vpc: 'a', namespace: 'n', name: 'y' },
  ];

  async function restarted(text: string): Promise<void> {
    await begin();
    await sources.pop()!.close();
    sink.saved = KEYS;
    sink.log.length = 0;
    await writeFile(file, text);
    start();
    await sink.until(() => sink.log.includes('state live'));
  }

  it.each([
    ['broken', 'vpc: ['],
    ['empty', ''],
    ['cut', 'vpc: a\nnamespaces:\n'],
  ])('and is %s goes on with what was saved of it', async (_, text) => {
    await restarted(text);
    expect(pods()).toEqual(BOTH);
    expect(problems()[0]).toContain('podns serves the last good state of the file');
    await writeFile(file, WHOLE.replace(/ {6}y:.*\n/, ''));
    await sink.until(() => pods().length === 1);
    expect(pods()).toEqual(['pod a/n/x']);
    await unlink(file);
    await sink.until(() => pods().length === 0);
  });

  it('leaves its resources to a file that has them now', async () => {
    await writeFile(join(dir, 'b.yaml'), WHOLE.replace('fd00::2', 'fd00::9'));
    await restarted('vpc: [');
    expect(sink.visible.get('pod a/n/y')).toMatchObject({ ip6: 'fd00::9' });
  });

  it('and was never saved is told as served by nothing', async () => {
    await writeFile(file, '');
    await writeFile(join(dir, 'b.yaml'), WHOLE);
    start();
    await sink.until(() => sink.lastState === 'live');
    expect(pods()).toEqual(BOTH);
    expect([...sink.standing.values()].flat()).toMatchObject([{ kind: 'file', unserved: true }]);
    expect(await readFile(file, 'utf8')).toBe('');
  });
});

it('is warned of by check when it is empty', async () => {
  await writeFile(file, '# nothing yet\n');
  const { problems: found } = readZones(dir);
  expect(found.map(({ severity, reason }) => [severity, reason])).toEqual([
    ['warning', 'the file is empty: a server that has served more of it keeps its last good state'],
  ]);
});
