/** Entries that are tests of `test/` in their long form, which an environment variable asks for. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT, count, runChild } from '../child.mjs';

/**
 * @param {{ files: string[], environment: Record<string, string> }} parameters
 * @returns {Promise<import('../entries.mjs').Outcome>}
 */
async function run({ files, environment }) {
  const folder = mkdtempSync(join(tmpdir(), 'podns-tested-'));
  const report = join(folder, 'report.json');
  try {
    const args = [
      `${ROOT}node_modules/vitest/vitest.mjs`,
      'run',
      '--reporter',
      'json',
      '--outputFile',
      report,
    ];
    const { stderr, code } = await runChild(process.execPath, [...args, ...files], environment);
    let results;
    try {
      results = JSON.parse(readFileSync(report, 'utf8'));
    } catch {
      throw new Error(`the tests did not run: ${stderr.trim().split('\n').at(-1)}`);
    }
    const cases = results.testResults.flatMap(({ assertionResults }) => assertionResults);
    const faults = cases
      .filter(({ status }) => status === 'failed')
      .map(({ fullName, failureMessages }) => `${fullName}: ${failureMessages[0]?.split('\n')[0]}`);
    const passed = cases.filter(({ status }) => status === 'passed').length;
    // What is skipped shows nothing.
    if (passed < cases.length && faults.length === 0) faults.push(`${cases.length - passed} were skipped`);
    if (passed === 0 || (code !== 0 && faults.length === 0)) faults.push(`vitest ended with ${code}`);
    return { got: `${count(passed)} of ${count(cases.length)} tests passed`, faults };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} name
 * @param {string} about
 * @param {string[]} files
 * @param {{ short: [string, Record<string, string>], long: [string, Record<string, string>] }} reaches Each as one says
 *   it, with what it needs in the environment.
 */
function tested(name, about, files, { short, long }) {
  const parameters = ([reach, environment]) => ({ reach, files, environment });
  return {
    name,
    about,
    short: parameters(short),
    long: parameters(long),
    reach: ({ reach }) => reach,
    run,
  };
}

export const stopped = tested(
  'stopped',
  'SIGSTOP while changes arrive: none is lost, no answer is called old',
  ['test/watch/stopped.test.ts'],
  { short: ['3 s', {}], long: ['60 s', { PODNS_STOPPED_SECONDS: '60' }] },
);

export const clocks = tested(
  'clocks',
  'clocks set while a stream is lost, wrong when a view was saved, and different from host to host: no wrong staleness',
  ['test/watch/clock-jumps.test.ts'],
  { short: ['± 1 hour, ± 1 day', {}], long: ['± 1 hour, ± 1 day', {}] },
);

export const octets = tested(
  'every-octet',
  'a watch stream cut or ended at an octet, its changes twice or exchanged: the view is the source’s in the end; cut, ended or repeated, it shows no state that never was',
  ['test/watch/every-octet.test.ts'],
  { short: ['each 17th octet', {}], long: ['each octet', { PODNS_EVERY_OCTET: '1' }] },
);

export const events = tested(
  'events',
  'random events over four nodes (direct, relayed, from a saved view, restarted): digests are equal at each quiet moment',
  ['test/properties/long-run.test.ts'],
  {
    short: ['4,000 events', {}],
    long: ['1,000,000 events', { PODNS_LONG_RUN_EVENTS: '1000000' }],
  },
);

export const steps = tested(
  'takeover-steps',
  'a process killed, stopped or of another version at each step of a takeover: the other one goes on',
  ['test/takeover/takeover.test.ts', 'test/takeover/restart.test.ts'],
  { short: ['each step', {}], long: ['each step', {}] },
);
