/** One client, and one tenant of outside names, that ask as fast as they can: what do the others lose? */
import { ROOT, count, runChild } from '../child.mjs';
import * as flood from '../flood.mjs';
import * as outside from '../flood-outside.mjs';

async function run(script, isLong) {
  const { stdout, stderr } = await runChild(process.execPath, [
    `${ROOT}prove/${script}`,
    ...(isLong ? ['--long'] : []),
  ]);
  if (!stdout.startsWith('{')) throw new Error(stderr.trim().split('\n').at(-1));
  return JSON.parse(stdout);
}

/** @param {number} value */
const milliseconds = (value) => `${value.toFixed(1)} ms`;

export const floodClient = {
  name: flood.name,
  about: 'one client floods, 99 ask now and then: these lose nothing',
  short: flood.short,
  long: flood.long,
  reach: ({ quiet, seconds, rate }) => `${seconds} s, ${quiet} clients with ${rate} queries a second each`,
  async run(parameters) {
    const { calm, flooded, sent, ratio } = await run('flood.mjs', parameters === flood.long);
    return {
      got:
        `${count(sent)} packets of the flood; the others lost ${calm.lost} of ${count(calm.asked)} without it and ` +
        `${flooded.lost} of ${count(flooded.asked)} with it; p99 ${milliseconds(calm.p99)}, then ${milliseconds(flooded.p99)} (${ratio.toFixed(1)} ×)`,
      faults: flooded.lost === 0 ? [] : [`${flooded.lost} queries are lost`],
    };
  },
};

export const floodOutside = {
  name: outside.name,
  about: 'one tenant floods names outside, of a silent upstream; others, of a living one, lose nothing',
  short: outside.short,
  long: outside.long,
  reach: ({ flood: rate, tenants, seconds }) =>
    `${seconds} s, ${count(rate)} queries a second, ${tenants} other tenants`,
  async run(parameters) {
    const { floods, asked, lost, failed, p99 } = await run('flood-outside.mjs', parameters === outside.long);
    return {
      got: `${count(floods)} queries of the flood; the others lost ${lost} of ${count(asked)}, ${failed} failed, p99 ${milliseconds(p99)}`,
      faults: lost + failed === 0 ? [] : [`${lost} queries are lost, ${failed} have failed`],
    };
  },
};
