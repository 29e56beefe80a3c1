/** The incidents of the README, staged with the real command: each prints what the README has. */
import { spawn, type ChildProcess } from 'node:child_process';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { Served } from '../cli/served.ts';
import { freePort } from '../harness/free-port.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const MAIN = join(ROOT, 'dist/cli/main.js');
/** A line that stands for any number of lines. */
const LEFT_OUT = '…';

const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const section = /\n## On call\n([\s\S]*?)\n## /.exec(readme)![1]!;
const incidents = [...section.matchAll(/```console\n\$ podns (.*)\n([\s\S]*?)```/g)].map((match) => ({
  line: match[1]!,
  lines: match[2]!.trimEnd().split('\n'),
}));
const [wrongNamespace, staleSource, contested] = incidents as [Incident, Incident, Incident];
type Incident = (typeof incidents)[number];

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

/** The printed lines, with those left out that the promised lines leave out; equal to these if all is as promised. */
function cut(printed: readonly string[], promised: readonly string[]): string[] {
  const kept: string[] = [];
  let at = 0;
  promised.forEach((line, i) => {
    if (line !== LEFT_OUT) return void kept.push(printed[at++] ?? '(no further line)');
    const next = promised[i + 1];
    const found = next === undefined ? printed.length : printed.indexOf(next, at + 1);
    // Nothing that is left out may be all there is.
    kept.push(found > at ? LEFT_OUT : `(nothing before ${next ?? 'the end'})`);
    at = found > at ? found : at;
  });
  return [...kept, ...printed.slice(at)];
}

async function expectPrinted({ line, lines }: Incident, port = ''): Promise<void> {
  const { out } = await podns(line);
  const printed = steady(port === '' ? out : out.replaceAll(`:${port}`, ':8080'));
  const promised = lines.map(steady);
  expect(cut(printed.trimEnd().split('\n'), promised)).toEqual(promised);
}

describe('on call', { timeout: 60_000 }, () => {
  it('has three incidents', () => expect(incidents).toHaveLength(3));

  it('explains the wrong namespace', async () => {
    await serve('');
    await expectPrinted(wrongNamespace);
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
    await expectPrinted(staleSource, port);
  });

  it('explains an address that two pods claim', async () => {
    await serve("      cart: { ip6: 'fdfd:1a8::3:2', overlays: { default: 10.198.64.20 } }\n");
    await expectPrinted(contested);
    // The other one has it.
    expect((await podns('query app A +short --from aep/shop/cart')).out).toBe('10.198.64.20\n');
  });
});
