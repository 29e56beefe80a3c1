/** `serve` over a broken zone file and over restarts: what is served, what is said of it, and when it is ready. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeQuery } from '../harness/build.ts';
import { freePort } from '../harness/free-port.ts';
import { parseWire } from '../harness/wire.ts';
import { UdpClient } from '../transport/clients.ts';
import { podns } from './harness.ts';
import { Served } from './served.ts';

const zone = (vpc: string, address: string): string =>
  `vpc: ${vpc}\nnamespaces:\n  web:\n    pods:\n      db: { ip6: "${address}" }\n`;

let folder = '';
let running: Served[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-restart-'));
  mkdirSync(join(folder, 'zones'));
  writeFileSync(join(folder, 'zones', 'one.yaml'), zone('aep', 'fdfd:1a8::1'));
  writeFileSync(join(folder, 'zones', 'two.yaml'), zone('globex', 'fdfd:2::1'));
});
afterEach(async () => {
  for (const served of running) served.child.kill('SIGKILL');
  await Promise.all(running.map(({ ended }) => ended));
  running = [];
  rmSync(folder, { recursive: true });
});

interface Running {
  served: Served;
  admin: string;
  ask(vpc: string): Promise<string>;
  ready(): Promise<[status: number, body: string]>;
  problems(): Promise<{ code: number; out: string }>;
  end(): Promise<void>;
}

async function serve(...more: string[]): Promise<Running> {
  const listen = ['--listen', '127.0.0.1:0@aep/web', '--listen', '127.0.0.1:0@globex/web'];
  const served = new Served([...listen, '--admin', '127.0.0.1:0', ...more], folder);
  running.push(served);
  await served.until('out', /admin {2}http:\S+\n/);
  const admin = /admin {2}(\S+)/.exec(served.out)![1]!;
  return {
    served,
    admin,
    ask: async (vpc) => {
      const server = await served.address(vpc === 'aep' ? 0 : 1);
      return (await podns(['query', 'db', '--short', '--server', server])).out.trim();
    },
    ready: async () => {
      const response = await fetch(`${admin}/readyz`);
      return [response.status, await response.text()];
    },
    problems: () => podns(['problems', '--admin', admin]),
    end: async () => {
      served.child.kill('SIGTERM');
      await served.ended;
    },
  };
}

const STATE = ['--state', 'state'];
const write = (name: string, text: string): void => writeFileSync(join(folder, 'zones', name), text);
const BROKEN: [string, string][] = [
  ['does not parse', 'vpc: ['],
  ['is empty', ''],
  ['is cut', 'vpc: aep\nnamespaces:\n'],
];

describe('a zone file', () => {
  it.each(BROKEN)('that %s keeps what it held, over a restart too, until it is mended', async (_, text) => {
    const first = await serve(...STATE);
    expect(await first.problems()).toMatchObject({ code: 0, out: 'no problems\n' });
    expect(await first.ready()).toEqual([200, 'ok\n']);
    write('one.yaml', text);
    await first.served.until('err', "the file's last good state is served");
    expect(await first.ask('aep')).toBe('fdfd:1a8::1');
    const [status, body] = await first.ready();
    expect([status, body]).toEqual([200, expect.stringMatching(/^ok\ndegraded: zones\/one\.yaml:\d+:\d+: /)]);
    await first.end();

    const second = await serve(...STATE);
    await second.served.until('err', "the file's last good state is served");
    expect(await second.ask('aep')).toBe('fdfd:1a8::1');
    expect(await second.ask('globex')).toBe('fdfd:2::1');
    expect((await second.ready())[0]).toBe(200);
    const told = await second.problems();
    expect(told.code).toBe(1);
    expect(told.out).toContain('zones/one.yaml');
    expect(told.out).toContain('what helps: mend the file');

    write('one.yaml', zone('aep', 'fdfd:1a8::9'));
    await second.served.until('err', 'settled: zones/one.yaml');
    await expect.poll(() => second.ask('aep'), { timeout: 10_000 }).toBe('fdfd:1a8::9');
    expect(await second.problems()).toMatchObject({ code: 0 });
    rmSync(join(folder, 'zones', 'one.yaml'));
    await second.served.until('err', 'vpc aep is gone with all that it held');
  });

  it.each(BROKEN.slice(0, 2))(
    'that %s and was never good leaves the rest served, and podns not ready',
    async (_, text) => {
      write('one.yaml', text);
      const first = await serve();
      await first.served.until('err', 'one.yaml:1:');
      expect(await first.ask('globex')).toBe('fdfd:2::1');
      const [status, body] = await first.ready();
      expect(status).toBe(503);
      expect(body).toMatch(/^not ready\nnot served: zones\/one\.yaml:1:\d+: /);
      const metrics = await (await fetch(`${first.admin}/metrics`)).text();
      expect(metrics).toMatch(/^podns_problems\{kind="file"\} 1$/m);
      expect(metrics).toMatch(/^podns_ready 0$/m);
    },
  );

  it.each(BROKEN.slice(0, 2))('that %s ends a strict serve with 78', async (_, text) => {
    write('one.yaml', text);
    const strict = new Served(['--strict', '--listen', '127.0.0.1:0@globex/web', '--admin', 'off'], folder);
    running.push(strict);
    expect(await strict.ended).toEqual({ code: 78, signal: null });
    expect(strict.err).toMatch(/podns: zones\/one\.yaml:1:\d+: /);
  });
});

it('says what happens in lines for people, without colours where no terminal reads them', async () => {
  const first = await serve('--log-format', 'text');
  write('one.yaml', 'vpc: [');
  await first.served.until('err', 'last good state');
  first.served.child.kill('SIGHUP');
  await first.served.until('err', 'reload done: 1 source, 1 problem stands');
  await first.end();
  // eslint-disable-next-line no-control-regex
  expect(first.served.err).not.toMatch(/\x1b/);
  for (const line of first.served.err.trim().split('\n'))
    expect(line).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (info |warn |error) \S/);
  expect(first.served.err.match(/last good state/g)).toHaveLength(1);
});

it('answers every query of a known tenant from the first moment on, though its source is not there', async () => {
  const first = await serve(...STATE);
  expect(await first.ask('aep')).toBe('fdfd:1a8::1');
  await first.end();
  renameSync(join(folder, 'zones'), join(folder, 'elsewhere'));
  const port = await freePort('127.0.0.1');
  const client = await UdpClient.open('127.0.0.1', port);
  const second = new Served(
    ['--zones', 'zones', '--listen', `127.0.0.1:${port}@aep/web`, '--admin', 'off', ...STATE],
    folder,
  );
  running.push(second);
  let id = 0;
  let until = Infinity;
  const answers: string[] = [];
  while (performance.now() < until) {
    // More at a time than one client may have waiting.
    for (let i = 0; i < 20; i++) client.send(encodeQuery({ id: id++ % 65536, name: 'db', type: 'AAAA' }));
    await new Promise((resolve) => setTimeout(resolve, 5));
    for (const answer of client.messages.splice(0)) {
      if (until === Infinity) until = performance.now() + 1000;
      const { rcode, answer: records } = parseWire(answer);
      answers.push(`${rcode === 0 ? 'NOERROR' : rcode} ${records.map(({ text }) => text).join()}`);
    }
  }
  await client.close();
  expect(answers.length).toBeGreaterThan(100);
  expect([...new Set(answers)]).toEqual(['NOERROR fdfd:1a8::1']);
});
