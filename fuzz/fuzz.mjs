/**
 * Fuzzing with V8's coverage as a guide: `npm run fuzz -- [--target NAME] [--corpus DIR] [--seconds N] [--seed N]`.
 *
 * Without a target each has its share of the time. A failure is made as small as it gets and written to
 * `fuzz/failures/TARGET/`, from where `npm test` runs it again in every run. Ends with 1 when something failed, with 2
 * when it was called wrongly.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { random } from '../bench/wire.mjs';
import { DIST, FUZZ } from './code.mjs';
import { readCorpus } from './corpus.mjs';
import { Coverage } from './coverage.mjs';
import { Engine, hashOf } from './engine.mjs';
import { TARGETS } from './targets.mjs';
import { Watchdog } from './watchdog.mjs';

const USAGE = `npm run fuzz -- [--target ${Object.keys(TARGETS).join('|')}] [--corpus DIR|FILE] [--seconds N]
  [--executions N] [--seed N] [--failures DIR] [--keep DIR] [--until-failure] [--replay] [--json]

  --target      one target, or several with commas; default: all
  --corpus      further inputs: a folder of files, or a file of packets, each behind its length in 16 bits
  --seconds     for all targets together, default 60; --executions: at most so many inputs of each
  --seed        the same seed gives the same inputs in the same order
  --failures    where failures go, default fuzz/failures
  --keep        writes each input that reached new code into this folder, by target
  --until-failure  ends at the first failure
  --replay      runs the corpus and the failures as they are, and nothing else
  --json        one line of JSON a target`;

const HANG_MS = 10_000;
/** Resident memory above that of the start; the collector's own slack is far below. */
const GROWTH_OCTETS = 1.5 * 2 ** 30;

/** @returns {never} */
function usage(message) {
  console.error(`${message}\n${USAGE}`);
  process.exit(2);
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        target: { type: 'string', default: Object.keys(TARGETS).join(',') },
        corpus: { type: 'string', default: '' },
        seconds: { type: 'string' },
        executions: { type: 'string' },
        seed: { type: 'string', default: '1' },
        failures: { type: 'string', default: join(FUZZ, 'failures') },
        keep: { type: 'string', default: '' },
        'until-failure': { type: 'boolean', default: false },
        replay: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
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
const names = options.target.split(',');
for (const name of names) if (TARGETS[name] === undefined) usage(`--target ${name}: there is no such target`);

function number(flag, text, least) {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < least)
    usage(`--${flag} ${text}: a whole number from ${least} is needed`);
  return value;
}
const seed = number('seed', options.seed, 0);
const executions = options.executions === undefined ? Infinity : number('executions', options.executions, 1);
const seconds =
  options.seconds === undefined
    ? executions === Infinity
      ? 60
      : Infinity
    : number('seconds', options.seconds, 1);

async function fuzz(name) {
  const { default: target } = await import(TARGETS[name]);
  const folder = join(options.failures, name);
  let inputs;
  try {
    const own = [...target.seeds(), ...readCorpus(join(FUZZ, 'corpus', name)), ...readCorpus(folder)];
    inputs = options.corpus === '' ? own : [...own, ...readCorpus(options.corpus, true)];
  } catch (error) {
    return usage(/** @type {Error} */ (error).message);
  }
  const tooLong = inputs.filter(({ length }) => length > target.most).length;
  const running = await target.open();
  const watchdog = new Watchdog({ folder, hangMs: HANG_MS, growthOctets: GROWTH_OCTETS });
  const coverage = options.replay ? undefined : new Coverage(DIST);
  const engine = new Engine({ target, running, coverage, watchdog, below: random(seed * 2 + 1) });
  const began = performance.now();
  await engine.load(inputs);
  const isOver = () => options['until-failure'] && engine.failures.length > 0;
  if (!options.replay) {
    const end = began + (seconds * 1000) / names.length;
    while (!isOver() && engine.executions < executions && performance.now() < end) {
      await engine.step();
      // Timers and sockets of the code under test have their turn too.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
  await watchdog.close();
  coverage?.close();
  await running.close?.();
  const files = engine.failures.map(({ kind, message, input }) => {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, hashOf(input));
    writeFileSync(file, input);
    return { kind, message, octets: input.length, file };
  });
  if (options.keep !== '' && engine.found.length > 0) {
    const kept = join(options.keep, name);
    mkdirSync(kept, { recursive: true });
    for (const input of engine.found) writeFileSync(join(kept, hashOf(input)), input);
  }
  return {
    target: name,
    seed,
    corpus: inputs.length - tooLong,
    tooLong,
    executions: engine.executions,
    seconds: Math.round((performance.now() - began) / 100) / 10,
    found: engine.found.length,
    ...(coverage === undefined ? {} : { functions: coverage.functions, octets: coverage.reached }),
    rssMiB: Math.round(process.memoryUsage.rss() / 2 ** 20),
    failures: files,
  };
}

function print(report) {
  if (options.json) {
    console.log(JSON.stringify(report));
    return;
  }
  const { target, failures, found, functions, octets } = report;
  const reached =
    functions === undefined ? '' : `, ${found} kept, ${octets} octets of ${functions} functions reached`;
  console.log(
    `${target.padEnd(9)} ${report.executions} inputs in ${report.seconds} s, ${report.corpus} of the corpus${reached}, ` +
      (failures.length === 0 ? 'no failure' : `${failures.length} FAILED`),
  );
  for (const { kind, message, octets: size, file } of failures)
    console.log(`  ${kind}\n    ${message.replaceAll('\n', '\n    ')}\n    ${size} octets in ${file}`);
}

let failed = false;
for (const name of names) {
  const report = await fuzz(name);
  print(report);
  failed ||= report.failures.length > 0;
}
process.exit(failed ? 1 : 0);
