/** The loop: takes an input, changes it, runs it, and keeps what reached code that nothing reached before. */
import { createHash } from 'node:crypto';
import { kindOf } from './fault.mjs';
import { minimise } from './minimise.mjs';
import { mutate } from './mutate.mjs';

/** Inputs between two looks at the coverage, which cost a millisecond; each runs alone once their batch found something. */
const BATCH_MAX = 64;

/**
 * @typedef {object} Running
 * @property {(input: Buffer) => Promise<void> | void} run Throws where a property does not hold.
 * @property {() => Promise<void> | void} [close]
 */

/**
 * @typedef {object} Target
 * @property {string} name
 * @property {string} about What its input is, and which code reads it.
 * @property {number} most Octets of an input.
 * @property {boolean} text Inputs are lines of text.
 * @property {Buffer[]} words The dictionary.
 * @property {() => Buffer[]} seeds
 * @property {() => Promise<Running>} open
 */

export const hashOf = (input) => createHash('sha256').update(input).digest('hex').slice(0, 16);

export class Engine {
  executions = 0;
  /** Kept inputs, those of the corpus first. @type {Buffer[]} */
  pool = [];
  /** Inputs that reached something new, not of the corpus. @type {Buffer[]} */
  found = [];
  /** @type {{ kind: string, message: string, input: Buffer }[]} By kind. */
  failures = [];
  #target;
  #running;
  #coverage;
  #watchdog;
  #below;
  #kinds = new Set();
  #batch = 1;

  /**
   * @param {{ target: Target, running: Running, coverage?: import('./coverage.mjs').Coverage,
   *   watchdog?: { begin(input: Buffer): void }, below: (below: number) => number }} parts
   */
  constructor({ target, running, coverage, watchdog, below }) {
    this.#target = target;
    this.#running = running;
    this.#coverage = coverage;
    this.#watchdog = watchdog;
    this.#below = below;
  }

  /** Runs the corpus as it is. */
  async load(inputs) {
    this.#coverage?.skip();
    for (const input of inputs) {
      if (input.length > this.#target.most) continue;
      await this.#execute(input);
      // Without new code it is kept all the same as long as there are few: another path through known code.
      if ((this.#coverage?.take() ?? 1) > 0 || this.pool.length < 64) this.pool.push(input);
    }
    if (this.pool.length === 0) this.pool.push(Buffer.alloc(0));
  }

  /** Runs one batch of changed inputs. */
  async step() {
    const below = this.#below;
    const { most, text, words } = this.#target;
    const other = () => this.pool[below(this.pool.length)];
    const inputs = [];
    for (let i = 0; i < this.#batch; i++) {
      // Every other seed is of the newest quarter: what has just been found leads further.
      const { length } = this.pool;
      const newest = below(2) === 0 && this.found.length > 0;
      const seed = newest ? this.pool[length - 1 - below(Math.ceil(length / 4))] : other();
      inputs.push(mutate(seed, below, { most, text, words, other }));
    }
    for (const input of inputs) await this.#execute(input);
    if (this.#coverage === undefined) return;
    const fresh = this.#coverage.take();
    if (fresh === 0) {
      this.#batch = Math.min(BATCH_MAX, this.#batch * 2);
      return;
    }
    await this.#keep(inputs);
    this.#batch = Math.max(1, this.#batch >>> 1);
  }

  /**
   * Which inputs of the batch reached the new code cannot be told afterwards, as it is no longer new: each runs alone,
   * and those that together reach all of it are kept, as a second coverage without the batch would have seen them.
   */
  async #keep(inputs) {
    const best = inputs.length === 1 ? inputs : await this.#tell(inputs);
    for (const input of best) {
      this.pool.push(input);
      this.found.push(input);
    }
  }

  async #tell(inputs) {
    const coverage = this.#coverage;
    const kept = [];
    coverage.forgetFresh();
    for (const input of inputs) {
      await this.#execute(input);
      if (coverage.take() > 0) kept.push(input);
    }
    return kept;
  }

  async #execute(input) {
    this.executions++;
    this.#watchdog?.begin(input);
    try {
      // A copy: an input that is written to must not change the pool.
      await this.#running.run(Buffer.from(input));
    } catch (error) {
      await this.#fail(input, error);
    }
  }

  async #fail(input, error) {
    const kind = kindOf(error);
    if (this.#kinds.has(kind)) return;
    this.#kinds.add(kind);
    const small = await minimise(input, async (candidate) => (await this.#kind(candidate)) === kind);
    const failed = await this.#error(small);
    this.failures.push({ kind, message: messageOf(failed ?? error), input: small });
  }

  async #error(input) {
    this.#watchdog?.begin(input);
    try {
      await this.#running.run(Buffer.from(input));
      return undefined;
    } catch (error) {
      return error;
    }
  }

  async #kind(input) {
    const error = await this.#error(input);
    return error === undefined ? undefined : kindOf(error);
  }
}

function messageOf(error) {
  return error instanceof Error
    ? error.name === 'Fault'
      ? error.message
      : (error.stack ?? error.message)
    : String(error);
}
