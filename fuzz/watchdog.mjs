/**
 * A thread that looks whether the other one moves: an input that runs for too long, or takes too much memory, is
 * written down and the process ended, because nothing else could end it.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { Worker, isMainThread, workerData } from 'node:worker_threads';

const LOOK_MS = 250;
const LENGTH = 1;
const DATA = 8;
/** More than the largest input of any target. */
const INPUT_MAX = 1 << 20;

export class Watchdog {
  #words;
  #bytes;
  #worker;

  /** `hangMs`: of one input. `growthOctets`: resident memory above that of the start. */
  constructor({ folder, hangMs, growthOctets }) {
    const memory = new SharedArrayBuffer(DATA + INPUT_MAX);
    this.#words = new Int32Array(memory, 0, 2);
    this.#bytes = new Uint8Array(memory, DATA);
    this.#worker = new Worker(new URL(import.meta.url), {
      workerData: { memory, folder, hangMs, growthOctets },
    });
    this.#worker.unref();
  }

  /** The next input begins. */
  begin(input) {
    this.#bytes.set(input.subarray(0, INPUT_MAX));
    this.#words[LENGTH] = Math.min(input.length, INPUT_MAX);
    Atomics.add(this.#words, 0, 1);
  }

  async close() {
    await this.#worker.terminate();
  }
}

function look({ memory, folder, hangMs, growthOctets }) {
  const words = new Int32Array(memory, 0, 2);
  const bytes = new Uint8Array(memory, DATA);
  let last = 0;
  let still = 0;
  const most = process.memoryUsage.rss() + growthOctets;
  setInterval(() => {
    const count = Atomics.load(words, 0);
    still = count === last && count > 0 ? still + LOOK_MS : 0;
    last = count;
    const kind = still >= hangMs ? 'hang' : process.memoryUsage.rss() > most ? 'memory' : undefined;
    if (kind === undefined) return;
    const input = Buffer.from(bytes.slice(0, words[LENGTH]));
    const hash = createHash('sha256').update(input).digest('hex').slice(0, 16);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, hash), input);
    writeSync(2, `${kind}: an input of ${input.length} octets is in ${join(folder, hash)}\n`);
    process.kill(process.pid, 'SIGKILL');
  }, LOOK_MS);
}

if (!isMainThread && workerData?.memory !== undefined && workerData.hangMs !== undefined) look(workerData);
