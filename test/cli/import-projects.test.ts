/** Compose projects as people write them: what `import compose` makes of each, to the letter. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readZones } from '../../src/source/zones/zone-dir.ts';
import { podns } from './harness.ts';

const PROJECTS = fileURLToPath(new URL('compose', import.meta.url));

/** A folder of `compose/`, and what stands behind `import compose -n shop`. */
const RUNS: Record<string, { args: string[]; environment?: Record<string, string> }> = {
  anchors: { args: ['.'], environment: { TAG: '1' } },
  'environment-files': { args: ['.', '--env-file', 'all.env', '--env-file', 'site.env'] },
  extends: { args: [] },
  files: { args: ['base.yaml', '-f', 'production.yaml'] },
  hosts: { args: ['compose.yaml'] },
  include: { args: ['compose.yaml'] },
  letters: { args: ['compose.yaml'] },
  meeting: { args: ['.'], environment: { HTTPS_PORT: '443' } },
  modes: { args: ['.'] },
  named: { args: ['.'] },
  names: { args: ['.'] },
  numbers: { args: ['.'] },
  override: { args: ['.'] },
  ports: { args: ['.'] },
  variables: { args: ['.', '--profile', '*'], environment: { WEB_IP: '10.9.8.9' } },
};

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-projects-'))));
afterAll(() => rmSync(folder, { recursive: true }));

describe('a compose project', () => {
  it('is here for each run', () => {
    expect(readdirSync(PROJECTS).sort()).toEqual(Object.keys(RUNS).sort());
  });

  it.each(Object.entries(RUNS))('%s', async (name, { args, environment = {} }) => {
    const ran = await podns(['import', 'compose', ...args, '-n', 'shop'], {
      folder: join(PROJECTS, name),
      environment,
    });
    await expect(`${ran.out}--- said\n${ran.err}`).toMatchFileSnapshot(join(PROJECTS, name, 'expected.txt'));
    expect(ran.code).toBe(0);
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, ran.out);
    expect(readZones(file).problems).toEqual([]);
  });
});
