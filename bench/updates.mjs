/**
 * Changes under full query load: how many queries a second remain, and how long a change takes to be answered.
 *
 * A change moves one pod to another address. Once in a while the moved pod is a marked one: it is asked for in
 * turn until the new address comes, and the time since its line was written is what is reported. Both the
 * writer and this asker share the generator's core, so the times are an upper bound. What the server itself counts,
 * from the arrival of a line to the moment from which workers answer it, is reported beside them.
 */
import { get } from 'node:http';
import { join } from 'node:path';
import { Asker } from './check.mjs';
import { pod6Octets, podDomain, podObject } from './pods.mjs';
import { AAAA, random } from './wire.mjs';

const RATES = [1000, 10_000];
/** Pods that only the marked changes touch. */
const MARKED = 16;
/** Between two timed changes, milliseconds. */
const PROBE_PAUSE = 50;
/** Lines are written in bursts this far apart, milliseconds. */
const TICK = 2;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

class Feeder {
  #below = random(7);
  #revision = 1;
  #generation = 0;
  #timer;

  constructor(stream, pods) {
    this.stream = stream;
    this.pods = pods;
  }

  line(i, generation) {
    this.#revision += 1;
    const object = podObject(i, generation);
    return JSON.stringify({ type: 'put', revision: String(this.#revision), object }) + '\n';
  }

  /** Writes about `rate` changes a second until `stop`. */
  start(rate) {
    const began = performance.now();
    let written = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) * rate) / 1000) - written;
      let lines = '';
      for (let n = 0; n < due; n++) {
        this.#generation = (this.#generation % 0xfffe) + 1;
        lines += this.line(MARKED + this.#below(this.pods - MARKED), this.#generation);
      }
      written += Math.max(0, due);
      if (lines !== '') this.stream.write(lines);
    }, TICK);
    return () => {
      clearInterval(this.#timer);
      return (written * 1000) / (performance.now() - began);
    };
  }
}

/** Milliseconds from the writing of a change to the first answer that shows it; undefined after 5 s. */
async function timeOne(asker, feeder, i, generation) {
  const expected = pod6Octets(i, generation).toString('hex');
  const began = performance.now();
  feeder.stream.write(feeder.line(i, generation));
  while (performance.now() - began < 5000) {
    const answer = await asker.ask(podDomain(i), AAAA, 200);
    if (answer?.rdata[0] === expected) return performance.now() - began;
  }
  return undefined;
}

/** The server's own histogram: how many changes took at most so many milliseconds. */
function applied({ folder }) {
  return new Promise((resolve, reject) => {
    get(
      { socketPath: join(folder, 'admin'), path: '/metrics', headers: { host: 'localhost' } },
      (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (more) => (text += more));
        response.on('error', reject).on('end', () => {
          const lines = text.matchAll(/^podns_apply_seconds_bucket\{le="([^"]+)"\} (\d+)$/gm);
          resolve(
            [...lines].map(([, le, count]) => [Number(le.replace('+Inf', 'Infinity')) * 1000, Number(count)]),
          );
        });
      },
    ).on('error', reject);
  });
}

/** The end of the bucket that holds this share of what has been counted between two looks. */
function quantileBetween(before, after, q) {
  const counts = after.map(([end, count], i) => [end, count - before[i][1]]);
  const wanted = counts.at(-1)[1] * q;
  return counts.find(([, count]) => count >= wanted)[0];
}

async function timeChanges(asker, feeder, state, until) {
  const times = [];
  for (let n = 0; !until.done; n++) {
    state.generation = (state.generation % 0xfffe) + 1;
    const took = await timeOne(asker, feeder, n % MARKED, state.generation);
    if (took === undefined) throw new Error('a change was not answered within 5 s');
    times.push(took);
    await pause(PROBE_PAUSE);
  }
  return times;
}

export async function measureUpdates({ server, pods, seconds, rounds, order, report, say }) {
  const feeder = new Feeder(server.child.stdin, pods);
  const asker = await Asker.open(6, server.port);
  const state = { generation: 0 };
  const load = () =>
    order({
      kind: 'udp',
      port: server.port,
      pids: server.pids,
      family: 6,
      pods,
      seconds,
      warmup: seconds / 4,
    });
  try {
    for (const rate of RATES) {
      const kept = [];
      const rates = [];
      const times = [];
      const before = await applied(server);
      for (let round = 0; round < rounds; round++) {
        const quiet = await load();
        const stop = feeder.start(rate);
        const busy = await load();
        // Timed apart: who asks again and again would take a part of the load for itself.
        const until = { done: false };
        const timing = timeChanges(asker, feeder, state, until);
        await load();
        until.done = true;
        times.push(...(await timing));
        const reached = stop();
        if (reached < rate * 0.9) say(`only ${Math.round(reached)} of ${rate} changes a second were written`);
        kept.push(busy.rate / quiet.rate);
        rates.push(busy.rate);
        // The server may have fallen behind; the next quiet round must not pay for it.
        await timeOne(asker, feeder, 0, (state.generation = (state.generation % 0xfffe) + 1));
      }
      const after = await applied(server);
      const inside = [0.5, 0.99].map((q) => quantileBetween(before, after, q));
      report.update(rate, { kept, rates, times, inside });
      say(
        `${rate} changes a second: kept ${kept.map((each) => each.toFixed(2)).join(' ')}, ${times.length} timed`,
      );
    }
  } finally {
    asker.close();
  }
}
