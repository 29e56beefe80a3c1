/** Takeovers, reloads and changes of workers under load, by `scripts/prove/takeover.mjs`. */
import { ROOT, count, runChild } from '../child.mjs';

async function run(parameters) {
  const flags = Object.entries(parameters).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { code, stdout, stderr } = await runChild(process.execPath, [
    `${ROOT}scripts/prove/takeover.mjs`,
    ...flags,
  ]);
  if (!stdout.startsWith('{')) throw new Error(stderr.trim().split('\n').at(-1));
  const { udp, tcp, rate } = JSON.parse(stdout);
  const told = (name, { sent, answered, lost, servfail, resets }) =>
    `${name}: ${count(sent)} asked, ${count(answered)} answered, ${lost} lost, ${servfail} SERVFAIL, ${resets} resets`;
  return {
    got: `${told('UDP', udp)}; ${told('TCP', tcp)}; ${count(rate)} a second`,
    faults: code === 0 ? [] : ['not every query was answered well, or a process did not end with 0'],
  };
}

export const takeover = {
  name: 'takeover',
  about:
    'queries over UDP and TCP while processes take over from each other, zone files change and workers come and go: 0 lost, 0 SERVFAIL, 0 resets',
  short: { rate: 2000, connections: 20, takeovers: 2, reloads: 2, workers: 2, configurations: 2, pause: 200 },
  long: {
    rate: 50_000,
    connections: 200,
    takeovers: 10,
    reloads: 10,
    workers: 10,
    configurations: 2,
    pause: 1000,
  },
  reach: ({ rate, connections, takeovers, reloads, workers }) =>
    `${count(rate)} queries a second, ${connections} TCP connections, ${takeovers} takeovers, ${reloads} reloads, ${workers} changes of workers`,
  run,
};
