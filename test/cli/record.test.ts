/** `podns log` and `podns top` against a server that runs as a process, whose worker thread records. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogEntry } from '../../src/server/recorded.ts';
import { podns } from './harness.ts';
import { Served } from './served.ts';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const ZONES =
  'vpc: aep\nnet6: ["fd00:a::/32"]\nnamespaces:\n  web:\n    pods:\n      db: { ip6: "fd00:a::1" }\n      app: { ip6: "fd00:a::2" }\n';

let folder = '';
let served: Served;
let admin = '';
let address = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'podns-log-'));
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'one.yaml'), ZONES);
  served = new Served(
    ['--listen', '127.0.0.1:0@aep/web', '--admin', '127.0.0.1:0', '--log-queries', '1'],
    folder,
  );
  address = await served.address();
  await served.until('out', /admin +(?:http:\/\/)?127\.0\.0\.1:\d+/);
  admin = /admin +(?:http:\/\/)?(127\.0\.0\.1:\d+)/.exec(served.out)![1]!;
});
afterAll(async () => {
  served.child.kill('SIGTERM');
  await served.ended;
  rmSync(folder, { recursive: true });
});

const ask = (...args: string[]) => podns(['query', ...args, '--short', '--server', address]);
const log = (...args: string[]) => podns(['log', '--admin', admin, ...args]);

describe('podns log', () => {
  it('has nothing to print before a failure, and says so', async () => {
    expect(await log('--from', '127.0.0.1')).toMatchObject({
      code: 3,
      out: '',
      err: 'podns: nothing is recorded of 127.0.0.1\n',
    });
  });

  it('prints the failures of a pod, for people and as JSON lines', async () => {
    expect((await ask('db')).out).toBe('fd00:a::1\n');
    await ask('dbb');
    await ask('nosuch', '--tcp');
    const printed = await log('--from', '127.0.0.1');
    const rows = printed.out.trimEnd().split('\n');
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} NXDOMAIN dbb\. AAAA from 127\.0\.0\.1 of aep: .*there is no such name$/,
    );
    expect(rows[1]).toMatch(/ NXDOMAIN nosuch\. AAAA from 127\.0\.0\.1 of aep, tcp: /);
    const [first, second] = (await log('-o', 'json')).out
      .trimEnd()
      .split('\n')
      .map((row) => JSON.parse(row) as LogEntry);
    expect(first).toMatchObject({
      question: { name: 'dbb.', type: 'AAAA', protocol: 'udp' },
      client: { address: '127.0.0.1', vpc: 'aep', namespace: 'web', pod: null },
      answer: { outcome: 'answered', rcode: 'NXDOMAIN', ede: null, milliseconds: null },
      thread: 'worker',
    });
    expect(second).toMatchObject({ question: { protocol: 'tcp' }, thread: 'main' });
    expect((await log('--vpc', 'nosuch')).code).toBe(3);
    expect((await log('-n', '0')).code).toBe(2);
    expect((await log('--from', 'app')).code).not.toBe(0);
  });

  it('follows until it is interrupted', async () => {
    const child = spawn(process.execPath, [MAIN, 'log', '--follow', '-n', '1', '--admin', admin], {
      cwd: folder,
    });
    let out = '';
    const printed = async (word: string): Promise<void> => {
      while (!out.includes(word)) await new Promise((resolve) => child.stdout.once('data', resolve));
    };
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    await printed('nosuch.');
    await ask('coming');
    await printed('coming.');
    child.kill('SIGINT');
    await new Promise((resolve) => child.once('close', resolve));
    expect(out.trimEnd().split('\n')).toHaveLength(2);
  });

  it('is told where no server runs', async () => {
    expect((await podns(['log', '--admin', '127.0.0.1:1'])).code).toBe(4);
  });
});

describe('podns top', () => {
  it('prints who asks most, and for what', async () => {
    const top = (...args: string[]) => podns(['top', '--admin', admin, ...args]);
    const { out } = await top();
    expect(out).toMatch(/^name +answers +per second +share +failures\ncoming\. +1 +[\d.]+ +[\d.]+% +1\n/);
    expect(out).toMatch(/\n4 answers of \d+ s, each counted\n$/);
    expect((await top('--by', 'client')).out).toMatch(/\n127\.0\.0\.1 +- +aep +4 /);
    expect((await top('--by', 'vpc', '--vpc', 'aep')).out).toMatch(/\naep +4 /);
    expect(JSON.parse((await top('-o', 'json', '-n', '1')).out)).toMatchObject({
      answers: 4,
      rows: [{ key: 'coming.', answers: 1, failures: 1 }],
    });
  });
});

describe('the query log', () => {
  it('is one JSON line per answer in the log', async () => {
    await served.until('err', 'coming.');
    const rows = served.err.trim().split('\n');
    const queries = rows
      .map((row) => JSON.parse(row) as { msg: string; query?: LogEntry })
      .filter(({ query }) => query !== undefined);
    expect(queries.map(({ query }) => query!.question.name)).toContain('dbb.');
    expect(queries.map(({ msg }) => msg)).toContainEqual(
      expect.stringMatching(/^NXDOMAIN dbb\. AAAA from 127\.0\.0\.1 of aep: /),
    );
  });
});
