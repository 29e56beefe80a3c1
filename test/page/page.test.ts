/** The page in Chromium: what it shows, by mouse and by keyboard, in light and dark and on a phone, and what it never does. */
import { createSocket } from 'node:dgram';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { axeFindings, launch, openPage, PHONE, type OpenPage } from './browser.ts';
import { Site } from './site.ts';
import { pod, records } from './world.ts';

const reason = missingTools(['chromium']);
/** Where pictures go for whoever wants to see them. */
const PICTURES = process.env['PODNS_TEST_PICTURES'] ?? '';

let browser: Browser;
let site: Site;
const opened: OpenPage[] = [];

async function open(hash = '', options: BrowserContextOptions = {}): Promise<Page> {
  const one = await openPage(browser, `${site.url}${hash}`, options);
  opened.push(one);
  return one.page;
}

/** Instead of what the server has. */
async function pretend(page: Page, path: string, status: number, body: unknown): Promise<void> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  await page.route(
    (url) => url.pathname === path,
    (route) => route.fulfill({ status, body: text }),
  );
}

const textOf = (page: Page, selector: string): Promise<string> => page.locator(selector).innerText();
/** Resolves when a part of the page has that text. */
const until = (page: Page, selector: string, text: string | RegExp): Promise<void> =>
  page.locator(selector).filter({ hasText: text }).first().waitFor();
const focused = (page: Page): Promise<string> =>
  page.evaluate('document.activeElement.id || document.activeElement.textContent.trim()') as Promise<string>;
const evaluated = <T>(page: Page, script: string): Promise<T> => page.evaluate(script) as Promise<T>;

async function picture(page: Page, name: string): Promise<void> {
  if (PICTURES === '') return;
  mkdirSync(PICTURES, { recursive: true });
  await evaluated(page, 'scrollTo(0, 0)');
  await page.screenshot({ path: join(PICTURES, `${name}.png`), fullPage: true });
  // The one of docs/page.md: `light.jpg`.
  await page.screenshot({ path: join(PICTURES, `${name}.jpg`), quality: 60 });
}

async function chooseDb(page: Page): Promise<void> {
  await page.fill('#find-text', 'db-0');
  await page.click('#find-list a');
  await until(page, '#card-heading', 'Pod aep/shop/db-0');
  await until(page, '#card-body', 'Who can see it');
}

/** What an explanation looks like. */
const EXPLAINED = {
  question: { name: 'db.', type: 'AAAA' },
  client: 'aep/shop/web at fdfd:1a8::3',
  steps: [{ text: 'The name has no dot.' }],
  candidates: [],
  answer: { rcode: 'NOERROR', records: ['db. 1 IN AAAA fdfd:1a8::1'], ede: null },
  text: 'You are shop/web.\n  The name db is a name of your namespace.',
};

const PROBLEM = {
  kind: 'conflict',
  subject: 'pod aep/shop/db-0',
  text: 'two pods claim 10.198.62.20',
  remedy: 'give one of them another address',
  since: '2026-11-28T10:00:00Z',
};

/** Markup, a script, and marks that turn the direction of text. */
const HOSTILE =
  '<img src=x onerror="document.title=\'taken\'"><script>document.title="taken"</script>\u202e\u0007&amp;';

/** Queries of which two in three are answered with records, until the returned function is called. */
function keepAsking(port: number): () => void {
  const socket = createSocket('udp4');
  let count = 0;
  const timer = setInterval(() => {
    const name = count++ % 3 === 0 ? 'nosuch' : 'db';
    socket.send(encodeQuery({ id: count & 0xffff, name, type: 'AAAA' }), port, '127.0.0.1');
  }, 20);
  return () => {
    clearInterval(timer);
    socket.close();
  };
}

if (reason !== undefined) skipAloud('the page in Chromium', reason);
else {
  // A browser on a machine that does other work beside it takes its time.
  vi.setConfig({ testTimeout: 180_000 });
  beforeAll(async () => void (browser = await launch()));
  afterAll(() => browser.close());
  afterEach(async () => {
    // No test ends with a request that left the origin, an error of a script, or a breach of the policy.
    const faults = opened.splice(0);
    expect(faults.flatMap(({ strangers, errors }) => [...strangers, ...errors])).toEqual([]);
    for (const { page } of faults) await page.context().close();
    await site.close();
  });

  describe('at the top', () => {
    it('it says that the server is ready, and that nothing stands wrong', async () => {
      site = await new Site({ nodeName: 'node-7' }).start(records());
      const page = await open();
      await until(page, '#ready', '✓ Ready');
      await until(page, '#problems-count', 'Nothing stands wrong.');
      expect(await textOf(page, '#node')).toBe('node-7');
    });

    it('it says what is not ready, and when the server does not answer any more', async () => {
      site = await new Site({ watch: ['http://127.0.0.1:9/v1/watch'] }).start();
      const page = await open();
      await until(page, '#ready', /✗ Not ready: .*watch:http:\/\/127\.0\.0\.1:9/);
      await page.route('**/v1/status', (route) => route.abort());
      await until(page, '#ready', '✗ No news: the server does not answer. What follows is old.');
    });

    it('it shows the problems of /v1/problems with their remedies, and without that list those of the status', async () => {
      site = await new Site().start([...records(), pod('shop', 'twin', '5', { aid: 'p-twin' })]);
      const page = await open();
      await pretend(page, '/v1/problems', 404, 'nothing here\n');
      await page.reload();
      await until(page, '#problems-list li', 'fdfd:1a8::5');
      const other = await open();
      await pretend(other, '/v1/problems', 200, {
        problems: [PROBLEM, { kind: 'limit', severity: 'warning', text: 'it is full' }],
        more: 3,
      });
      await other.reload();
      await until(other, '#problems-count', '5 problems stand.');
      expect(await textOf(other, '#problems-list li:last-child')).toBe('3 more are not listed');
      expect(await textOf(other, '#problems-list li:first-child')).toMatch(
        /conflict\s*pod aep\/shop\/db-0\s*two pods .*\s*What helps: give one .*\s*Since .*\d\d:\d\d:00/,
      );
    });
  });

  describe('find', () => {
    it('finds as one types, and goes from the field to the card and to the explanation by keyboard alone', async () => {
      site = await new Site().start(records());
      const page = await open();
      await until(page, '#ready', 'Ready');
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('Skip to finding a pod');
      await page.keyboard.press('Enter');
      await page.locator('#find-text:focus').waitFor();
      await page.keyboard.type('db');
      await until(page, '#find-count', '3 matches for “db”.');
      await page.keyboard.press('ArrowDown');
      expect(await focused(page)).toBe('aep/shop/db-0');
      await page.keyboard.press('ArrowDown');
      expect(await focused(page)).toBe('aep/shop/db-1');
      await page.keyboard.press('ArrowUp');
      await page.keyboard.press('ArrowUp');
      expect(await focused(page)).toBe('find-text');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.locator('#card-heading:focus').waitFor();
      await until(page, '#card-body', 'Overlay storage');
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('why?');
      await pretend(page, '/v1/explain', 200, EXPLAINED);
      await page.keyboard.press('Enter');
      await page.locator('#explain-heading:focus').waitFor();
      await until(page, '#explain-body', 'You are shop/web.');
      for (const field of [
        'explain-name',
        'explain-type',
        'explain-from',
        'explain-vpc',
        'explain-operator',
      ]) {
        await page.keyboard.press('Tab');
        expect(await focused(page)).toBe(field);
      }
      await page.keyboard.press('Tab');
      expect(await focused(page)).toBe('Explain');
    });

    it('asks anew for each pause of the typist among 100,000 pods, and shows what was typed last', async () => {
      const many = Array.from({ length: 100_000 }, (_, i) =>
        pod(`n${i % 100}`, `web-${i}`, `${(i >>> 16).toString(16)}:${(i & 0xffff).toString(16)}`, {
          aid: `p${i.toString(16).padStart(10, '0')}`,
        }),
      );
      site = await new Site().start(many);
      const page = await open('#/find');
      await until(page, '#ready', 'Ready');
      await page.locator('#find-text').pressSequentially('web-99999', { delay: 150 });
      await until(page, '#find-count', '1 match for “web-99999”.');
      expect(await textOf(page, '#find-list')).toContain('aep/n99/web-99999');
      await page.fill('#find-text', 'web');
      await until(page, '#find-count', '100\u202f000 matches for “web”, the first 20 are shown.');
      await page.fill('#find-text', 'fdfd:01a8::1:86a0');
      await until(page, '#find-count', 'Nothing is known by “fdfd:01a8::1:86a0”.');
      await page.fill('#find-text', '');
      await page.locator('#find-list:empty').waitFor({ state: 'attached' });
    });
  });

  describe('explain', () => {
    it('has an address that shows the same again, elsewhere', async () => {
      site = await new Site().start(records());
      const page = await open();
      await pretend(page, '/v1/explain', 200, EXPLAINED);
      const asked = page.waitForRequest((request) => request.url().includes('/v1/explain'));
      await page.fill('#explain-name', 'db');
      await page.fill('#explain-from', 'shop/web');
      await page.fill('#explain-vpc', 'aep');
      await page.check('#explain-operator');
      await page.click('#explain-form button');
      const { searchParams } = new URL((await asked).url());
      expect(Object.fromEntries(searchParams)).toEqual({
        name: 'db',
        type: 'AAAA',
        from: 'shop/web',
        vpc: 'aep',
        operator: '1',
      });
      await until(page, '#explain-status', 'Answer: NOERROR, 1 record.');
      expect(await textOf(page, '#explain-body')).toContain('aep/shop/web at fdfd:1a8::3');
      expect(await textOf(page, '#explain-body .prose')).toBe(EXPLAINED.text);
      const address = await page.locator('#explain-address').getAttribute('href');
      expect(address).toBe('#/explain?name=db&type=AAAA&from=shop/web&vpc=aep&operator=1');
      const other = await open();
      await pretend(other, '/v1/explain', 200, {
        ...EXPLAINED,
        text: undefined,
        client: {
          address: 'fdfd:1a8::3',
          listener: '[::]:53@aep',
          vpc: 'aep',
          pod: 'shop/web',
          found: ['by address'],
        },
        reading: [{ rule: 'own', fits: true, text: 'a name of namespace shop' }],
        steps: undefined,
        reasons: [{ code: 1, text: 'it is ready' }],
        candidates: [
          { kind: 'pod', name: 'shop/db-0', taken: true, why: null, addresses: [{ address: 'fdfd:1a8::1' }] },
          { kind: 'pod', name: 'shop/db-1', taken: false, why: 'not ready', addresses: [] },
        ],
        answer: {
          rcode: null,
          outcome: 'held',
          records: [],
          ede: { code: 14, purpose: 'Not Ready', text: 'wait' },
        },
        near: [{ name: 'db.blog', text: 'it is in blog' }],
      });
      await other.goto(`${site.url}${address}`);
      await until(other, '#explain-status', 'Answer: held, no records.');
      expect((await textOf(other, '#explain-body')).split(/\s*\n\s*/)).toEqual([
        'Asked by',
        'aep/shop/web at fdfd:1a8::3, asking [::]:53@aep. by address',
        'Extended error',
        '14 (Not Ready): wait',
        'How the name was read',
        '✓ a name of namespace shop',
        'Why',
        'it is ready',
        'Candidates',
        '✓ pod shop/db-0, fdfd:1a8::1',
        '✗ pod shop/db-1: not ready',
        'Did you mean',
        'db.blog: it is in blog',
      ]);
      expect(await other.locator('#explain-from').inputValue()).toBe('shop/web');
    });

    it('says in a sentence when it is not answered', async () => {
      site = await new Site().start(records());
      const page = await open();
      await pretend(page, '/v1/explain', 404, 'nothing here\n');
      await page.goto(`${site.url}#/explain?name=db&from=shop/web`);
      await until(page, '#explain-status', 'This server cannot explain: its version has no /v1/explain.');
      const other = await open();
      await pretend(other, '/v1/explain', 404, 'no pod shop/nosuch; did you mean shop/web?\n');
      await other.goto(`${site.url}#/explain?name=db&from=shop/nosuch&type=type65`);
      await until(other, '#explain-status', 'Not explained: no pod shop/nosuch; did you mean shop/web?');
      expect(await other.locator('#explain-type').inputValue()).toBe('TYPE65');
    });
  });

  describe('sources, traffic and events', () => {
    it('show what happens while it happens', async () => {
      site = await new Site().start(records());
      await site.server.listen('127.0.0.1:0');
      const page = await open();
      await until(page, '#events-status', 'Listening.');
      await until(page, '#sources-list', /api\s*live/);
      await site.server.apply({ put: [pod('shop', 'fresh', '77')] });
      await until(page, '#events-list li', /put pod aep\/shop\/fresh api/);
      await page.click('#events-pause');
      await site.server.apply({ delete: [{ kind: 'pod', vpc: 'aep', namespace: 'shop', name: 'fresh' }] });
      await until(page, '#sources-list', /Changes\s*14,/);
      expect(await textOf(page, '#events-list')).not.toContain('delete');
      await page.click('#events-pause');
      await until(page, '#events-list li', /delete pod aep\/shop\/fresh/);
      await until(page, '.legend', /udp: 0/);
      expect(await page.locator('.plot canvas').count()).toBe(1);
      expect(await textOf(page, '#plots')).toContain('No change has come from a source');
      expect(await page.locator('.plot').first().getAttribute('aria-label')).toMatch(
        /Queries per second, now: .*udp 0/,
      );
    });

    it('plot the metrics of CoreDNS by preference', async () => {
      site = await new Site().start(records());
      const page = await open();
      let asked = 0;
      await page.route('**/metrics', (route) => {
        const n = asked++;
        const lines = [
          `coredns_dns_requests_total{proto="udp"} ${n * 1e6}`,
          `coredns_dns_responses_total{rcode="NXDOMAIN"} ${n * 1e5}`,
          `coredns_dns_request_duration_seconds_bucket{le="0.001"} ${n * 100}`,
          `coredns_dns_request_duration_seconds_bucket{le="+Inf"} ${n * 100}`,
          `podns_packets_received_total{proto="tcp"} ${n}`,
        ];
        return route.fulfill({ body: `${lines.join('\n')}\n` });
      });
      await until(page, '.legend', /NXDOMAIN: \d/);
      await until(page, '.legend', /half within: \d+ µs/);
      expect(await textOf(page, '#plots')).toContain('udp: ');
      expect(await textOf(page, '#plots')).not.toContain('tcp: ');
    });
  });

  it('shows hostile text as text, wherever it comes from', async () => {
    site = await new Site().start(records());
    const page = await open();
    const source = {
      name: HOSTILE,
      state: 'lost',
      reason: HOSTILE,
      revision: HOSTILE,
      problems: [{ text: HOSTILE }],
    };
    await pretend(page, '/v1/status', 200, {
      ready: false,
      reasons: [HOSTILE],
      node: HOSTILE,
      sources: [source],
    });
    await pretend(page, '/v1/problems', 200, {
      problems: [{ kind: HOSTILE, subject: HOSTILE, text: HOSTILE, remedy: HOSTILE, since: HOSTILE }],
    });
    const resource = {
      kind: 'pod',
      vpc: HOSTILE,
      namespace: HOSTILE,
      name: HOSTILE,
      aid: HOSTILE,
      ip6: HOSTILE,
    };
    await pretend(page, '/v1/find', 200, { matches: [{ match: { text: HOSTILE }, resource }], total: 1 });
    const overlays = [{ overlay: HOSTILE, ip4: HOSTILE }];
    await pretend(page, '/v1/card', 200, {
      resource: { ...resource, overlays, ports: [{ name: HOSTILE }] },
      name: HOSTILE,
      provenance: { source: HOSTILE, revision: HOSTILE, place: HOSTILE, shadowed: [HOSTILE] },
      bearers: [{ name: HOSTILE, pods: 2, ready: 1, services: 1 }],
      overlays: [{ name: HOSTILE, driver: HOSTILE, net4: HOSTILE }],
      pods: { namespace: 1, vpc: 2 },
      views: [
        {
          where: HOSTILE,
          from: HOSTILE,
          answers: [{ name: HOSTILE, type: HOSTILE, rcode: HOSTILE, data: [HOSTILE], errors: [HOSTILE] }],
        },
      ],
    });
    await pretend(page, '/v1/explain', 200, {
      client: { text: HOSTILE },
      answer: { rcode: HOSTILE },
      text: HOSTILE,
    });
    const event = { time: HOSTILE, type: HOSTILE, source: HOSTILE, object: { ...resource, kind: HOSTILE } };
    await pretend(
      page,
      '/v1/events',
      200,
      `${JSON.stringify(event)}\n${JSON.stringify({ type: 'problem', state: HOSTILE, problem: { subject: HOSTILE, text: HOSTILE } })}\n`,
    );
    await page.route('**/metrics', (route) =>
      route.fulfill({ body: `podns_packets_received_total{proto=${JSON.stringify(HOSTILE)}} 1\n` }),
    );
    await page.reload();
    await page.fill('#find-text', HOSTILE);
    await page.click('#find-list a');
    await until(page, '#card-body', 'Who can see it');
    await page.click('#card-body .views a');
    await until(page, '#explain-body', '<img');
    for (const part of [
      '#ready',
      '#problems-list',
      '#find-list',
      '#card-body',
      '#sources-list',
      '#events-list',
      '#plots',
    ])
      await until(page, part, '<img src=x');
    expect(await page.locator('main img, main script').count()).toBe(0);
    expect(await page.title()).not.toBe('taken');
    expect(await textOf(page, '#main')).toContain('\\u202e\\u0007&amp;');
    expect(await textOf(page, '#main')).not.toContain('\u202e');
    expect(await axeFindings(page)).toEqual([]);
    await page.setViewportSize(PHONE.viewport);
    expect(await evaluated(page, 'document.documentElement.scrollWidth')).toBe(360);
  });

  describe.each<[string, BrowserContextOptions]>([
    ['in light', { colorScheme: 'light' }],
    ['in dark', { colorScheme: 'dark' }],
    ['on a phone', { ...PHONE, colorScheme: 'dark', hasTouch: true }],
  ])('%s', (name, options) => {
    it('axe finds nothing, nothing is cut off, and what is to be touched is large enough', async () => {
      site = await new Site({ workers: 1, nodeName: 'node-7' }).start(records());
      const { port } = await site.server.listen('127.0.0.1:0@aep/shop');
      const stop = keepAsking(port);
      const page = await open('', options);
      await pretend(page, '/v1/explain', 200, EXPLAINED);
      await pretend(page, '/v1/problems', 200, { problems: [PROBLEM] });
      await page.reload();
      await chooseDb(page);
      await page.click('#card-body .views a');
      await until(page, '#explain-body', 'You are shop/web.');
      await site.server.apply({ put: [pod('shop', 'fresh', '77')] });
      await until(page, '#events-list li', 'fresh');
      await until(page, '#problems-list li', 'two pods');
      await until(page, '.legend', /udp: [1-9]/);
      // A second reading of each rcode: lines, not points.
      await until(page, '.legend', /NXDOMAIN: [1-9]/);
      await page.locator('.plot canvas').nth(1).waitFor();
      if (PICTURES !== '') await page.waitForTimeout(12_000);
      stop();
      expect(await axeFindings(page)).toEqual([]);
      const { width } = page.viewportSize()!;
      expect(await evaluated(page, 'document.documentElement.scrollWidth')).toBe(width);
      // WCAG 2.2, 2.5.8: 24 pixels, but for links inside a sentence.
      const small = `[...document.querySelectorAll('button, input, select, nav a, .found a')]
        .map((element) => [element.id || element.textContent, element.getBoundingClientRect().height])
        .filter(([id, height]) => height > 0 && height < 24 && id !== 'explain-operator')`;
      expect(await evaluated(page, small)).toEqual([]);
      const background = await evaluated<string>(page, 'getComputedStyle(document.body).backgroundColor');
      expect(background).toBe(options.colorScheme === 'dark' ? 'rgb(16, 22, 28)' : 'rgb(246, 247, 249)');
      await picture(page, name.split(' ').at(-1)!);
    });
  });

  describe('where a token is needed', () => {
    const needed = (): Promise<Site> => new Site({}, 'the-token', '0.0.0.0:0').start(records());

    it('it asks for it, says when it is wrong, keeps it for the tab alone, and forgets it', async () => {
      site = await needed();
      const page = await open('#/card?kind=pod&vpc=aep&namespace=shop&name=db-0');
      await until(page, '#login', 'Token of the admin listener');
      expect(await focused(page)).toBe('token');
      expect(await page.locator('#main').isVisible()).toBe(false);
      expect(await axeFindings(page)).toEqual([]);
      await picture(page, 'login');
      await page.keyboard.type('wröng');
      await page.keyboard.press('Enter');
      await until(page, '#login-wrong', 'only letters, digits and signs');
      await page.fill('#token', 'wrong');
      await page.keyboard.press('Enter');
      await until(page, '#login-wrong', 'This is not the token of this server.');
      await page.fill('#token', 'the-token');
      await page.keyboard.press('Enter');
      // What the address names is shown now.
      await until(page, '#card-body', 'Who can see it');
      await until(page, '#ready', '✓ Ready');
      await until(page, '#events-status', 'Listening.');
      expect(await evaluated(page, 'localStorage.length + document.cookie.length')).toBe(0);
      expect(page.url()).not.toContain('the-token');
      await page.reload();
      await until(page, '#ready', '✓ Ready');
      await page.click('#logout');
      await until(page, '#ready', 'A token is needed.');
      expect(await evaluated(page, 'sessionStorage.length')).toBe(0);
      await page.reload();
      await until(page, '#login', 'Token of the admin listener');
    });
  });
}
