/** Commands that the pages show with what they print, each in namespaces of its own where it can have the ports of the page. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';
import { blocksOf, ROOT } from './markdown.ts';
import { examplesOf, expectPrinted, type Example } from './printed.ts';

const reason = namespaceReason() ?? missingTools(['bash', 'nsenter', 'dig', 'curl']);
if (reason !== undefined) skipAloud('commands that pages show', reason);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-shown-'));
  cpSync(`${ROOT}zones`, join(folder, 'zones'), { recursive: true });
  const shim = `#!/bin/sh\nexec '${process.execPath}' '${ROOT}dist/cli/main.js' "$@"\n`;
  writeFileSync(join(folder, 'podns'), shim, { mode: 0o755 });
});
afterEach(() => rmSync(folder, { recursive: true }));

function shown(page: string, command: string): Example[] {
  const examples = examplesOf(readFileSync(ROOT + page, 'utf8'));
  return examples.filter(({ line }) => line.startsWith(command));
}

/** Resolves with what the lines print; all that they have started ends with them. */
async function shell(lines: readonly string[], cwd = folder): Promise<string> {
  const child = spawn(
    'unshare',
    ['-n', '-p', '--fork', '--kill-child', '--mount-proc', 'bash', '--norc', '-c', lines.join('\n')],
    { cwd, env: { PATH: `${folder}:${process.env['PATH']}` }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  await once(child, 'close');
  return out;
}

const LOOPBACK = 'ip link set lo up';
const mark = (i: number): string => `echo "--- ${i}"`;

/** Runs the examples after the lines before them, and compares. */
async function expectShown(
  examples: readonly Example[],
  before: readonly string[],
  options: { cwd?: string; steady?: (text: string) => string } = {},
): Promise<void> {
  const { cwd, steady = (text) => text } = options;
  expect(examples.length).toBeGreaterThan(0);
  // What the lines before print is nobody's business, but what the examples print as errors is.
  const lines = examples.flatMap(({ line }, i) => [mark(i), `{ ${line}; } 2>&1`]);
  const out = await shell([LOOPBACK, ...before, ...lines, mark(examples.length)], cwd);
  examples.forEach((example, i) => {
    const printed = new RegExp(`--- ${i}\\n([\\s\\S]*?)--- ${i + 1}\\n`).exec(out)?.[1] ?? out;
    // An empty line parts one example from the next.
    const promised = `${example.promised.trimEnd()}\n`;
    expectPrinted(steady(printed), { ...example, promised: steady(promised) });
  });
}

const until = (what: string): string => `until ${what}; do sleep 0.1; done`;
const READY = until('curl -s 127.0.0.1:9153/readyz | grep -q ^ok');

describe.skipIf(reason !== undefined)('what the pages show', { timeout: 60_000 }, () => {
  it('README: the demonstration answers', async () => {
    const demo = [`${process.execPath} scripts/demo.mjs >/dev/null 2>&1 &`, READY];
    const examples = shown('README.md', 'dig');
    expect(examples).toHaveLength(6);
    await expectShown(examples, demo, { cwd: ROOT, steady: (text) => text.replace(/id: \d+/, 'id: 1') });
  });

  it('configuration: what check says', async () => {
    writeFileSync(join(folder, 'podns.yaml'), 'tll: 5\nforward: of\n');
    await expectShown(shown('docs/configuration.md', 'podns check'), []);
  });

  it('configuration: resolv-conf', async () => {
    const serve = 'podns serve --zones zones --vpc aep --listen 127.0.0.1:5300 >/dev/null 2>&1 &';
    await expectShown(shown('docs/configuration.md', 'podns resolv-conf'), [serve, READY]);
  });

  it('observability: problems', async () => {
    const text = 'vpc: aep\nnamespaces:\n  shop:\n    pods:\n      app: { ip6: "fdfd:1a8::1" }\n';
    rmSync(join(folder, 'zones'), { recursive: true });
    cpSync(`${ROOT}zones/globex.yaml`, join(folder, 'zones/globex.yaml'));
    writeFileSync(join(folder, 'zones/aep.yaml'), text);
    const broken = `${text.replaceAll('\n', '\\n')}      # edited\\n      db: "fdfd`;
    const examples = shown('docs/observability.md', 'podns problems');
    await expectShown(
      examples,
      [
        'podns serve --zones zones --listen 127.0.0.1:5300@aep >/dev/null 2>&1 &',
        READY,
        `printf '${broken}' > zones/next && mv zones/next zones/aep.yaml`,
        until('podns problems | grep -q error'),
      ],
      { steady: (printed) => printed.replace(/for \d+\w+;/, 'for a while;') },
    );
  });

  it('operations: what is not ready', async () => {
    const watch = 'http://10.0.0.9/v1/watch';
    await expectShown(shown('docs/operations.md', 'curl'), [
      'ip addr add 10.0.0.9 dev lo',
      `podns serve --watch ${watch} --listen 127.0.0.1:5300@aep >/dev/null 2>&1 &`,
      until('curl -s 127.0.0.1:9153/readyz | grep -q ECONNREFUSED'),
    ]);
  });

  it('operations: what was held is let through', async () => {
    const pods = Array.from({ length: 20 }, (_, i) => `      p${i}: { ip6: "fdfd:1a8::${i + 1}" }\n`);
    rmSync(join(folder, 'zones'), { recursive: true });
    mkdirSync(join(folder, 'zones'));
    const text = `vpc: aep\nnamespaces:\n  shop:\n    pods:\n${pods.join('')}`;
    writeFileSync(join(folder, 'zones/aep.yaml'), text);
    await expectShown(shown('docs/operations.md', 'podns accept'), [
      'podns serve --zones zones --listen 127.0.0.1:5300@aep >/dev/null 2>&1 &',
      READY,
      'rm zones/aep.yaml',
      until('podns status | grep -q ^held'),
    ]);
  });

  it('watch: the control plane of the page feeds a server', async () => {
    const block = blocksOf('docs/watch.md').find(({ text }) => text.startsWith('node examples'))!;
    const [plane, serve, put, dig] = block.text.trimEnd().split('\n');
    const out = await shell(
      [
        LOOPBACK,
        `export PATH=${folder}:$PATH`,
        plane!.replace('node', `'${process.execPath}'`),
        until('curl -s -o /dev/null -X DELETE 127.0.0.1:8080 -d "{}"'),
        serve!,
        until('curl -s 127.0.0.1:9153/readyz | grep -q ^ok'),
        put!,
        `until [ -n "$(${dig})" ]; do sleep 0.1; done`,
        mark(0),
        dig!,
      ],
      ROOT,
    );
    expect(out.split('--- 0\n')[1]).toBe('fdfd:1a8::1\n');
  });
});
