/** The figures that count: verdicts on figures of which each is made up, and what other pages say about them. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BENCH = new URL('../../bench/', import.meta.url);

interface Verdict {
  figure: string;
  verdict: string;
  value?: number;
  half?: [number, number];
  reach: number;
  beside?: string;
  reason?: string;
}

/** The benches are plain JavaScript, and read from where they lie. */
const { GOALS, judge, judgeAll } = (await import(new URL('goals.mjs', BENCH).href)) as {
  GOALS: { figure: string; chapter: string }[];
  judge(goal: object, files: object): Verdict;
  judgeAll(files: object): Verdict[];
};
const { CHAPTERS } = (await import(new URL('chapters.mjs', BENCH).href)) as {
  CHAPTERS: { name: string; file: string; bench: string }[];
};
const { CLAIMS, MARKED, withClaims } = (await import(new URL('claims.mjs', BENCH).href)) as {
  CLAIMS: Record<string, { page: string; text(files: object): string | undefined }>;
  MARKED: RegExp;
  withClaims(page: string, files: object): string;
};
const { goalsData, goalsMarkdown } = (await import(new URL('goals-report.mjs', BENCH).href)) as {
  goalsData(files: object): { runs: unknown[]; goals: Verdict[] };
  goalsMarkdown(data: object): string;
};

const scratch = mkdtempSync(join(tmpdir(), 'podns-goals-'));
afterAll(() => rmSync(scratch, { recursive: true }));

function of(figure: string, files: object): Verdict {
  const goal = GOALS.find((one) => one.figure === figure);
  if (goal === undefined) throw new Error(`there is no figure ${figure}`);
  return judge(goal, files);
}

const on = { date: '2026-01-02T03:04:05Z', kernel: '6.1', cpu: 'some CPU', node: 'v20' };
const summary = (median: number): object => ({ median, half: [median * 0.9, median * 1.1], rounds: 9 });
const core = (label: string, ratios: object): object => ({
  ...{
    core: { ...on, missing: [], ratiosOf: { [label]: ratios }, halvesOf: { [label]: { gdnsd: [0.8, 0.9] } } },
  },
});

describe('a verdict', () => {
  it('is strict where the figure has to be below', () => {
    const figure = 'CPU a query ÷ gdnsd, IPv6, 1,000 pods';
    expect(of(figure, core('udp6 1000', { gdnsd: 0.999 })).verdict).toBe('pass');
    expect(of(figure, core('udp6 1000', { gdnsd: 1 })).verdict).toBe('miss');
    expect(of(figure, core('udp6 1000', { gdnsd: 0.85 })).half).toEqual([0.8, 0.9]);
  });

  it('passes what reaches it exactly, in both directions', () => {
    expect(of('CPU a query ÷ nsd, IPv4, 100,000 pods', core('udp4 100000', { nsd: 0.88 })).verdict).toBe(
      'pass',
    );
    expect(of('CPU a query ÷ nsd, IPv4, 100,000 pods', core('udp4 100000', { nsd: 0.881 })).verdict).toBe(
      'miss',
    );
    const kept = (value: number): object => ({ core: { ...on, updates: [{ rate: 10_000, kept: value }] } });
    const figure = 'queries a second under 10,000 changes a second ÷ without';
    expect(of(figure, kept(0.92)).verdict).toBe('pass');
    expect(of(figure, kept(0.919)).verdict).toBe('miss');
  });

  it('takes each figure from its own family and size', () => {
    const files = core('udp4 1000', { loop: 1.01 });
    const measured = judgeAll(files).filter(({ value }) => value !== undefined);
    expect(measured.map(({ figure }) => figure)).toEqual(['CPU a query ÷ the bare loop, IPv4, 1,000 pods']);
  });

  it('turns microseconds into changes a second, and their spread with them', () => {
    const { value, half, verdict } = of('changes a second, one core, saved view on', {
      changes: { ...on, microseconds: { median: 5, half: [4, 8], rounds: 9 } },
    });
    expect({ value, half, verdict }).toEqual({ value: 200_000, half: [125_000, 250_000], verdict: 'pass' });
  });

  it('compares memory with gdnsd of the same run, and only with a million pods', () => {
    const figure = 'resident, 1,000,000 pods; the reach is gdnsd';
    const loaded = (pods: number, ...names: string[]): object => ({
      memory: {
        ...on,
        loaded: {
          pods,
          missing: [
            'gdnsd with 1000000 pods: ended with 127 while it loaded; to have it: apt-get install gdnsd',
          ],
          servers: names.map((name) => ({
            name,
            mebibytes: summary(name === 'podns' ? 210 : 220),
            seconds: summary(3),
          })),
        },
      },
    });
    expect(of(figure, loaded(1e6, 'podns', 'gdnsd'))).toMatchObject({
      value: 210,
      reach: 220,
      verdict: 'pass',
    });
    expect(of(figure, loaded(1e5, 'podns', 'gdnsd')).verdict).toBe('not measured');
    expect(of(figure, loaded(1e6, 'podns'))).toMatchObject({
      verdict: 'not measured',
      reason: expect.stringContaining('apt-get install gdnsd'),
    });
  });

  it('reads times until an answer from the rounds, where there are rounds', () => {
    const figure = 'from a line to its answer over UDP, 1,000 changes a second, p99';
    const whole = { p50: 0.1, p99: 3 };
    expect(of(figure, { watch: { ...on, propagation: whole } }).value).toBe(3);
    const rounds = { p50: summary(0.1), p99: summary(0.9) };
    expect(of(figure, { watch: { ...on, propagation: { ...whole, rounds } } })).toMatchObject({
      ...{ value: 0.9, verdict: 'pass' },
    });
  });

  it('reads a start from the newest form of the saved view, in seconds', () => {
    const figure = 'start to first answer, 100,000 pods from the saved view';
    const of100k = (from: string, firstAnswerMs: number): object => ({ pods: 100_000, from, firstAnswerMs });
    const starts = [
      { pods: 100, from: 'image', firstAnswerMs: 240 },
      of100k('before', 100),
      of100k('records', 900),
      { ...of100k('image', 400), firstAnswerMsHalf: [390, 420] },
      { pods: 1e6, from: 'image', firstAnswerMs: 3001 },
    ];
    for (const start of [starts, { ...on, starts }]) {
      expect(of(figure, { start })).toMatchObject({ value: 0.4, half: [0.39, 0.42], verdict: 'pass' });
      expect(of('start to first answer, 1,000,000 pods from the saved view', { start }).verdict).toBe('miss');
      // Few pods stand for the demonstration, until it is measured itself.
      const demo = 'start to first answer, the demonstration';
      expect(of(demo, { start })).toMatchObject({ value: 0.24, beside: '100 pods out of a saved view' });
      const both = [...starts, { name: 'the demonstration', pods: 8, firstAnswerMs: 250 }];
      expect(of(demo, { start: both })).toMatchObject({ value: 0.25, verdict: 'pass', beside: undefined });
    }
    expect(of(figure, { start: { ...on, starts: [of100k('before', 1)] } }).verdict).toBe('not measured');
    expect(of(figure, { start: { ...on, starts: 'none' } }).verdict).toBe('not measured');
  });
});

describe('what was not measured', () => {
  it('is every figure of an empty folder, with the bench that measures it', () => {
    const verdicts = judgeAll({});
    expect(verdicts).toHaveLength(GOALS.length);
    for (const { verdict, reason } of verdicts)
      expect(`${verdict}: ${reason}`).toMatch(/^not measured: `node bench\/[a-z]+\.mjs` has left nothing$/);
  });

  it('has the words of a bench that failed, of a missing server, and of a quick run', () => {
    const figure = 'CPU a query ÷ nsd, IPv6, 100,000 pods';
    expect(of(figure, { core: { ...on, failed: 'Error: no port' } }).reason).toBe(
      '`node bench/run.mjs` failed: Error: no port',
    );
    const missing = ['nsd with 1000 pods: ended with 127 while it loaded; to have it: apt-get install nsd'];
    expect(of(figure, { core: { ...on, missing, ratiosOf: {} } }).reason).toBe(missing[0]);
    const quick = { core: { ...on, run: { id: 'x', quick: true }, missing: [], ratiosOf: {} } };
    expect(of('CPU a query ÷ nsd, IPv6, 100,000 pods', quick).reason).toContain('has no such figure');
    expect(of('CPU a query ÷ gdnsd, IPv6, 1,000,000 pods', quick).reason).toBe(
      'a quick run has 100,000 pods only',
    );
  });

  it('says who has not kept up', () => {
    const medians = { 'latency6 100000': { podns: { share: 0.99 }, nsd: { share: 0.7 } } };
    const { verdict, reason } = of('CPU a query ÷ nsd, at 20,000 queries a second', {
      core: { ...on, missing: [], ratiosOf: { 'latency6 100000': {} }, medians },
    });
    expect(`${verdict}: ${reason}`).toMatch(/^not measured: nsd has answered 70 % of them only/);
  });

  it('counts as no miss where a figure is no number', () => {
    expect(of('CPU a query ÷ nsd, IPv6, 100,000 pods', core('udp6 100000', { nsd: NaN })).verdict).toBe(
      'not measured',
    );
  });
});

describe('the chapter', () => {
  it('says of which run its figures are', () => {
    const run = { id: '2026-01-02T00:00:00Z', quick: false };
    const one = { core: { ...on, run, missing: [] }, changes: { ...on, run, microseconds: summary(5) } };
    expect(goalsMarkdown(goalsData(one))).toContain('All of one run, 2026-01-02, some CPU');
    const two = { ...one, changes: { ...one.changes, run: { ...run, id: 'other' }, cpu: 'another CPU' } };
    expect(goalsMarkdown(goalsData(two))).toContain('Not of one run');
    const quick = { core: { ...one.core, run: { ...run, quick: true } } };
    expect(goalsMarkdown(goalsData(quick))).toContain('A quick run');
  });

  it('shows figure, spread, reach and verdict', () => {
    const page = goalsMarkdown(goalsData({ changes: { ...on, microseconds: { median: 5, half: [4, 8] } } }));
    expect(page).toContain(
      '| changes a second, one core, saved view on | 200,000 | 125,000 to 250,000 | ≥ 150,000 | **pass** |',
    );
    expect(page).toContain(`1 pass, 0 miss, ${GOALS.length - 1} were not measured`);
  });
});

describe('all benches', () => {
  it('are known by name, and an unknown name is refused before anything runs', () => {
    const all = fileURLToPath(new URL('all.mjs', BENCH));
    const { status, stderr } = spawnSync(process.execPath, [all, '--only', 'core,cor', '--to', scratch], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([2, expect.stringContaining('there is no chapter cor;')]);
    expect(readdirSync(scratch)).toEqual([]);
    const preface = readFileSync(new URL('preface.md', BENCH), 'utf8');
    for (const { name } of CHAPTERS) expect(preface).toContain(`\`${name}\``);
  });

  it('leave the page and the verdicts where they are told to, and the reason of one that fails', () => {
    // A bench without bash, its first need, fails at once; nothing else is run.
    const folder = join(scratch, 'failed');
    const all = fileURLToPath(new URL('all.mjs', BENCH));
    const { status, stderr } = spawnSync(
      process.execPath,
      [all, '--quick', '--only', 'commands', '--to', folder],
      { encoding: 'utf8', env: { ...process.env, PATH: scratch } },
    );
    expect([status, stderr]).toEqual([1, expect.stringContaining('bash is needed: apt-get install bash')]);
    const goals = JSON.parse(readFileSync(join(folder, 'benchmarks-goals.json'), 'utf8')) as {
      goals: Verdict[];
    };
    expect(goals.goals.find(({ figure }) => figure === 'CPU of `podns --version`')).toMatchObject({
      verdict: 'not measured',
      reason: expect.stringContaining('bash is needed'),
    });
    expect(readFileSync(join(folder, 'benchmarks.md'), 'utf8')).toContain('bash is needed');
  });
});

describe('other pages', () => {
  const files = Object.fromEntries(
    CHAPTERS.map(({ name, file }) => {
      const path = join(ROOT, 'docs', file);
      return [name, existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as unknown) : undefined];
    }),
  );
  const pages = [...new Set(Object.values(CLAIMS).map(({ page }) => page))];

  it.each(pages)('%s says what the figures in docs make', (page) => {
    const text = readFileSync(join(ROOT, page), 'utf8');
    expect(withClaims(text, files)).toBe(text);
    const here = Object.keys(CLAIMS).filter((name) => CLAIMS[name]!.page === page);
    expect([...text.matchAll(MARKED)].map(([, name]) => name).sort()).toEqual(here.sort());
  });

  it('would say something else with other figures', () => {
    const text = readFileSync(join(ROOT, 'docs/scale.md'), 'utf8');
    const memory = {
      loaded: { pods: 1e6, missing: [], servers: [{ name: 'podns', mebibytes: summary(123) }] },
    };
    expect(withClaims(text, { memory })).toContain('<!-- figure resident-million -->123 MiB<!-- /figure -->');
  });

  it('make no mark that nobody fills', () => {
    const marked = ['README.md', ...readdirSync(join(ROOT, 'docs')).map((name) => `docs/${name}`)].filter(
      (page) => page.endsWith('.md') && readFileSync(join(ROOT, page), 'utf8').includes('<!-- figure '),
    );
    expect(marked.sort()).toEqual(pages.sort());
  });
});

it('keeps the verdicts in docs as the figures there make them', () => {
  const folder = mkdtempSync(join(scratch, 'docs-'));
  for (const { file } of CHAPTERS) {
    const path = join(ROOT, 'docs', file);
    if (existsSync(path)) copyFileSync(path, join(folder, file));
  }
  const page = fileURLToPath(new URL('page.mjs', BENCH));
  writeFileSync(join(folder, 'benchmarks-goals.json'), '{}');
  expect(spawnSync(process.execPath, [page, folder], { encoding: 'utf8' })).toMatchObject({ status: 0 });
  const made = readFileSync(join(folder, 'benchmarks-goals.json'), 'utf8');
  expect(made).toBe(readFileSync(join(ROOT, 'docs/benchmarks-goals.json'), 'utf8'));
});
