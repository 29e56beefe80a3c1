/**
 * One seed for every property test, so that a run is the same on every machine and a failure is never a matter of luck.
 * `PODNS_PROPERTY_SEED=random` explores with a new one, which a failing test prints; a number repeats that run.
 */
import fc from 'fast-check';

const FIXED_SEED = 20_261_128;

/** The seed of this run: FIXED_SEED, the number that the environment names, or a new one. */
export function propertySeed(): number {
  const said = process.env['PODNS_PROPERTY_SEED'];
  if (said === undefined || said === '') return FIXED_SEED;
  if (said === 'random') return Date.now() & 0x7fffffff;
  const seed = Number(said);
  if (!Number.isSafeInteger(seed))
    throw new Error(`PODNS_PROPERTY_SEED must be an integer or 'random', not '${said}'`);
  return seed;
}

fc.configureGlobal({ seed: propertySeed() });
