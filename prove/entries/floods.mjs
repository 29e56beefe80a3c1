/** The programs of docs/overload.md: one client, or one tenant, floods, and others must not suffer from it. */
import * as outside from '../flood-outside.mjs';
import * as flood from '../flood.mjs';
import { count } from '../child.mjs';

/** How much longer a quiet client may wait while another floods. */
const SLOWER = 2;
/** Milliseconds below which nobody's wait counts as long, however short it was before. */
const SHORT_WAIT = 5;

const linux = () => (process.platform === 'linux' ? undefined : 'needs Linux and all of 127.0.0.0/8');

export const flooded = {
  name: flood.name,
  about:
    'one client asks as fast as it can, others now and then: these lose nothing, and their p99 is at most twice that of quiet times',
  short: { ...flood.short, slower: Infinity },
  long: { ...flood.long, slower: SLOWER },
  reach: ({ quiet, rate, seconds }) =>
    `1 flooding, ${quiet} quiet clients of ${rate} queries a second, ${seconds} s`,
  missing: linux,
  async run(/** @type {any} */ { slower, ...parameters }) {
    const { calm, flooded: during, sent, shed, ratio } = await flood.run(parameters);
    const faults = [];
    if (calm.lost + during.lost > 0)
      faults.push(`${calm.lost} lost in quiet times, ${during.lost} in the flood`);
    if (sent < during.asked) faults.push('that was no flood');
    if (ratio > slower && during.p99 > SHORT_WAIT)
      faults.push(`the quiet ones wait ${ratio.toFixed(1)} times as long`);
    const got =
      `${count(sent)} in the flood, ${count(shed)} shed; the others ${during.lost} of ${count(during.asked)} lost, ` +
      `p99 ${calm.p99.toFixed(2)} → ${during.p99.toFixed(2)} ms`;
    return { got, faults };
  },
};

export const floodedOutside = {
  name: outside.name,
  about:
    'one tenant floods names outside to a resolver that is silent: those of other tenants, of a resolver that answers, lose nothing',
  short: outside.short,
  long: outside.long,
  reach: ({ flood: rate, tenants, seconds }) =>
    `${count(rate)} queries a second of one tenant, ${tenants} others, ${seconds} s`,
  missing: linux,
  async run(parameters) {
    const { floods, asked, lost, failed, p99, overflows } = await outside.run(parameters);
    const faults = [];
    if (lost > 0) faults.push(`${lost} lost`);
    if (failed > 0) faults.push(`${failed} without an address`);
    const got =
      `${count(floods)} in the flood, ${count(overflows)} turned away; the others ${lost} of ${count(asked)} lost, ` +
      `${failed} failed, p99 ${p99?.toFixed(1)} ms`;
    return { got, faults };
  },
};
