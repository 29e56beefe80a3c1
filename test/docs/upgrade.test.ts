/** docs/upgrade.md: its commands run in their order, in namespaces of their own, and saved views of other formats fare as it says. */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { podns } from '../cli/harness.ts';
import { Served } from '../cli/served.ts';
import { freePort } from '../harness/free-port.ts';
import { missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';
import { blocksOf, ROOT } from './markdown.ts';
import { examplesOf, expectPrinted } from './printed.ts';

const PAGE = 'docs/upgrade.md';
const reason = namespaceReason() ?? missingTools(['bash', 'nsenter']);
if (reason !== undefined) skipAloud(PAGE, reason);

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-upgrade-'));
  cpSync(`${ROOT}zones`, join(folder, 'zones'), { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** Whoever types the commands sees that the server runs before going on. */
function waited(block: string): string {
  return block.replace(/^podns serve .*&$/gm, (line) => {
    const admin = line.includes('9154') ? '127.0.0.1:9154' : '127.0.0.1:9153';
    return `${line}\nuntil podns status --admin ${admin} >/dev/null 2>&1; do sleep 0.2; done`;
  });
}

describe.skipIf(reason !== undefined)('the commands', () => {
  it('upgrade a server', { timeout: 120_000 }, async () => {
    const blocks = blocksOf(PAGE).filter(({ language }) => language === 'sh');
    expect(blocks).toHaveLength(6);
    const [before, start, upgrade, restart, beside, format] = blocks.map(({ text }) => waited(text));
    const [taken] = examplesOf(readFileSync(ROOT + PAGE, 'utf8'));
    writeFileSync(
      join(folder, 'podns'),
      `#!/bin/sh\nexec '${process.execPath}' '${ROOT}dist/cli/main.js' "$@"\n`,
      { mode: 0o755 },
    );
    const script = [
      'set -e',
      'ip link set lo up',
      start,
      'echo "--- before"',
      before,
      'echo "--- upgraded"',
      upgrade,
      'echo "--- restarted"',
      restart,
      'echo "--- taken"',
      `${taken!.line} 2>&1 || echo "--- ended with $?"`,
      'echo "--- beside"',
      beside,
      'echo "--- format"',
      format,
      'echo "--- end"',
    ].join('\n');
    const shell = spawn(
      'unshare',
      ['-n', '-p', '--fork', '--kill-child', '--mount-proc', 'bash', '--norc', '-c', script],
      {
        cwd: folder,
        env: { PATH: `${folder}:${process.env['PATH']}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let out = '';
    let err = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [code] = (await once(shell, 'close')) as [number];
    expect({ code, err: code === 0 ? '' : err + out }).toEqual({ code: 0, err: '' });

    const part = (name: string): string => new RegExp(`--- ${name}\\n([\\s\\S]*?)--- `).exec(out)![1]!;
    const digestOf = (name: string): string => /digest +([0-9a-f]{16})/.exec(part(name))![1]!;
    expect(part('upgraded')).toMatch(/\nprocess \d+ has taken over\n(?:.*\n)*fdfd:1a8::2:1\n/);
    expect(part('restarted')).toContain('\nfdfd:1a8::2:1\n');
    expect(part('beside')).toContain('\nfdfd:1a8::2:1\n');
    expect(new Set(['before', 'upgraded', 'restarted', 'beside'].map(digestOf)).size).toBe(1);
    expectPrinted(part('taken'), taken!);
    expect(out).toContain('--- ended with 69\n');
    expect(part('beside')).toMatch(/nameserver 127\.0\.0\.1\n(?:.*\n)*?nameserver 127\.0\.0\.2\n/);
    expect(part('format')).toMatch(/^\{"type":"snapshot","format":2,/);
  });
});

/** A saved view of a watch stream, as a version wrote it that knew this format. */
function savedView(source: string, format: number): string {
  const saved = new Date().toISOString();
  const owner = { vpc: 'aep', namespace: 'web' };
  const pod = {
    kind: 'pod',
    ...owner,
    name: 'db',
    aid: 'p1',
    names: [],
    overlays: [],
    ports: [],
    ready: true,
  };
  const lines = [
    { type: 'snapshot', format, revision: '9', saved, sources: [{ name: source, revision: '9' }] },
    { type: 'put', revision: '5', source: 0, object: { ...pod, ip6: 'fdfd:1a8::1' } },
    { type: 'synced', revision: '9' },
  ];
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  const sha256 = createHash('sha256').update(text).digest('hex');
  return `${text}${JSON.stringify({ type: 'checksum', sha256 })}\n`;
}

describe('a saved view', { timeout: 30_000 }, () => {
  let served: Served | undefined;
  let admin = '';
  afterEach(async () => {
    served?.child.kill('SIGKILL');
    await served?.ended;
  });

  /** Serves a control plane that nobody runs. */
  async function serve(format: number): Promise<void> {
    const url = `http://127.0.0.1:${await freePort('127.0.0.1')}/`;
    mkdirSync(join(folder, 'state'), { mode: 0o700 });
    writeFileSync(join(folder, 'state/view.ndjson'), savedView(`watch:${url}`, format), { mode: 0o600 });
    admin = `127.0.0.1:${await freePort('127.0.0.1')}`;
    const flags = ['--watch', url, '--state', 'state', '--listen', '127.0.0.1:0@aep/web', '--admin', admin];
    served = new Served(flags, folder);
    await served.until('out', /^ {2}admin /m);
  }

  it('of format 1 is served', async () => {
    await serve(1);
    const { out } = await podns(['query', 'db', '+short', '--from', '127.0.0.1', '--admin', admin]);
    expect(out).toBe('fdfd:1a8::1\n');
  });

  it('of a format that is not known is set aside, and is a problem', async () => {
    await serve(99);
    const names = readdirSync(join(folder, 'state'));
    expect(names.filter((name) => name.startsWith('view.ndjson.damaged-'))).toHaveLength(1);
    const { out, code } = await podns(['problems', '--admin', admin]);
    expect(out).toMatch(/format 99, this podns reads 2/);
    expect(out).toMatch(/^ {2}saved_view, /m);
    expect(code).toBe(1);
  });
});
