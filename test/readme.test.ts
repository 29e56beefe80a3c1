/** The library example of the README runs as it stands there, and prints what it says. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

it('runs the example', () => {
  const readme = readFileSync(`${ROOT}README.md`, 'utf8');
  const code = /```js\n([\s\S]*?)```/.exec(readme)![1]!;
  const promised = /console\.log\(.*\); \/\/ (.*)/.exec(code)![1]!;
  // The package may import itself by its name, from its own folder.
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  expect(ran).toMatchObject({ status: 0, stderr: '', stdout: `${promised}\n` });
});
