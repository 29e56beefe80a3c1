/** The page at `/`: static files of `src/page` and of uPlot, with the headers that keep everything else out. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { pageFolder } from '../../locations.ts';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const TYPES: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  svg: 'image/svg+xml',
};

/** The name under `/page/`, and where the package has it. */
const UPLOT = { 'uplot.js': 'uplot/dist/uPlot.iife.min.js', 'uplot.css': 'uplot/dist/uPlot.min.css' };

/**
 * Nothing from elsewhere, nothing inline, no frame around it, and no text that becomes markup. Plots need no
 * exception: uPlot sets styles by the object model, which a policy of styles does not concern.
 */
const HEADERS = {
  'content-security-policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' data:",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  // A newer podns is asked for its page at once; what has not changed is not sent again.
  'cache-control': 'no-cache',
};

interface StaticFile {
  type: string;
  etag: string;
  plain: Buffer;
  packed: Buffer;
}

export function pageFileRoutes(app: FastifyInstance): void {
  const { resolve } = createRequire(import.meta.url);
  const folder = pageFolder();
  for (const name of readdirSync(folder))
    addFile(app, name === 'index.html' ? '/' : `/page/${name}`, name, () => new URL(name, folder));
  for (const [name, path] of Object.entries(UPLOT)) addFile(app, `/page/${name}`, name, () => resolve(path));
}

/** Read when it is first asked for, and kept. */
function addFile(app: FastifyInstance, url: string, name: string, locate: () => string | URL): void {
  let file: Promise<StaticFile> | undefined;
  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    file ??= load(name, locate()).catch((error: unknown) => {
      file = undefined;
      throw error;
    });
    const { type, etag, plain, packed } = await file;
    void reply.headers(HEADERS).header('etag', etag).header('vary', 'accept-encoding');
    if (request.headers['if-none-match'] === etag) return reply.code(304).send();
    const isPacked = /\bgzip\b/.test(request.headers['accept-encoding'] ?? '');
    if (isPacked) void reply.header('content-encoding', 'gzip');
    return reply.type(type).send(isPacked ? packed : plain);
  };
  // The page asks for the token, so it is there without one. It holds no data.
  app.get(url, { config: { withoutToken: true } }, answer);
}

async function load(name: string, path: string | URL): Promise<StaticFile> {
  const plain = await readFile(path);
  const etag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
  const type = TYPES[name.slice(name.lastIndexOf('.') + 1)]!;
  return { type, etag, plain, packed: await promisify(gzip)(plain, { level: 9 }) };
}
