/** The models of `models/` in larger sizes than those of the tests. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, count, runChild } from '../child.mjs';

const has = (tool) => spawnSync('sh', ['-c', `command -v ${tool}`], { stdio: 'ignore' }).status === 0;

/** @param {string} model @param {string[]} sizes */
async function check(model, sizes) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-model-'));
  try {
    const compile = `cd "$1" && shift && spin -a "$@" && gcc -O2 -DSAFETY -DCOLLAPSE -DMEMLIM=8000 -o pan pan.c && ./pan -m1000000 -n`;
    const { stdout } = await runChild('sh', [
      '-c',
      compile,
      'sh',
      folder,
      ...sizes,
      `${ROOT}models/${model}.pml`,
    ]);
    const errors = /errors: (\d+)/.exec(stdout)?.[1];
    const states = Number(/(\d+) states, stored/.exec(stdout)?.[1] ?? 0);
    const isWhole = !/MEMLIM|too small/.test(stdout);
    return {
      states,
      fault:
        errors === '0' && isWhole
          ? undefined
          : `${model}: ${errors ?? 'no'} errors${isWhole ? '' : ', not all states'}`,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export const models = {
  name: 'models',
  about: 'models of the flip, the retirement and the ring: no error in any order of their steps',
  short: { flip: [], retirement: [], ring: [] },
  long: { flip: ['-DROUNDS=3', '-DCOMMITS=4'], retirement: ['-DCHANGES=4'], ring: ['-DRECORDS=6'] },
  reach: (sizes) =>
    Object.entries(sizes)
      .map(([model, flags]) => `${model} ${flags.join(' ').replaceAll('-D', '')}`.trim())
      .join(', '),
  missing: () => (has('spin') && has('gcc') ? undefined : 'missing spin or gcc: apt-get install spin gcc'),
  async run(sizes) {
    const faults = [];
    const got = [];
    for (const [model, flags] of Object.entries(sizes)) {
      const { states, fault } = await check(model, flags);
      got.push(`${model}: ${count(states)} states`);
      if (fault !== undefined) faults.push(fault);
    }
    return { got: got.join(', '), faults };
  },
};
