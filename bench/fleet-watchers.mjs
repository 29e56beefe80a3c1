/**
 * Watchers of a fleet in a process of their own: each holds one watch stream as a podns does, with its pauses, and
 * counts octets instead of keeping records. Told what to do by messages; answers each with one.
 */
import http from 'node:http';
import { backoff } from '../dist/source/reflector/run.js';

const TAIL = 256;
const BUCKET = 100;
/** Milliseconds after which a connection counts as a success, and pauses begin anew: as in src/source/reflector. */
const STEADY = 10_000;

export const clock = () => performance.timeOrigin + performance.now();

/** Of all watchers of this process. `attempts`, `lists`: by tenths of a second since `since`. */
let counts = fresh();
/** @type {Watcher[]} */
let watchers = [];
let expected = Buffer.from('\0');
let seen = 0;
let lastSeen = 0;

function fresh() {
  return { since: clock(), octets: 0, gone: 0, unready: 0, refused: 0, ended: 0, attempts: [], lists: [] };
}

function tally(list) {
  const at = Math.floor((clock() - counts.since) / BUCKET);
  list[at] = (list[at] ?? 0) + 1;
}

class Watcher {
  /** The last whole state has been read. */
  live = false;
  #port;
  #query;
  #revision = '';
  #attempt = 0;
  #liveSince = Infinity;
  #request;
  #timer;
  #tail = Buffer.alloc(0);
  #closed = false;

  constructor(port, vpcs) {
    this.#port = port;
    this.#query = vpcs.map((vpc) => `vpc=${vpc}`).join('&');
  }

  connect() {
    if (this.#closed) return;
    tally(counts.attempts);
    const revision = this.#revision === '' ? '' : `&revision=${this.#revision}`;
    const path = `/v1/watch?${this.#query}${revision}`;
    let over = false;
    const again = (least = 0) => {
      if (over) return;
      over = true;
      this.live = false;
      if (clock() - this.#liveSince >= STEADY) this.#attempt = 0;
      this.#liveSince = Infinity;
      // As src/source/reflector does: any pause up to a ceiling that doubles.
      this.#timer = setTimeout(() => this.connect(), least + backoff(this.#attempt++, Math.random));
    };
    this.#request = http.get({ host: '127.0.0.1', port: this.#port, path, agent: false }, (response) => {
      if (response.statusCode === 410) {
        counts.gone++;
        this.#revision = '';
      } else if (response.statusCode !== 200) counts.unready++;
      if (response.statusCode !== 200) {
        response.resume();
        response.on('close', () => again(1000 * Number(response.headers['retry-after'] ?? 0)));
        return;
      }
      this.#liveSince = clock();
      if (this.#revision !== '') this.live = true;
      else tally(counts.lists);
      response.on('data', (octets) => this.#read(octets));
      response.on('error', () => undefined);
      response.on('close', () => {
        counts.ended++;
        again();
      });
    });
    this.#request.on('error', () => {
      counts.refused++;
      again();
    });
  }

  #read(octets) {
    counts.octets += octets.length;
    const text = Buffer.concat([this.#tail, octets]);
    this.#tail = Buffer.from(text.subarray(-TAIL));
    const isNew = (at, length) => at >= 0 && at + length > text.length - octets.length;
    if (!this.live && isNew(text.lastIndexOf('"type":"synced"'), 15)) this.live = true;
    if (isNew(text.lastIndexOf(expected), expected.length)) {
      seen++;
      lastSeen = clock();
    }
    if (!this.live) return;
    const at = text.lastIndexOf('"revision":"');
    const end = at < 0 ? -1 : text.indexOf('"', at + 12);
    // Only of a line that is whole, and of no revision that goes on.
    if (end > 0 && text.at(-1) === 10) this.#revision = text.toString('latin1', at + 12, end);
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#request?.destroy();
  }
}

const TASKS = {
  open({ port, lists }) {
    const opened = lists.map((vpcs) => new Watcher(port, vpcs));
    watchers.push(...opened);
    for (const watcher of opened) watcher.connect();
  },
  close() {
    for (const watcher of watchers) watcher.close();
    watchers = [];
  },
  reset() {
    counts = fresh();
  },
  counts() {
    return {
      ...counts,
      watchers: watchers.length,
      live: watchers.filter(({ live }) => live).length,
      now: clock(),
    };
  },
  expect({ text }) {
    expected = Buffer.from(text);
    seen = 0;
  },
  seen() {
    return { seen, lastSeen };
  },
};

process.on('message', (/** @type {any} */ message) => {
  process.send?.({ id: message.id, result: TASKS[message.task](message) ?? null });
});
process.on('disconnect', () => process.exit(0));
