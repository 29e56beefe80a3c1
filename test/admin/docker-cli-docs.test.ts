/** The commands of docs/docker-cli.md print what it says, with Docker's client as installed. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { DockerNode } from './docker-harness.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const page = readFileSync(join(ROOT, 'docs/docker-cli.md'), 'utf8');
const reason = missingTools(['docker']);
if (reason !== undefined) skipAloud('docs/docker-cli.md', reason);

/** Runs a line of a shell, with a home of its own. */
function shell(line: string, home: string): Promise<string> {
  const child = spawn('sh', ['-c', line], { env: { PATH: process.env['PATH'], HOME: home }, stdio: 'pipe' });
  let out = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  let err = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  return new Promise((resolve, reject) => {
    child.on('close', (code) => (code === 0 ? resolve(out) : reject(new Error(`${line}: ${err}`))));
  });
}

describe.skipIf(reason !== undefined)('docs/docker-cli.md', () => {
  it('has commands that print what it says', async () => {
    const node = await new DockerNode({ zones: join(ROOT, 'zones') }).start();
    try {
      const blocks = [...page.matchAll(/```console\n([\s\S]*?)```/g)].map(([, block]) => block!);
      const commands = blocks.flatMap((block) => block.split(/^\$ /m).slice(1));
      expect(commands.length).toBeGreaterThan(6);
      for (const command of commands) {
        const [line, ...output] = command.split('\n');
        const out = await shell(line!.replaceAll('127.0.0.1:9153', node.address), node.folder);
        expect(`${line}\n${out.replace(/[ \t]+$/gm, '')}`).toBe([line, ...output].join('\n'));
      }
    } finally {
      await node.close();
    }
  });

  it('has a configuration that carries the token', async () => {
    const node = await new DockerNode({ zones: join(ROOT, 'zones'), token: 'sesame' }).start();
    try {
      const config = /```json\n([\s\S]*?)```/.exec(page)![1]!;
      writeFileSync(join(node.folder, 'config.json'), config.replace('TOKEN', 'sesame'));
      const line = `docker --config ${node.folder} -H ${node.host}/vpc/aep network ls -q`;
      expect(await shell(line, node.folder)).toBe('v1223123123\nv9dfdfa3bb8\n');
    } finally {
      await node.close();
    }
  });
});
