/**
 * What `npm run prove` runs, in order. Each module of `entries/` exports one entry or a list of them.
 *
 * @typedef {object} Outcome
 * @property {string} got What was measured, in one line.
 * @property {string[]} faults What does not hold; empty when all does.
 */
import { connections } from './entries/connections.mjs';
import { flooded, floodedOutside } from './entries/floods.mjs';
import { fuzzing } from './entries/fuzzing.mjs';
import { hostileTcp, hostileUdp } from './entries/hostile.mjs';
import { killed } from './entries/killed.mjs';
import { models } from './entries/models.mjs';
import { soak } from './entries/soak.mjs';
import { state } from './entries/state.mjs';
import { streamsTcp } from './entries/streams.mjs';
import { takeover } from './entries/takeover.mjs';
import { clocks, events, octets, steps, stopped } from './entries/tested.mjs';

/**
 * @typedef {object} Entry
 * @property {string} name
 * @property {string} about What is tried, and what must hold.
 * @property {any} short Parameters of the tests.
 * @property {any} long Parameters of `npm run prove`.
 * @property {(parameters: any) => string} reach The parameters as one says them.
 * @property {() => string | undefined} [missing] Why it cannot run here.
 * @property {(parameters: any) => Promise<Outcome>} run
 */

/** @type {Entry[]} */
export const ENTRIES = [
  takeover,
  steps,
  hostileUdp,
  hostileTcp,
  streamsTcp,
  connections,
  flooded,
  floodedOutside,
  killed,
  state,
  clocks,
  stopped,
  octets,
  events,
  soak,
  fuzzing,
  models,
];
