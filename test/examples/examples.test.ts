/** Each folder of examples/ has a README, and what that says is what happens. */
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { linesOf, runReadme } from './read-me.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

it('all examples are tested here', () => {
  expect(readdirSync(`${ROOT}examples`).sort()).toEqual(['control-plane', 'embedded', 'zone-folder']);
});

it('the embedded server prints what its README shows', () => {
  const shown = /```\n\$ node (\S+)\n([\s\S]*?)```/.exec(
    readFileSync(`${ROOT}examples/embedded/README.md`, 'utf8'),
  )!;
  const ran = spawnSync(process.execPath, [shown[1]!], { cwd: ROOT, encoding: 'utf8' });
  expect(ran).toMatchObject({ status: 0, stderr: '', stdout: shown[2] });
});

const reason = missingTools(['bash', 'curl']);
if (reason !== undefined) skipAloud('the READMEs of the examples', reason);

describe.skipIf(reason !== undefined)('the README of', () => {
  it.each(['control-plane', 'zone-folder'])('%s does what it says', { timeout: 90_000 }, async (name) => {
    const readme = `examples/${name}/README.md`;
    const promised = linesOf(readme).flatMap((line) => line.promised ?? []);
    expect(promised.length).toBeGreaterThan(0);
    expect(await runReadme(readme)).toEqual(promised);
  });
});
