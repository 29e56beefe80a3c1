/** The incidents of the README, staged with the real command: each prints what the README has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Served } from '../cli/served.ts';
import { freePort } from '../harness/free-port.ts';
import { examplesOf, expectPrinted, type Example } from './printed.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const section = /\n## On call\n([\s\S]*?)\n## /.exec(readme)![1]!;
const incidents = examplesOf(section);
const [wrongNamespace, staleSource, contested] = incidents as [Example, Example, Example];

let folder = '';
let served: Served | undefined;
let controlPlane: ChildProcess | undefined;
let admin = '';

beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-on-call-'))));
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  served?.child.kill('SIGKILL');
  controlPlane?.kill('SIGKILL');
  await served?.ended;
});

/** Serves a copy of the demonstration, with these lines at the end of the tenant's file. */
async function serve(more: string, flags: string[] = []): Promise<void> {
  cpSync(join(ROOT, 'zones'), join(folder, 'zones'), { recursive: true });
  appendFileSync(join(folder, 'zones/aep.yaml'), more);
  admin = `127.0.0.1:${await freePort('127.0.0.1')}`;
  served = new Served(
    ['--zones', 'zones', '--listen', '127.0.0.1:0@aep', '--admin', admin, ...flags],
    folder,
  );
  await served.until('out', /^ {2}admin /m);
  await until(
    () => fetch(`http://${admin}/readyz`),
    ({ status }) => status === 200,
  );
}

async function until<T>(what: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await what();
    if (holds(value)) return value;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** The command as somebody types it, against the server of the test. */
async function podns(line: string): Promise<{ out: string; code: number | null }> {
  const child = spawn(process.execPath, [MAIN, ...line.split(' ')], {
    cwd: folder,
    env: { PATH: process.env['PATH'], PODNS_ADMIN: admin },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  const code = await new Promise<number | null>((resolve) => child.on('close', resolve));
  return { out, code };
}

/** Ages differ from run to run; what has just come has none. */
function steady(text: string): string {
  return text.replace(/, at least \d+ \w+ old\]/g, ']').replace(/, for \d+\w+;/g, ', for a while;');
}

async function expectIncident({ line, promised }: Example, port = ''): Promise<void> {
  const { out } = await podns(line.replace(/^podns /, ''));
  const printed = steady(port === '' ? out : out.replaceAll(`:${port}`, ':8080'));
  expectPrinted(printed, { line, promised: steady(promised) });
}

describe('on call', { timeout: 60_000 }, () => {
  it('has three incidents', () => expect(incidents).toHaveLength(3));

  it('explains the wrong namespace', async () => {
    await serve('');
    await expectIncident(wrongNamespace);
    // What it recommends helps.
    const { out, code } = await podns('query db.nextcloud +short --from aep/shop/app');
    expect({ out, code }).toEqual({ out: 'fdfd:1a8::2:1\n', code: 0 });
  });

  it('explains a source that is lost', async () => {
    controlPlane = spawn(process.execPath, [join(ROOT, 'examples/control-plane/control-plane.mjs'), '0'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const port = await new Promise<string>((resolve) =>
      controlPlane!.stdout!.setEncoding('utf8').once('data', (text: string) => resolve(text.trim())),
    );
    await serve('', ['--watch', `http://127.0.0.1:${port}/`]);
    expect(await podns('problems')).toEqual({ out: 'no problems\n', code: 0 });
    const gone = new Promise((resolve) => controlPlane!.once('exit', resolve));
    controlPlane.kill('SIGKILL');
    await gone;
    const { code } = await until(
      () => podns('problems'),
      ({ out }) => out.includes('ECONNREFUSED'),
    );
    expect(code).toBe(1);
    await expectIncident(staleSource, port);
  });

  it('explains an address that two pods claim', async () => {
    await serve("      cart: { ip6: 'fdfd:1a8::3:2', overlays: { default: 10.198.64.20 } }\n");
    await expectIncident(contested);
    // The other one has it.
    expect((await podns('query app A +short --from aep/shop/cart')).out).toBe('10.198.64.20\n');
  });
});
