/** `/v1/find`: what fits and in which order, and that a search among many pods never holds others up. */
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { FIND_LIMITS, search, searchSteps, type Findings } from '../../src/admin/page/find.ts';
import { matchOf, matchSteps, typedText } from '../../src/admin/page/matching.ts';
import type { Pod, Resource, Service } from '../../src/model.ts';
import { Site } from './site.ts';
import { pod, records } from './world.ts';

describe('what was typed', () => {
  it.each([
    [' DB ', 'db'],
    ['db.shop.vpc.internal.', 'db.shop'],
    ['FDFD:01A8:0:0::1', 'fdfd:1a8::1'],
    ['fdfd:1a8', 'fdfd:1a8'],
    ['.vpc.internal', ''],
  ])('%j is compared as %j', (typed, text) => {
    expect(typedText(typed, 'vpc.internal')).toBe(text);
  });

  const web = pod('shop', 'web-0', '1', {
    names: ['web', 'www.example'],
    overlays: [{ overlay: 'default', ip4: '10.1.2.3', ip6: 'fd99::7', pinned: true }],
  }) as Pod;

  it.each([
    ['web', 0, 'web'],
    ['web-0', 0, 'web-0'],
    ['p0000000001', 0, 'p0000000001'],
    ['fdfd:1a8::1', 0, 'fdfd:1a8::1'],
    ['10.1.2.3', 0, '10.1.2.3'],
    ['fd99::7', 0, 'fd99::7'],
    ['web.shop', 0, 'web.shop'],
    ['shop/web-0', 0, 'shop/web-0'],
    ['aep/shop/web-0', 0, 'aep/shop/web-0'],
    ['10.1', 1, '10.1.2.3'],
    ['web-', 1, 'web-0'],
    ['eb-0', 2, 'web-0'],
    ['example', 2, 'www.example'],
    ['shop', 2, 'aep/shop/web-0'],
    ['aep', 2, 'aep/shop/web-0'],
  ])('%s fits as %i', (typed, rank, text) => {
    expect(matchOf(web, typed)).toEqual({ rank, text });
  });

  it('fits nothing else', () => {
    for (const typed of ['nosuch', '10.1.2.4', 'web-01', 'fdfd:1a8::2'])
      expect(matchOf(web, typed)).toBeUndefined();
  });
});

describe('the answer', () => {
  let site: Site;
  afterEach(() => site.close());
  const ask = (query: string): Promise<Response> => fetch(new URL(`/v1/find?${query}`, site.url));
  const paths = async (query: string): Promise<string[]> => {
    const { matches } = (await (await ask(query)).json()) as Findings;
    return matches.map(
      ({ resource: { kind, vpc, namespace, name } }) => `${kind} ${vpc}/${namespace}/${name}`,
    );
  };

  it('has the best first, then by path, and a service before the pod of its name', async () => {
    site = await new Site().start(records());
    expect(await paths('q=db')).toEqual(['pod aep/shop/db-0', 'pod aep/shop/db-1', 'pod other/shop/db']);
    expect(await paths('q=api')).toEqual(['service aep/shop/api', 'pod aep/shop/api']);
    expect(await paths('q=10.198.62.20')).toEqual(['pod aep/shop/db-0']);
    expect(await paths('q=p00000000d0')).toEqual(['pod aep/shop/db-0']);
    expect(await paths('q=fdfd:01a8::5')).toEqual(['pod aep/blog/app']);
    expect(await paths('q=blog')).toEqual(['pod aep/blog/app']);
    expect(await paths('q=nosuch')).toEqual([]);
    const limited = (await (await ask('q=aep&limit=2')).json()) as Findings;
    expect([limited.matches.length, limited.total, limited.compared]).toEqual([2, 7, 8]);
  });

  it.each([
    '',
    'q=',
    'q=+',
    `q=${'x'.repeat(321)}`,
    'q=a&q=b',
    'q=a&limit=0',
    'q=a&limit=101',
    'q=a&limit=x',
  ])('to %j is 400', async (query) => {
    site = await new Site().start();
    expect((await ask(query)).status).toBe(400);
  });
});

describe('a search that nobody waits for', () => {
  it('ends when its connection is closed', async () => {
    const site = await new Site().start();
    try {
      let isOver: () => void;
      const over = new Promise<void>((resolve) => (isOver = resolve));
      // Without an end of its own.
      vi.spyOn(site.server.catalog, 'effective').mockImplementation(function* () {
        try {
          for (;;) yield undefined;
        } finally {
          isOver();
        }
      });
      const stop = new AbortController();
      const asked = fetch(new URL('/v1/find?q=web', site.url), { signal: stop.signal });
      // Answered while the search goes on.
      expect((await fetch(new URL('/healthz', site.url))).status).toBe(200);
      stop.abort();
      await expect(asked).rejects.toThrow('aborted');
      await over;
    } finally {
      await site.close();
    }
  });
});

describe('a search among 100,000 pods', () => {
  let site: Site;
  const PODS = 100_000;
  beforeAll(async () => {
    const many: Resource[] = Array.from({ length: PODS }, (_, i) =>
      pod(`n${i % 1000}`, `web-${i}`, `${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}`, {
        aid: `p${i.toString(16).padStart(10, '0')}`,
        names: ['web'],
      }),
    );
    site = await new Site().start(many);
  });
  afterAll(() => site.close());

  it('takes slices of bounded work, also where all fit', () => {
    const { catalog } = site.server;
    for (const query of ['web', 'web-99999', 'nosuch']) {
      const found: Findings = { query, matches: [], total: 0, compared: 0 };
      let longest = 0;
      let sum = 0;
      for (const steps of searchSteps(catalog.effective(), found, 20, FIND_LIMITS.slice)) {
        longest = Math.max(longest, steps);
        sum += steps;
      }
      const one = matchSteps(pod('n', 'web-1', '1', { names: ['web'] }) as Pod | Service);
      expect(longest).toBeLessThan(FIND_LIMITS.slice + one);
      expect(sum).toBeGreaterThan(PODS);
      expect(found.compared).toBe(PODS);
      expect(found.total).toBe({ web: PODS, 'web-99999': 1, nosuch: 0 }[query]);
    }
  });

  it('lets others have their turn between slices, and answers from one state', async () => {
    let passes = 0;
    let isOver = false;
    const tick = (): void => void (passes++, isOver || setImmediate(tick));
    setImmediate(tick);
    const found = search(site.server, 'web-7', 3, () => true);
    // What changes meanwhile does not show in it.
    await site.server.apply({
      put: [pod('late', 'web-7', '9')],
      delete: [{ kind: 'pod', vpc: 'aep', namespace: 'n7', name: 'web-7' }],
    });
    const { matches, total } = (await found)!;
    isOver = true;
    expect(matches[0]!.resource).toMatchObject({ namespace: 'n7', name: 'web-7' });
    expect([matches.length, total]).toEqual([3, 11_111]);
    // Two texts a pod and more: so many slices at least, and a pass of the event loop for each.
    expect(passes).toBeGreaterThan((PODS * 2) / FIND_LIMITS.slice);
  });

  it('ends when nobody wants its answer any more', async () => {
    let asked = 0;
    expect(await search(site.server, 'web', 20, () => ++asked < 5)).toBeUndefined();
    expect(asked).toBe(5);
  });

  it('is one of a few at a time', async () => {
    const url = new URL('/v1/find?q=web', site.url);
    const answers = await Promise.all(
      Array.from({ length: FIND_LIMITS.searches * 2 }, async () => {
        const response = await fetch(url);
        await response.text();
        return response.status;
      }),
    );
    expect(answers.filter((status) => status === 200).length).toBeGreaterThanOrEqual(FIND_LIMITS.searches);
    expect(answers.filter((status) => status === 503).length).toBeGreaterThan(0);
    expect((await fetch(url)).status).toBe(200);
  });
});
