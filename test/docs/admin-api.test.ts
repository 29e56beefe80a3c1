/** docs/admin-api.md and docs/openapi.json: every route, no other, and each example as the demonstration answers it. */
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fastify, { type RouteOptions } from 'fastify';
import { format, resolveConfig } from 'prettier';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dockerRoutes } from '../../src/admin/docker/docker-routes.ts';
import type { AdminRoutes } from '../../src/admin/health.ts';
import { healthRoutes } from '../../src/admin/health.ts';
import { openapiDocument } from '../../src/admin/openapi/document.ts';
import { ROUTES, type Route } from '../../src/admin/openapi/routes.ts';
import { SCHEMAS, type Schema } from '../../src/admin/openapi/schemas.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import type { Status } from '../../src/admin/status.ts';
import { ServerCore } from '../../src/server.ts';
import { packageVersion } from '../../src/locations.ts';
import { Served } from '../cli/served.ts';
import { freePort } from '../harness/free-port.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { RESERVE } from '../watch/nodes.ts';
import { examplesOf, expectPrinted, type Example } from './printed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const PAGE = join(ROOT, 'docs/admin-api.md');
const page = readFileSync(PAGE, 'utf8');
const OPENAPI = join(ROOT, 'docs/openapi.json');
const others = ROUTES.filter(({ group }) => group !== 'docker');
const document = openapiDocument(packageVersion());

async function formatted(text: string, filepath: string): Promise<string> {
  return format(text, { ...(await resolveConfig(filepath)), filepath });
}

describe('what is generated', () => {
  it('docs/openapi.json is what the table of routes says', async () => {
    await expect(await formatted(JSON.stringify(document), OPENAPI)).toMatchFileSnapshot(OPENAPI);
  });

  it('docs/admin-api.md has every route', async () => {
    const [begin, end] = ['<!-- routes -->', '<!-- /routes -->'];
    const rows = ROUTES.map(
      ({ path, parameters, doc }) =>
        `| \`${path}\` | ${parameters
          .filter((parameter) => parameter.in !== 'path')
          .map(({ name }) => `\`${name}\``)
          .join(', ')} | ${doc} |`,
    );
    const table = ['| URL | parameters | what it gives |', '| --- | --- | --- |', ...rows].join('\n');
    const [before, after] = [page.slice(0, page.indexOf(begin)), page.slice(page.indexOf(end))];
    const whole = await formatted(`${before}${begin}\n\n${table}\n\n${after}`, PAGE);
    await expect(whole).toMatchFileSnapshot(PAGE);
  });
});

describe('the table of routes', () => {
  const server = new ServerCore({ config: { workers: 0 }, reserve: RESERVE });
  afterAll(() => server.close(0));

  /** The routes that these modules add, as fastify has them; HEAD comes with each GET. */
  async function added(modules: readonly AdminRoutes[]): Promise<RouteOptions[]> {
    const app = fastify();
    const routes: RouteOptions[] = [];
    app.addHook('onRoute', (route) => void routes.push(route));
    for (const add of modules) add(app, { readiness: () => server.readiness() });
    await app.ready();
    await app.close();
    return routes.filter(({ method }) => method !== 'HEAD');
  }

  /** As OpenAPI writes it; the files of the page are one entry. */
  const pathOf = (url: string): string =>
    url.replace(/^\/page\/.+/, '/page/{file}').replace(/:(\w+)/g, '{$1}');

  it('has every route that the listener has, and no other', async () => {
    const docker = new Set((await added([(app) => dockerRoutes(app, server, '1')])).map(({ url }) => url));
    expect(docker.size).toBeGreaterThan(10);
    const real = (await added([healthRoutes, ...serverRoutes(server, '1')])).filter(
      ({ url }) => !docker.has(url),
    );
    expect(real.filter(({ method }) => method !== 'GET')).toEqual([]);
    const told = ({ path, withoutToken = false }: Pick<Route, 'path' | 'withoutToken'>): string =>
      `${path} ${withoutToken ? 'open' : 'token'}`;
    const paths = real.map(({ url, config }) =>
      told({ path: pathOf(url), withoutToken: config?.withoutToken === true }),
    );
    expect([...new Set(paths)].sort()).toEqual(others.map(told).sort());
  });

  it('has what the Docker API answers, and no more', async () => {
    const app = fastify();
    dockerRoutes(app, server, '1');
    await server.apply({ put: [{ kind: 'overlay', vpc: 'v', namespace: 'n', name: 'o' }] });
    const urls = (await added([(one) => dockerRoutes(one, server, '1')]))
      .map(({ url }) => url)
      .filter((url) => /^\/\w+$/.test(url));
    const known = new Set(ROUTES.map(({ path }) => path));
    for (const url of urls.flatMap((word) => [word, `${word}/json`])) {
      // A stream, which does not end.
      if (url === '/events') continue;
      const { statusCode } = await app.inject({ url });
      expect(`${url} ${statusCode === 200}`).toBe(`${url} ${known.has(url)}`);
    }
    expect((await app.inject({ url: '/networks/n/o' })).statusCode).toBe(200);
    await app.close();
  });
});

describe('openapi.json', () => {
  interface Operation {
    operationId: string;
    tags: string[];
    parameters?: { name: string; in: string; required: boolean; schema: Schema }[];
    responses: Record<string, { description: string; content: Record<string, object> }>;
  }
  const paths = document['paths'] as Record<string, { get: Operation }>;
  const tags = (document['tags'] as { name: string }[]).map(({ name }) => name);

  it('has the structure that OpenAPI 3.1 wants', () => {
    expect(document).toMatchObject({
      openapi: '3.1.0',
      info: { title: expect.any(String), version: packageVersion() },
    });
    const ids = Object.values(paths).map(({ get }) => get.operationId);
    expect(new Set(ids).size).toBe(ROUTES.length);
    for (const [path, { get }] of Object.entries(paths)) {
      expect(path).toMatch(/^\/[\w.{}/-]*$/);
      expect(tags).toEqual(expect.arrayContaining(get.tags));
      const inPath = (get.parameters ?? []).filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required }) => required)).toBe(true);
      const names = (get.parameters ?? []).map(({ name }) => name);
      expect(new Set(names).size).toBe(names.length);
      for (const [status, answer] of Object.entries(get.responses)) {
        expect(status).toMatch(/^[245]\d\d$/);
        expect(answer.description).not.toBe('');
        expect(Object.keys(answer.content)).toHaveLength(1);
      }
      expect(get.responses).toHaveProperty('200');
    }
  });

  it('refers only to what it has, and has nothing that is not referred to', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)];
    expect([...new Set(refs.map(([, name]) => name))].sort()).toEqual(Object.keys(SCHEMAS).sort());
  });
});

const reason = missingTools(['curl']);
if (reason !== undefined) skipAloud('docs/admin-api.md', reason);

describe.skipIf(reason !== undefined)('the examples', { timeout: 60_000 }, () => {
  let folder = '';
  let served: Served;
  let admin = '';
  let dnsPort = '';
  const examples = examplesOf(page);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'podns-admin-api-'));
    cpSync(join(ROOT, 'zones'), join(folder, 'zones'), { recursive: true });
    admin = `127.0.0.1:${await freePort('127.0.0.1')}`;
    const listen = ['--listen', '127.0.0.1:0@aep/nextcloud', '--listen', '127.0.0.1:0@globex/nextcloud'];
    served = new Served(['--zones', 'zones', ...listen, '--admin', admin], folder);
    dnsPort = (await served.address()).split(':')[1]!;
    while ((await fetch(`http://${admin}/readyz`)).status !== 200)
      await new Promise((resolve) => setTimeout(resolve, 50));
  }, 60_000);
  afterAll(async () => {
    served.child.kill('SIGKILL');
    await served.ended;
    rmSync(folder, { recursive: true });
  });

  /** Prints what curl prints; a stream is ended when nothing more has come for a while. */
  async function curl(line: string): Promise<string> {
    const own = line.replaceAll('127.0.0.1:9153', admin);
    const child = spawn('sh', ['-c', `exec ${own}`], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    let silence: NodeJS.Timeout | undefined;
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      out += text;
      clearTimeout(silence);
      if (line.includes('-sN')) silence = setTimeout(() => child.kill(), 500);
    });
    await new Promise((resolve) => child.on('close', resolve));
    clearTimeout(silence);
    return out.replaceAll(`127.0.0.1:${dnsPort}@`, '127.0.0.1:5300@');
  }

  const isEvents = ({ line }: Example): boolean => line.endsWith('/events');

  it('are some of every URL', () => {
    const asked = examples.map(({ line }) => /http:\/\/127\.0\.0\.1:9153([^?'\s]*)/.exec(line)![1]!);
    const shown = [
      ...asked,
      ...asked.map((path) => path.replace(/^\/vpc\/aep/, '').replace(/^\/v1\.41/, '')),
    ];
    const missing = ROUTES.filter(({ path }) => {
      const pattern = new RegExp(`^${path.replaceAll('.', '\\.').replace(/\{\w+\}/g, '.+')}$`);
      return !shown.some((one) => pattern.test(one));
    });
    expect(missing.map(({ path }) => path)).toEqual([]);
  });

  it.each(examples.filter((example) => !isEvents(example)))('$line', async (example) => {
    // What has no end of its line in the answer has one on the page.
    expectPrinted((await curl(example.line)).replace(/\n*$/, '\n'), example);
  });

  it.each(examples.filter(isEvents))('$line', async (example) => {
    const listeners = async (): Promise<number> => {
      const status = await (await fetch(`http://${admin}/v1/status`)).json();
      const info = await (await fetch(`http://${admin}/info`)).json();
      return (status as Status).events.listeners + (info as { NEventsListener: number }).NEventsListener;
    };
    const before = await listeners();
    const printed = curl(example.line);
    while ((await listeners()) === before) await new Promise((resolve) => setTimeout(resolve, 50));
    const file = join(folder, 'zones/aep.yaml');
    const text = readFileSync(file, 'utf8');
    const [from, to] = text.includes("'fdfd:1a8::2:1'") ? ['1', '9'] : ['9', '1'];
    writeFileSync(file, text.replace(`'fdfd:1a8::2:${from}'`, `'fdfd:1a8::2:${to}'`));
    expectPrinted(await printed, example);
  });

  it('have the form that openapi.json describes', async () => {
    // The validator that fastify has, and not one of our own.
    const { resolve } = createRequire(createRequire(import.meta.url).resolve('fastify'));
    const { default: Ajv2020 } = (await import(resolve('ajv/dist/2020.js'))) as {
      default: new (options: object) => {
        compile(schema: object): ((value: unknown) => boolean) & { errors: unknown };
      };
    };
    const components = JSON.parse(JSON.stringify({ schemas: SCHEMAS }), (_key, value: unknown) =>
      typeof value === 'object' && value !== null && 'properties' in value
        ? { ...value, additionalProperties: false }
        : value,
    ) as object;
    const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
    const described = ROUTES.flatMap(({ path, answers }) =>
      answers[200]?.schema?.$ref === undefined && answers[200]?.schema?.items?.$ref === undefined
        ? []
        : [{ path, schema: answers[200].schema }],
    );
    expect(described.length).toBeGreaterThan(8);
    for (const { path, schema } of described) {
      const example = examples.find(({ line }) => line.includes(`9153${path}`))!;
      const check = ajv.compile({ ...schema, components });
      check(JSON.parse(await curl(example.line)));
      expect({ path, errors: check.errors }).toEqual({ path, errors: null });
    }
  });
});
