/**
 * Which octets of the compiled code have run, by V8's precise block coverage, and whether the last inputs reached more.
 *
 * V8 merges blocks that ran equally often, so the ranges of two takes cannot be compared: each take is painted onto a
 * map of its function's text, and what counts is an octet that no take before has reached.
 */
import { Session } from 'node:inspector';
import { pathToFileURL } from 'node:url';

export class Coverage {
  /** Octets of code reached. */
  reached = 0;
  /** Functions of which something was reached. */
  get functions() {
    return this.#seen.size;
  }
  #session = new Session();
  /** @type {Map<string, Uint8Array>} By URL and place of the function. */
  #seen = new Map();
  #paint = new Uint8Array(1 << 16);
  /** What the last take reached first. @type {[Uint8Array, number][]} */
  #fresh = [];
  #prefix;

  /** @param {string} folder Only code below it counts. */
  constructor(folder) {
    this.#prefix = `${pathToFileURL(folder).href}/`;
    this.#session.connect();
    this.#post('Profiler.enable');
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  /** Forgets what has run since the last take. */
  skip() {
    this.#post('Profiler.takePreciseCoverage');
  }

  /** How many octets of code were reached since the last take and never before. */
  take() {
    const { result } = this.#post('Profiler.takePreciseCoverage');
    let fresh = 0;
    this.#fresh = [];
    for (const { url, functions } of result) {
      if (!url.startsWith(this.#prefix)) continue;
      for (const { ranges } of functions) fresh += this.#merge(url, ranges);
    }
    this.reached += fresh;
    return fresh;
  }

  /** Takes the last take back, so that its inputs can be told apart. */
  forgetFresh() {
    for (const [seen, at] of this.#fresh) seen[at] = 0;
    this.reached -= this.#fresh.length;
    this.#fresh = [];
  }

  close() {
    this.#session.disconnect();
  }

  #merge(url, ranges) {
    const { startOffset: start, endOffset: end } = ranges[0];
    const length = end - start;
    if (length > this.#paint.length) this.#paint = new Uint8Array(2 * length);
    const paint = this.#paint;
    // The outer range comes first, and those inside overwrite their part of it.
    for (const { startOffset, endOffset, count } of ranges)
      paint.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
    const key = `${url} ${start}`;
    let seen = this.#seen.get(key);
    if (seen === undefined) this.#seen.set(key, (seen = new Uint8Array(length)));
    let fresh = 0;
    for (let i = 0; i < length; i++) {
      if (paint[i] > seen[i]) {
        seen[i] = 1;
        fresh++;
        this.#fresh.push([seen, i]);
      }
    }
    return fresh;
  }

  /** @returns {any} The answer, which comes before `post` returns. */
  #post(method, parameters) {
    let answer;
    this.#session.post(method, parameters, (error, value) => {
      if (error !== null) throw error;
      answer = value;
    });
    return answer;
  }
}
