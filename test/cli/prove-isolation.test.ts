/** `podns prove-isolation` on files and on a server that runs as a process: its words and its exit codes. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ProofLine } from '../../src/isolation/facts.ts';
import { podns } from './harness.ts';
import { Served } from './served.ts';

const zone = (vpc: string, net6: string): string =>
  `vpc: ${vpc}\nnet6: ["${net6}::/32"]\nnamespaces:\n  web:\n    pods:\n      db: { ip6: "${net6}::1", ports: { http: 80/tcp } }\n`;
/** A pod of v is taken for a client of w. */
const RULE = 'clients:\n  - { from: "fd00:a::1", vpc: w, namespace: web }\n';

let folder = '';
let served: Served | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-prove-'));
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'v.yaml'), zone('v', 'fd00:a'));
  writeFileSync(join(folder, 'zones', 'w.yaml'), zone('w', 'fd00:b'));
});
afterEach(async () => {
  served?.child.kill('SIGTERM');
  await served?.ended;
  served = undefined;
  rmSync(folder, { recursive: true });
});

async function serve(...args: string[]): Promise<string> {
  served = new Served(['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args], folder);
  await served.until('out', /admin +(?:http:\/\/)?127\.0\.0\.1:\d+/);
  return /admin +(?:http:\/\/)?(127\.0\.0\.1:\d+)/.exec(served.out)![1]!;
}

describe('podns prove-isolation', () => {
  it('ends with 0 where nothing is given, and says how much was checked', async () => {
    const files = await podns(['prove-isolation', '--zones', 'zones'], { folder });
    expect(files).toMatchObject({ code: 0, err: '' });
    expect(files.out).toMatch(
      /^no violations: all (\d+) pairs of a client and a question checked\n\d+ classes of clients of 2 VPCs; /,
    );
    const live = await podns(['prove-isolation', '--admin', await serve()], { folder });
    expect(live.code).toBe(0);
    expect(live.out).toMatch(/^no violations: all \d+ pairs /);
  });

  it('ends with 1 where a running server gives something, with lines that show it', async () => {
    writeFileSync(join(folder, 'podns.yaml'), RULE);
    const admin = await serve();
    const text = await podns(['prove-isolation', '--admin', admin], { folder });
    expect(text.code).toBe(1);
    expect(text.out).toMatch(
      /^VIOLATION: pod web\/db of VPC v \(fd00:a::1, asking 127\.0\.0\.1:\d+\)\n {2}asked for \S+ \S+, of pod web\/db of VPC w\n {2}and was given: .*fd00:b::1\n {2}dig @127\.0\.0\.1 /m,
    );
    expect(text.out).toMatch(/\n\d+ violations: all \d+ pairs /);
    const json = await podns(['prove-isolation', '--admin', admin, '-o', 'json', '--limit', '20'], {
      folder,
    });
    const lines = json.out
      .trim()
      .split('\n')
      .map((row) => JSON.parse(row) as ProofLine);
    expect(lines.at(-1)).toMatchObject({ type: 'end', limit: 20, vpcs: 2 });
    const violation = lines.find((each) => each.type === 'violation')!;
    // The line that it gives shows the same.
    const words = violation.explain.split(' ').slice(1);
    const shown = await podns([...words, '--admin', admin], { folder });
    expect(shown.out).toContain(violation.given.split(' ').at(-1));
  });

  it('takes no other limit', async () => {
    expect((await podns(['prove-isolation', '--limit', '0'])).code).toBe(2);
    expect((await podns(['prove-isolation', '--admin', '127.0.0.1:1'])).code).toBe(4);
  });
});
