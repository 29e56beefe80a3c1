/** The fuzzer over all targets, with a new seed each day. */
import { ROOT, count, runChild } from '../child.mjs';

export const fuzzing = {
  name: 'fuzz',
  about: 'all targets of the fuzzer: no property of docs/reliability.md is broken',
  short: { args: ['--replay'], seconds: 0 },
  long: { args: [], seconds: 1800 },
  reach: ({ seconds }) =>
    seconds === 0 ? 'the corpus and the failures of the past' : `${seconds / 60} minutes`,
  async run({ args, seconds }) {
    const time =
      seconds === 0
        ? []
        : ['--seconds', String(seconds), '--seed', String(Math.floor(Date.now() / 86_400_000))];
    const { stdout, stderr, code } = await runChild(process.execPath, [
      `${ROOT}fuzz/fuzz.mjs`,
      '--json',
      ...args,
      ...time,
    ]);
    const reports = stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    const faults = reports.flatMap(({ target, failures }) =>
      failures.map(({ kind, file }) => `${target}: ${kind} in ${file}`),
    );
    if (code !== 0 && faults.length === 0)
      faults.push(stderr.trim().split('\n').at(-1) || `it ended with ${code}`);
    const executions = reports.reduce((sum, report) => sum + report.executions, 0);
    return { got: `${count(executions)} inputs of ${reports.length} targets`, faults };
  },
};
