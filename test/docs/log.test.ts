/** docs/log.md: every example prints what stands there, every field is in its tables, and no other. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import { ServerCore } from '../../src/server.ts';
import { podns } from '../cli/harness.ts';
import { encodeQuery } from '../harness/build.ts';
import { RESERVE } from '../watch/nodes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${ROOT}docs/log.md`, 'utf8');
const examples = [...page.matchAll(/```console\n\$ podns (.*)\n([\s\S]*?)```/g)].map((match) => ({
  line: match[1]!,
  printed: match[2]!,
}));

/** What differs from run to run: times, and serials, which are seconds. */
function steady(text: string): string {
  return text
    .replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, 'DATE')
    .replace(/\b\d\d:\d\d:\d\d\.\d{3}\b/g, 'TIME')
    .replace(/"revision":\d+/g, '"revision":REVISION')
    .replace(/ +\d+\.\d( +[\d.]+%)/g, ' RATE$1')
    .replace(/per second +/g, 'per second ')
    .replace(/ [\d.]+ s\b/g, ' SECONDS');
}

let server: ServerCore;
let admin: Admin;
const run = async (line: string): Promise<string> => {
  const { out } = await podns(line.split(' '), { folder: ROOT, environment: { PODNS_ADMIN: admin.address } });
  return out;
};

/** Who has asked for what before the examples. */
const ASKED: [address: string, ...names: string[]][] = [
  ['fdfd:1a8::2:1', 'app', 'app', 'front', 'dbb', 'worker'],
  ['fdfd:1a8::2:2', 'db', 'db', 'db', 'front', 'redis'],
  ['2001:db8::7', 'db'],
];

beforeAll(async () => {
  const config = { zones: [`${ROOT}zones`], workers: 0, forward: 'off' as const };
  server = new ServerCore({ config, reserve: RESERVE });
  admin = createAdmin({
    bind: '127.0.0.1:0',
    facts: { readiness: () => server.readiness() },
    routes: serverRoutes(server, '0'),
  });
  await admin.open();
  await server.start();
  while (!server.readiness().ready) await new Promise((resolve) => setTimeout(resolve, 20));
  await server.settled();
  for (const [address, ...names] of ASKED)
    for (const name of names)
      await server.answer(encodeQuery({ name, type: 'AAAA', id: 4711, edns: {} }), { address });
});
afterAll(async () => {
  await admin.close();
  await server.close(0);
});

describe('the examples', () => {
  it('are some', () => expect(examples.length).toBeGreaterThan(4));

  it.each(examples)('podns $line', async ({ line, printed }) => {
    expect(steady(await run(line))).toBe(steady(printed));
  });
});

/** `a`, `a.b`, `a[].b` for every value of a JSON text. */
function paths(value: unknown, prefix: string, all: Set<string>): Set<string> {
  if (Array.isArray(value)) for (const one of value) paths(one, `${prefix}[]`, all);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      all.add(path);
      paths(inner, path, all);
    }
  }
  return all;
}

describe('the table of fields of', () => {
  const tableOf = (title: string): string[] => {
    const section = page.slice(page.indexOf(`### Fields of ${title}`));
    const table = /\n((?:\|.*\n)+)/.exec(section)![1]!;
    return [...table.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]!);
  };

  it.each([
    ['an answer', 'log -o json'],
    ['a top list', 'top --by client -o json'],
  ])('%s', async (title, line) => {
    const found = new Set<string>();
    const out = await run(line);
    for (const text of line.startsWith('log') ? out.trim().split('\n') : [out])
      paths(JSON.parse(text), '', found);
    expect(tableOf(title).sort()).toEqual([...found].sort());
  });
});
