/**
 * The long forms of what is tested: `npm run prove -- [--only NAME,…] [--short] [--json FILE] [--list]`.
 *
 * Prints one table: what was tried, its reach, what came of it, and the verdict. Ends with 1 when one has failed, with
 * 2 when it was called wrongly.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ENTRIES } from './entries.mjs';
import { tableText } from './table.mjs';

const USAGE = `npm run prove -- [--only NAME,…] [--short] [--json FILE] [--list]

  --only    these entries; default: all
  --short   the reach of the tests, minutes in all, instead of the long one
  --json    writes the results there as well
  --list    the entries and their reach, and runs nothing`;

/** @returns {never} */
function usage(message) {
  console.error(`${message}\n${USAGE}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        only: { type: 'string', default: '' },
        short: { type: 'boolean', default: false },
        json: { type: 'string', default: '' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    return usage(/** @type {Error} */ (error).message);
  }
}

const options = readOptions();
if (options.help) {
  console.log(USAGE);
  process.exit(0);
}
const wanted = options.only === '' ? ENTRIES.map(({ name }) => name) : options.only.split(',');
for (const name of wanted)
  if (!ENTRIES.some((entry) => entry.name === name)) usage(`--only ${name}: there is no such entry`);
const chosen = ENTRIES.filter(({ name }) => wanted.includes(name));

if (options.list) {
  console.log(
    tableText(
      ['name', 'about', 'short', 'long'],
      chosen.map((entry) => [entry.name, entry.about, entry.reach(entry.short), entry.reach(entry.long)]),
    ),
  );
  process.exit(0);
}

/** @type {{ name: string, reach: string, got: string, verdict: string, seconds: number }[]} */
const results = [];
for (const entry of chosen) {
  const parameters = options.short ? entry.short : entry.long;
  const reach = entry.reach(parameters);
  console.error(`${entry.name}: ${reach} …`);
  const began = performance.now();
  let got = '';
  let verdict = 'holds';
  try {
    const missing = entry.missing?.();
    if (missing !== undefined) [got, verdict] = [missing, 'NOT RUN'];
    else {
      const outcome = await entry.run(parameters);
      got = outcome.got;
      if (outcome.faults.length > 0) {
        verdict = 'FAILED';
        got += `; ${outcome.faults.join('; ')}`;
      }
    }
  } catch (error) {
    got = error instanceof Error ? error.message : String(error);
    verdict = 'FAILED';
  }
  const seconds = Math.round((performance.now() - began) / 1000);
  results.push({ name: entry.name, reach, got, verdict, seconds });
}
const rows = results.map(({ name, reach, got, verdict, seconds }) => [
  name,
  reach,
  got,
  `${seconds} s`,
  verdict,
]);
console.log(tableText(['name', 'reach', 'got', 'time', 'verdict'], rows));
if (options.json !== '') writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`);
// What was not run does not hold: it failed to show anything.
process.exit(results.every(({ verdict }) => verdict === 'holds') ? 0 : 1);
