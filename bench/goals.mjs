/**
 * The figures that count, and what each has to reach: the one place for both. A figure is read out of what the benches
 * have left; nothing is measured here.
 */
import { CHAPTERS } from './chapters.mjs';
import { KEEPS_UP } from './core-report.mjs';
import { startFigure } from './start-figures.mjs';

/**
 * `half`: from where to where the middle half of the rounds lies. `reach`: where it is itself measured. `beside`: what
 * else the reader shall know of it.
 *
 * @typedef {{ value: number, half?: [number, number], reach?: number, beside?: string }} Reading
 */

/**
 * `read`: undefined where the file lacks it, and `why` may tell the reason. `peer`: a server that is asked for it and may be missing. `pods`: how many
 * it needs. `compare`: how the figure has to stand to its reach.
 *
 * @typedef {{ figure: string, chapter: string, read: (data: any) => Reading | undefined, compare: '≤' | '<' | '≥',
 *   reach: number, unit?: string, digits?: number, peer?: string, pods?: number,
 *   why?: (data: any) => string | undefined }} Goal
 */

const number = (value) => value.toLocaleString('en');
/** @param {{ median: number, half: [number, number] } | undefined} summary */
const reading = (summary) => summary && { value: summary.median, half: summary.half };
const MILLION = 1_000_000;
const YARDSTICK = 100_000;
const TOLD_PODS = { 1000: '1,000', [YARDSTICK]: '100,000', [MILLION]: '1,000,000' };
const FAMILIES = [
  [6, 'IPv6'],
  [4, 'IPv4'],
];

/** Our CPU time a query over a server's, under the label of a measurement in docs/benchmarks.json. */
function ratio(label, peer) {
  return (data) => {
    const value = data.ratiosOf?.[label]?.[peer];
    return value === undefined ? undefined : { value, half: data.halvesOf?.[label]?.[peer] };
  };
}

/**
 * @param {number} pods
 * @param {string} peer
 * @param {'<' | '≤'} compare
 * @param {number} reach
 * @returns {Goal[]}
 */
function underLoad(pods, peer, compare, reach) {
  return FAMILIES.map(([family, named]) => ({
    figure: `CPU a query ÷ ${peer === 'loop' ? 'the bare loop' : peer}, ${named}, ${TOLD_PODS[pods]} pods`,
    chapter: 'core',
    read: ratio(`udp${family} ${pods}`, peer),
    ...{ compare, reach, peer, pods },
  }));
}

/** @returns {Goal} */
function unhurried(peer) {
  const label = `latency6 ${YARDSTICK}`;
  return {
    figure: `CPU a query ÷ ${peer}, at 20,000 queries a second`,
    chapter: 'core',
    read: ratio(label, peer),
    why(data) {
      const shares = ['podns', peer].map((name) => [name, data.medians?.[label]?.[name]?.share]);
      const late = shares.find(([, share]) => share < KEEPS_UP);
      return (
        late && `${late[0]} has answered ${Math.round(late[1] * 100)} % of them only: the machine was busy`
      );
    },
    ...{ compare: '≤', reach: 1, peer, pods: YARDSTICK },
  };
}

/** @returns {Goal} */
function answered(quantile, reach) {
  return {
    figure: `from a line to its answer over UDP, 1,000 changes a second, ${quantile}`,
    chapter: 'watch',
    read: ({ propagation }) =>
      propagation && { value: propagation[quantile], ...reading(propagation.rounds?.[quantile]) },
    ...{ compare: '≤', reach, unit: 'ms' },
  };
}

/** @returns {Goal} */
function started(key, figure, reach, pods = YARDSTICK) {
  return {
    figure: `start to first answer, ${figure}`,
    chapter: 'start',
    read: (data) => startFigure(data, key),
    ...{ compare: '≤', reach, unit: 's', digits: 2, pods },
  };
}

/** @returns {Goal} */
function command(name, figure, reach) {
  return {
    figure: `CPU of \`${figure}\``,
    chapter: 'commands',
    read: ({ commands }) => reading(commands?.find((one) => one.name === name)?.seconds),
    ...{ compare: '≤', reach, unit: 's' },
  };
}

/** @returns {Goal} */
function cached(peer) {
  return {
    figure: `CPU a cached outside name ÷ ${peer}`,
    chapter: 'forward',
    read: ({ servers }) => {
      const server = servers?.find(({ name }) => name === peer);
      return server && { value: server.podnsOverIt, half: server.podnsOverItHalf };
    },
    ...{ compare: '≤', reach: 1, peer },
  };
}

const loadedPods = (data) => (data.loaded?.pods === MILLION ? data.loaded.servers : []);
const named = (servers, name) => servers.find((server) => server.name === name);

/** @type {Goal[]} */
export const GOALS = [
  ...underLoad(1000, 'loop', '≤', 1.05),
  ...underLoad(YARDSTICK, 'loop', '≤', 1.1),
  ...underLoad(MILLION, 'loop', '≤', 1.15),
  ...underLoad(1000, 'gdnsd', '<', 1),
  ...underLoad(YARDSTICK, 'gdnsd', '≤', 0.95),
  ...underLoad(MILLION, 'gdnsd', '<', 1),
  ...underLoad(YARDSTICK, 'nsd', '≤', 0.88),
  ...underLoad(YARDSTICK, 'knot', '≤', 0.85),
  unhurried('nsd'),
  unhurried('knot'),
  {
    figure: 'queries a second under 10,000 changes a second ÷ without',
    chapter: 'core',
    read: ({ updates = [] }) => {
      const one = updates.find(({ rate }) => rate === 10_000);
      return one && { value: one.kept, half: one.keptHalf };
    },
    ...{ compare: '≥', reach: 0.92 },
  },
  answered('p50', 0.15),
  answered('p99', 1),
  {
    figure: 'changes a second, one core, saved view on',
    chapter: 'changes',
    read: ({ microseconds: cost }) => {
      const rate = (microseconds) => Math.round(1e6 / microseconds);
      return cost && { value: rate(cost.median), half: [rate(cost.half[1]), rate(cost.half[0])] };
    },
    ...{ compare: '≥', reach: 150_000, digits: 0 },
  },
  {
    figure: '1,000,000 pods from the stream',
    chapter: 'memory',
    read: (data) => reading(named(loadedPods(data), 'podns')?.seconds),
    ...{ compare: '≤', reach: 5, unit: 's', digits: 2, pods: MILLION },
  },
  started('demo', 'the demonstration', 0.25),
  started('saved', '100,000 pods from the saved view', 0.5),
  started('million', '1,000,000 pods from the saved view', 3, MILLION),
  {
    figure: 'resident, the demonstration',
    chapter: 'memory',
    read: ({ idle }) => reading(idle?.resident),
    ...{ compare: '≤', reach: 55, unit: 'MiB', digits: 1 },
  },
  {
    // What gdnsd takes on the same machine in the same run.
    figure: 'resident, 1,000,000 pods; the reach is gdnsd',
    chapter: 'memory',
    read: (data) => {
      const servers = loadedPods(data);
      const [ours, theirs] = ['podns', 'gdnsd'].map((name) => named(servers, name)?.mebibytes);
      return ours && theirs && { ...reading(ours), value: ours.median, reach: theirs.median };
    },
    ...{ compare: '≤', reach: 198, unit: 'MiB', digits: 1, peer: 'gdnsd', pods: MILLION },
  },
  {
    figure: 'a further listener',
    chapter: 'memory',
    read: ({ idle }) => reading(idle?.furtherListener),
    ...{ compare: '≤', reach: 0.1, unit: 'MiB' },
  },
  command('version', 'podns --version', 0.15),
  command('query', 'podns query', 0.25),
  {
    figure: 'two workers and the generator on two cores: CPU a query ÷ nsd',
    chapter: 'workers',
    read: ({ servers = [] }) => {
      const nsd = named(servers, 'nsd')?.podnsOverIt;
      const beside = nsd && `queries a second ÷ nsd: ${nsd.rate.median.toFixed(3)}`;
      return nsd && { value: nsd.cpu.median, half: nsd.cpu.half, beside };
    },
    ...{ compare: '≤', reach: 1, peer: 'nsd' },
  },
  {
    figure: 'peak memory while the cache of outside names fills',
    chapter: 'forward',
    read: ({ peak, servers }) =>
      reading(peak) ??
      (servers?.[0]?.mebibytesAtMost === undefined ? undefined : { value: servers[0].mebibytesAtMost }),
    ...{ compare: '≤', reach: 100, unit: 'MiB', digits: 1 },
  },
  cached('dnsmasq'),
  cached('unbound'),
];

const COMPARE = {
  '≤': (value, reach) => value <= reach,
  '<': (value, reach) => value < reach,
  '≥': (value, reach) => value >= reach,
};

/** Why a chapter has no figures at all. */
function absence({ bench }, data) {
  if (data === undefined) return `\`node bench/${bench}\` has left nothing`;
  return data.failed === undefined ? undefined : `\`node bench/${bench}\` failed: ${data.failed}`;
}

function whyNot(goal, chapter, data) {
  const whole = absence(chapter, data);
  if (whole !== undefined) return whole;
  const { peer, pods = YARDSTICK } = goal;
  const missing = [...(data.missing ?? []), ...(data.loaded?.missing ?? [])];
  const said = peer === undefined ? undefined : missing.find((text) => text.startsWith(peer));
  if (said !== undefined) return said;
  if (data.run?.quick && pods !== YARDSTICK) return `a quick run has ${number(YARDSTICK)} pods only`;
  return goal.why?.(data) ?? `docs/${chapter.file} has no such figure`;
}

/**
 * The verdict on one goal: `pass`, `miss`, or `not measured` with its reason. `files`: what the benches have left, by the
 * names of their chapters.
 *
 * @param {Goal} goal
 * @param {Record<string, any>} files
 */
export function judge(goal, files) {
  const { figure, compare, unit = '', digits = 3 } = goal;
  const chapter = CHAPTERS.find(({ name }) => name === goal.chapter);
  if (chapter === undefined) throw new Error(`there is no chapter ${goal.chapter}`);
  const data = files[goal.chapter];
  const read = absence(chapter, data) === undefined ? goal.read(data) : undefined;
  const value = read?.value;
  const reach = read?.reach ?? goal.reach;
  const row = { figure, compare, reach, unit, digits, bench: chapter.bench };
  if (value === undefined || !Number.isFinite(value))
    return { ...row, verdict: 'not measured', reason: whyNot(goal, chapter, data) };
  const verdict = COMPARE[compare](value, reach) ? 'pass' : 'miss';
  return { ...row, value, half: read?.half, beside: read?.beside, verdict };
}

export const judgeAll = (files) => GOALS.map((goal) => judge(goal, files));
