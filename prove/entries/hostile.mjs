/** Hostile packets over UDP and TCP at the served program, by `bench/hostile.mjs`, which keeps account of each. */
import { ROOT, count, runChild } from '../child.mjs';

/** Of resident memory after the first fifth of the packets, at the end. */
const GROWTH_MAX = 0.05;

async function run(protocol, { packets, growth }) {
  const corpus = process.env.PODNS_CORPUS ?? '';
  const args = [
    `${ROOT}bench/hostile.mjs`,
    '--packets',
    String(packets),
    '--protocols',
    protocol,
    '--corpus',
    corpus,
    '--growth',
    '4096',
  ];
  const { stdout, stderr } = await runChild(process.execPath, args);
  if (!stdout.startsWith('{')) throw new Error(stderr.trim().split('\n').at(-1));
  const account = JSON.parse(stdout);
  const grown = account.endMiB / account.warmMiB - 1;
  const faults = [...account.faults];
  if (grown > growth) faults.push(`memory grew by more than ${growth * 100} %`);
  const closes = protocol === 'tcp' ? `, ${count(account.closes)} connections closed` : '';
  const got =
    `${count(account.queries)} queries, ${count(account.answered)} answered, ${account.unexpected} answers to nothing, ` +
    `${count(account.good)} of ${count(account.goodAsked)} good ones answered${closes}, ` +
    `${account.warmMiB} → ${account.endMiB} MiB (${(grown * 100).toFixed(1)} %)`;
  return { got, faults };
}

/** In a short run the collector's slack is more than a share: only a leak of kilobytes a packet is one. */
const SHORT_GROWTH = 0.6;

export const hostileUdp = {
  name: 'hostile-udp',
  about:
    'hostile UDP packets with a good query after each 64: each query is answered once and well, nothing else is, memory stays',
  short: { packets: 100_000, growth: SHORT_GROWTH },
  long: { packets: 10_000_000, growth: GROWTH_MAX },
  reach: ({ packets }) => `${count(packets)} packets`,
  run: (parameters) => run('udp', parameters),
};

export const hostileTcp = {
  name: 'hostile-tcp',
  about: 'hostile TCP frames with a good query after each 64, over a new connection whenever one is closed',
  short: { packets: 100_000, growth: SHORT_GROWTH },
  long: { packets: 1_000_000, growth: 2 * GROWTH_MAX },
  reach: ({ packets }) => `${count(packets)} frames`,
  run: (parameters) => run('tcp', parameters),
};
