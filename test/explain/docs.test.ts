/** docs/explain.md: every example prints what stands there, every field is in the table, and no other. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { ExplainAsk } from '../../src/index.ts';
import { ServerCore } from '../../src/server.ts';
import { podns } from '../cli/harness.ts';
import { RESERVE } from '../watch/nodes.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(`${ROOT}docs/explain.md`, 'utf8');
const examples = [...page.matchAll(/```console\n\$ podns (.*)\n([\s\S]*?)```/g)].map((match) => ({
  line: match[1]!,
  printed: match[2]!,
}));

/** What differs from run to run: serials are seconds, upstreams are the host's. */
function steady(text: string): string {
  return text
    .replace(/(hostmaster\.\S+ )\d+/g, '$1SERIAL')
    .replace(/Query time: \d+/, 'Query time: 0')
    .replace(/, id: \d+/, ', id: 0');
}

describe('the examples', () => {
  it('are some', () => expect(examples.length).toBeGreaterThan(3));

  it.each(examples)('podns $line', async ({ line, printed }) => {
    const { out } = await podns(line.split(' '), {
      folder: process.cwd(),
      environment: { PODNS_UPSTREAMS: '192.0.2.53' },
    });
    expect(steady(out)).toBe(steady(printed));
  });
});

/** `a`, `a.b`, `a[].b` for every value of a JSON text. */
function paths(value: unknown, prefix: string, all: Set<string>): void {
  if (Array.isArray(value)) for (const one of value) paths(one, `${prefix}[]`, all);
  else if (typeof value === 'object' && value !== null) {
    for (const [key, inner] of Object.entries(value)) {
      const path = prefix === '' ? key : `${prefix}.${key}`;
      all.add(path);
      paths(inner, path, all);
    }
  }
}

describe('the table of fields', () => {
  const server = new ServerCore({ config: { workers: 0, upstreams: ['192.0.2.53'] }, reserve: RESERVE });
  afterAll(() => server.close(0));

  it('has those of an explanation', async () => {
    await server.apply({
      put: [
        { kind: 'vpc', name: 'v', net6: ['fd00::/64'], routes: { 'corp.example': ['192.0.2.53'] } },
        { kind: 'pod', vpc: 'v', namespace: 'n', name: 'client', ip6: 'fd00::1' },
        { kind: 'pod', vpc: 'v', namespace: 'm', name: 'db', ip6: 'fd00::2' },
      ],
    });
    const found = new Set<string>();
    const asks: Partial<ExplainAsk>[] = [{ name: 'client' }, { name: 'db' }, { name: 'a.corp.example' }];
    for (const ask of [...asks, { name: 'db', from: '203.0.113.9', listener: '[::1]:53' }])
      paths(await server.explain({ name: '', from: 'v/n/client', ...ask }), '', found);
    const table = [...page.matchAll(/^\| `([^`]+)` +\|/gm)].map((match) => match[1]!);
    expect(table.filter((path) => !found.has(path))).toEqual([]);
    expect([...found].filter((path) => !table.includes(path))).toEqual([]);
  });
});
