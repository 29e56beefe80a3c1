/** docs/node.md builds a node: its commands are run as they stand there, in namespaces of their own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { hasTool, missingTools, namespaceReason, skipAloud } from '../harness/tools.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'podns-node-'));
afterAll(() => rmSync(folder, { recursive: true }));

const reason = namespaceReason() ?? missingTools(['ip', 'getent', 'nft']);
if (reason !== undefined) skipAloud('a node built by hand', reason);

test.skipIf(reason !== undefined || !hasTool('bash'))(
  'a pod on a bridge resolves, as the page says',
  { timeout: 90_000 },
  async () => {
    const page = readFileSync(join(ROOT, 'docs/node.md'), 'utf8');
    const blocks = [...page.matchAll(/```sh\n([\s\S]*?)```/g)].map((match) => match[1]!);
    expect(blocks).toHaveLength(6);
    const [bridge, serve, pod, resolvConf, ask, firewall] = blocks as [
      string,
      string,
      string,
      string,
      string,
      string,
    ];
    writeFileSync(
      join(folder, 'podns'),
      `#!/bin/sh\nexec '${process.execPath}' '${ROOT}dist/cli/main.js' "$@"\n`,
      {
        mode: 0o755,
      },
    );
    const script = [
      'set -e',
      // The machine's own folders stay as they are.
      'mount -t tmpfs none /run',
      `mkdir -p '${folder}/etc' && cp /etc/nsswitch.conf /etc/hosts /etc/passwd '${folder}/etc/' 2>/dev/null || true`,
      `touch '${folder}/etc/resolv.conf'`,
      `mount --bind '${folder}/etc' /etc`,
      'ip link set lo up',
      bridge,
      serve,
      'until [ -S /run/podns.sock ] && podns status --admin unix:/run/podns.sock >/dev/null 2>&1; do sleep 0.2; done',
      firewall,
      pod,
      resolvConf,
      'echo "--- resolv.conf"',
      'cat /etc/netns/app/resolv.conf',
      'echo "--- answers"',
      ask,
      'kill %1',
      'wait',
    ].join('\n');
    const shell = spawn(
      'unshare',
      ['-n', '-m', '-p', '--fork', '--kill-child', '--mount-proc', 'bash', '--norc', '-c', script],
      {
        cwd: ROOT,
        env: { ...process.env, NODE_EXTRA_CA_CERTS: undefined, PATH: `${folder}:${process.env['PATH']}` },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    );
    let out = '';
    let err = '';
    shell.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    shell.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
    const [code] = (await once(shell, 'close')) as [number];
    expect({ code, err: code === 0 ? '' : err }).toEqual({ code: 0, err: '' });
    const promised = /## resolv\.conf\n\n```\n([\s\S]*?)```/.exec(page)![1]!;
    const written = /--- resolv\.conf\n([\s\S]*?)--- answers/.exec(out)![1]!;
    expect(written.replace(/^(?:#.*)?\n/gm, '')).toBe(promised);
    const answers = out.split('--- answers\n')[1]!;
    expect(answers).toMatch(/^fdfd:1a8::3:1 +STREAM app/m);
    expect(answers).toMatch(/^fdfd:1a8::2:1 +STREAM db\.nextcloud/m);
  },
);
