/** The page's files over HTTP: their headers, what needs the token and what does not, and that nothing else is served. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { Served } from '../cli/served.ts';
import { Site } from './site.ts';

const FOLDER = fileURLToPath(new URL('../../src/page/', import.meta.url));
let site: Site | undefined;
afterEach(async () => {
  await site?.close();
  site = undefined;
});

/** Addresses of all that index.html and its modules name. */
function named(): string[] {
  const html = readFileSync(`${FOLDER}/index.html`, 'utf8');
  const own = [...html.matchAll(/(?:src|href)="(\/page\/[^"]+)"/g)].map(([, path]) => path!);
  const modules = readdirSync(FOLDER).filter((name) => name.endsWith('.js'));
  return [...new Set([...own, ...modules.map((name) => `/page/${name}`)])];
}

describe('the files of the page', () => {
  it('are all there, with their types, and allow nothing from elsewhere', async () => {
    site = await new Site().start();
    expect(named().length).toBeGreaterThan(12);
    for (const path of ['/', ...named()]) {
      const response = await fetch(new URL(path, site.url));
      expect([path, response.status]).toEqual([path, 200]);
      const { headers } = response;
      const policy = headers.get('content-security-policy')!.split('; ');
      expect(policy).toEqual(expect.arrayContaining(["default-src 'none'", "frame-ancestors 'none'"]));
      expect(policy.join(' ')).not.toMatch(/unsafe|\*|http/);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('content-type')).toMatch(
        path.endsWith('.js') ? /^text\/javascript/ : /^(text\/(html|css)|image\/svg)/,
      );
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(100);
    }
  });

  it('hold no inline script, style or handler', () => {
    const html = readFileSync(`${FOLDER}/index.html`, 'utf8');
    expect(html).not.toMatch(/<style|\sstyle=|\son\w+=|javascript:/i);
    expect([...html.matchAll(/<script\b[^>]*>/g)].every(([tag]) => tag.includes(' src="/page/'))).toBe(true);
    expect(html).not.toMatch(/https?:/);
  });

  it('are packed, and are not sent again when nothing has changed', async () => {
    site = await new Site().start();
    const url = new URL('/page/uplot.js', site.url);
    const packed = await fetch(url, { headers: { 'accept-encoding': 'gzip' } });
    expect(packed.headers.get('content-encoding')).toBe('gzip');
    const plain = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.headers.get('content-encoding')).toBeNull();
    expect(await packed.text()).toBe(await plain.text());
    const etag = plain.headers.get('etag')!;
    const again = await fetch(url, { headers: { 'if-none-match': etag } });
    expect([again.status, await again.text()]).toEqual([304, '']);
  });

  it.each([
    '/page/',
    '/page/index.html',
    '/page/..%2fserver.js',
    '/page/../server.ts',
    '/page/%2e%2e/package.json',
  ])('are all: %s is not served', async (path) => {
    site = await new Site().start();
    expect((await fetch(new URL('/', site.url).href.replace(/\/$/, path))).status).toBe(404);
  });

  it('need no token where data does', async () => {
    site = await new Site({}, 'secret').start();
    for (const path of ['/', ...named()]) expect((await fetch(new URL(path, site.url))).status).toBe(200);
    for (const path of [
      '/v1/find?q=a',
      '/v1/card',
      '/v1/status',
      '/metrics',
      '/v1/events',
      '/nowhere',
      '/page/x',
    ])
      expect([path, (await fetch(new URL(path, site.url))).status]).toEqual([path, 401]);
  });

  it('are served by the command as well, from what was built', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-page-'));
    mkdirSync(join(folder, 'zones'));
    writeFileSync(join(folder, 'zones', 'one.yaml'), 'vpc: aep\nnamespaces: { web: { pods: { db: {} } } }\n');
    const served = new Served(['--admin', '127.0.0.1:0', '--listen', '127.0.0.1:0@aep/web'], folder);
    try {
      await served.until('out', /admin {2}http\S+\n/);
      const url = /admin {2}(http\S+)/.exec(served.out)![1]!;
      expect(await (await fetch(url)).text()).toBe(readFileSync(join(FOLDER, 'index.html'), 'utf8'));
      for (const path of named()) {
        const text = await (await fetch(new URL(path, url))).text();
        if (!path.includes('uplot'))
          expect(text).toBe(readFileSync(join(FOLDER, path.slice('/page/'.length)), 'utf8'));
        else expect(text).toContain('uplot');
      }
    } finally {
      served.child.kill('SIGKILL');
      await served.ended;
      rmSync(folder, { recursive: true });
    }
  });
});
