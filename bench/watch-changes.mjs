/** How soon changes of a watch stream are answered, and how many a second are applied. */
import { pause, quantiles } from './watch-asker.mjs';
import { pod6Octets } from './pods.mjs';
import { cpuMicroseconds, family } from './process.mjs';
import { summary } from './statistics.mjs';
import { random } from './wire.mjs';

const RATE = 1000;
/** Changes of the flood that measures how many a second one core applies. */
const FLOOD = 100_000;
/** Pods that only the timed changes touch. */
const MARKED = 16;

/** Changes at a steady rate, with timed ones among them; what each round of so many seconds saw is beside the whole. */
export async function propagation(upstream, asker, admin, pods, rounds, seconds) {
  const below = random(7);
  let generation = 0;
  let written = 0;
  const began = performance.now();
  const timer = setInterval(() => {
    let due = Math.floor(((performance.now() - began) * RATE) / 1000) - written;
    let lines = '';
    for (; due > 0; due--, written++) {
      generation = (generation % 0xfffe) + 1;
      lines += upstream.line(MARKED + below(pods - MARKED), generation);
    }
    if (lines !== '') upstream.say(lines);
  }, 1);
  const times = [];
  /** @type {{ p50: number[], p99: number[] }} */
  const inRounds = { p50: [], p99: [] };
  for (let [n, round] = [1, 1]; round <= rounds; round++) {
    const from = times.length;
    for (; performance.now() - began < round * seconds * 1000; n++) {
      const line = upstream.line(n % MARKED, n);
      const start = performance.now();
      upstream.say(line);
      await asker.until(n % MARKED, n);
      times.push(performance.now() - start);
      await pause(3);
    }
    const { p50, p99 } = quantiles(times.slice(from));
    inRounds.p50.push(p50);
    inRounds.p99.push(p99);
  }
  clearInterval(timer);
  /** @type {any} */
  const status = await (await fetch(`http://127.0.0.1:${admin}/v1/status`)).json();
  return {
    ...quantiles(times),
    rounds: { p50: summary(inRounds.p50), p99: summary(inRounds.p99) },
    inside: status.propagation.received,
    written: Math.round((written * 1000) / (performance.now() - began)),
  };
}

/** As many as it takes, in one go: each a revision of its own. */
export async function flood(upstream, asker, server, pods) {
  const below = random(9);
  const last = (FLOOD % 0xfffe) + 1;
  let lines = '';
  for (let n = 0; n < FLOOD; n++) lines += upstream.line(MARKED + below(pods - MARKED), (n % 0xfffe) + 1);
  lines += upstream.line(1, last);
  const pids = family(server.pid);
  const cpu = cpuMicroseconds(pids);
  const began = performance.now();
  upstream.say(lines);
  const expected = pod6Octets(1, last).toString('hex');
  // Seldom, for asking takes from the same core.
  while ((await asker.ask(1, 200)) !== expected) await pause(20);
  const elapsed = performance.now() - began;
  return {
    changes: FLOOD,
    perSecond: Math.round((FLOOD * 1000) / elapsed),
    cpuMicrosecondsEach: Number(((cpuMicroseconds(pids) - cpu) / FLOOD).toFixed(1)),
  };
}
