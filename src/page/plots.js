/** Live plots of the last minutes: queries, answers by rcode, latency, propagation. */
import { ask } from './api.js';
import { byId, el, replace, setText } from './dom.js';
import { parseMetrics, quantile, rates, sums } from './metrics.js';
import { millisecondsText, numberText } from './text.js';

/** @typedef {import('./metrics.js').Samples} Samples */
/** @typedef {(now: Samples, before: Samples, seconds: number) => Map<string, number | null> | undefined} Reader */
/** @typedef {{ title: string, unit: 'rate' | 'time', none: string, idle: string, read: Reader }} PlotKind */
/** @typedef {{ kind: PlotKind, keys: string[], times: number[], values: Map<string, (number | null)[]>,
 *   plot: any, box: HTMLElement, legend: HTMLElement, note: HTMLElement }} Plot */

/** Readings that are kept: five minutes of one every two seconds. */
const KEPT = 150;
/** Lines that a plot has colours for. */
const LINES = 6;

/** @type {PlotKind[]} */
const KINDS = [
  {
    title: 'Queries per second',
    unit: 'rate',
    none: 'This server does not count queries.',
    idle: 'There has been no query.',
    read: rateOf([
      ['coredns_dns_requests_total', 'proto'],
      ['podns_packets_received_total', 'proto'],
    ]),
  },
  {
    title: 'Answers per second, by rcode',
    unit: 'rate',
    none: 'This server does not count answers by rcode without worker threads.',
    idle: 'There has been no answer.',
    read: rateOf([
      ['coredns_dns_responses_total', 'rcode'],
      ['podns_worker_answers_total', 'rcode'],
    ]),
  },
  {
    title: 'Latency of answers',
    unit: 'time',
    none: 'This server does not measure latency.',
    idle: 'There has been no query.',
    read: quantilesOf([['', 'coredns_dns_request_duration_seconds']]),
  },
  {
    title: 'Propagation of changes',
    unit: 'time',
    none: 'This server does not measure propagation.',
    idle: 'No change has come from a source since this page was opened.',
    read: quantilesOf([
      ['commit to answerable, ', 'podns_propagation_seconds'],
      ['arrival to answerable, ', 'podns_apply_seconds'],
    ]),
  },
];

/**
 * @param {[string, string][]} choices metric and label: the first that the server has
 * @returns {Reader}
 */
function rateOf(choices) {
  return (now, before, seconds) => {
    for (const [name, label] of choices) {
      const counts = sums(now, name, label);
      if (counts !== undefined) return rates(counts, sums(before, name, label), seconds);
    }
    return undefined;
  };
}

/**
 * @param {[string, string][]} histograms what it is called, and its metric
 * @returns {Reader}
 */
function quantilesOf(histograms) {
  return (now, before) => {
    /** @type {Map<string, number | null>} */
    const found = new Map();
    for (const [title, name] of histograms) {
      const counts = sums(now, `${name}_bucket`, 'le');
      if (counts === undefined) continue;
      const old = sums(before, `${name}_bucket`, 'le');
      for (const part of [0.5, 0.99])
        found.set(`${title}${part === 0.5 ? 'half' : '99 %'} within`, quantile(part, counts, old));
    }
    return found.size === 0 ? undefined : found;
  };
}

/** @type {Plot[]} */
let plots = [];
/** @type {{ at: number, samples: Samples } | undefined} */
let last;

export function setUpPlots() {
  plots = KINDS.map(makePlot);
  replace(byId('plots'), ...plots.map(({ box }) => /** @type {Node} */ (box.parentElement)));
  new ResizeObserver(() => plots.forEach(fit)).observe(byId('plots'));
  // Colours are read when a plot is made.
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => plots.forEach(redraw));
}

/** What was read before tells nothing of a server that was away, or of another one. */
export function forgetReadings() {
  last = undefined;
}

export async function readTraffic() {
  const samples = parseMetrics(await (await ask('/metrics')).text());
  const at = performance.now();
  if (last !== undefined) {
    const seconds = (at - last.at) / 1000;
    for (const plot of plots) add(plot, plot.kind.read(samples, last.samples, seconds));
    setText(byId('traffic-status'), 'The last five minutes, as far as this page has been open.');
  }
  last = { at, samples };
}

/**
 * @param {PlotKind} kind
 * @returns {Plot}
 */
function makePlot(kind) {
  const box = el('div', {
    class: 'plot',
    hidden: true,
    role: 'img',
    'aria-label': `${kind.title}: nothing yet`,
  });
  const legend = el('ul', { class: 'legend' });
  const note = el('p', { class: 'quiet' });
  el('figure', {}, el('figcaption', {}, kind.title), box, legend, note);
  return { kind, keys: [], times: [], values: new Map(), plot: undefined, box, legend, note };
}

/**
 * @param {Plot} plot
 * @param {Map<string, number | null> | undefined} reading
 */
function add(plot, reading) {
  if (reading === undefined) setText(plot.note, plot.kind.none);
  if (reading === undefined) return;
  const { times, values } = plot;
  times.push(Date.now() / 1000);
  if (times.length > KEPT) times.shift();
  for (const [key, value] of reading) {
    // A line begins with its first value.
    if (value === null || values.has(key) || values.size === LINES) continue;
    values.set(
      key,
      times.slice(1).map(() => null),
    );
  }
  for (const [key, list] of values) {
    list.push(reading.get(key) ?? null);
    if (list.length > KEPT) list.shift();
  }
  setText(plot.note, values.size === 0 ? plot.kind.idle : '');
  // A plot is as wide as its box, which has no width while it is hidden.
  plot.box.hidden = values.size === 0;
  if (plot.plot === undefined || plot.keys.length !== values.size) redraw(plot);
  else plot.plot.setData([times, ...values.values()]);
  showLegend(plot);
}

/** @param {Plot} plot */
function showLegend({ kind, keys, values, legend, box }) {
  const texts = keys.map((key) => {
    const value = values.get(key)?.at(-1);
    return [key, kind.unit === 'rate' ? numberText(value) : millisecondsText(value)];
  });
  replace(
    legend,
    ...texts.map(([key, text], i) =>
      el('li', {}, el('span', { class: `line line-${i}` }), ` ${key}: `, el('b', {}, text)),
    ),
  );
  const none = `${kind.title}: nothing in the last two seconds`;
  box.setAttribute(
    'aria-label',
    texts.length === 0
      ? none
      : `${kind.title}, now: ${texts.map(([key, text]) => `${key} ${text}`).join(', ')}`,
  );
}

/** @param {Plot} plot */
function redraw(plot) {
  plot.plot?.destroy();
  plot.keys = [...plot.values.keys()];
  if (plot.keys.length === 0) return;
  const style = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  const text = plot.kind.unit === 'rate' ? numberText : millisecondsText;
  const axis = {
    stroke: colour('--text'),
    grid: { stroke: colour('--rule'), width: 1 },
    ticks: { show: false },
  };
  const options = {
    ...sizeOf(plot),
    legend: { show: false },
    cursor: { show: false },
    scales: {
      y: {
        range: (/** @type {any} */ _, /** @type {number} */ _low, /** @type {number} */ high) => [
          0,
          high > 0 ? high * 1.1 : 1,
        ],
      },
    },
    axes: [
      {
        ...axis,
        space: 70,
        size: 28,
        values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map(timeText),
      },
      {
        ...axis,
        size: 64,
        values: (/** @type {any} */ _, /** @type {number[]} */ at) => at.map((value) => text(value)),
      },
    ],
    series: [
      {},
      ...plot.keys.map((label, i) => ({
        label,
        stroke: colour(`--line-${i}`),
        width: 2,
        // Colours are not all: lines differ for those who see none.
        dash: i === 0 ? [] : [2 + i * 3, 3],
        points: { show: false },
      })),
    ],
  };
  // A script of its own, loaded before this module.
  plot.plot = new /** @type {any} */ (globalThis).uPlot(
    options,
    [plot.times, ...plot.values.values()],
    plot.box,
  );
}

/** @param {number} seconds */
function timeText(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString('en-GB');
}

/** @param {Plot} plot */
function sizeOf({ box }) {
  return { width: Math.max(200, box.clientWidth), height: 160 };
}

/** @param {Plot} plot */
function fit(plot) {
  plot.plot?.setSize(sizeOf(plot));
}
