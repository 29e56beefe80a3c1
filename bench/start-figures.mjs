/**
 * Starts, measured: what docs/benchmarks-start.json holds of the time from a start to the first answer. It is read by
 * what its entries are called, whether they stand in a list or below keys.
 */
import { table } from './table.mjs';

/** Keys that a median may have. */
const MEDIANS = ['seconds', 'milliseconds', 'ms', 'median', 'p50'];
/** No start is shorter than so many milliseconds, and none takes as many seconds. */
const SECONDS_MOST = 30;
const DEPTH_MOST = 6;

const MILLION = /million|1,?000,?000|\b1m\b/i;
const HUNDRED = /\b100,?000|100k|hundred/i;
/** Starts of others, and of podns from something else than what it saved. */
const OTHER = /stream|before|nsd|knot|gdnsd|dnsmasq|without/i;

const TESTS = {
  demo: (text) => /demo/i.test(text),
  saved: (text) => HUNDRED.test(text) && !MILLION.test(text),
  million: (text) => MILLION.test(text),
};

/** Seconds, out of a number or out of what was made of rounds. */
function secondsOf(found, key) {
  const value = typeof found === 'number' ? found : (found?.median ?? found?.p50);
  if (typeof value !== 'number' || !Number.isFinite(value)) return undefined;
  const factor = key === 'ms' || key === 'milliseconds' || value >= SECONDS_MOST ? 1000 : 1;
  const half = Array.isArray(found?.half) ? found.half.map((end) => end / factor) : undefined;
  return { value: value / factor, half };
}

/** Every object that holds a time, with all words that stand above it and in it. */
function* entries(value, words, depth = 0) {
  if (typeof value !== 'object' || value === null || depth > DEPTH_MOST) return;
  const own = Object.values(value).filter((one) => typeof one === 'string');
  if (typeof value.pods === 'number') own.push(value.pods.toLocaleString('en'));
  const text = [...words, ...own].join(' ');
  for (const key of MEDIANS) {
    const reading = secondsOf(value[key], key);
    if (reading === undefined) continue;
    if (reading.half === undefined && Array.isArray(value.half))
      reading.half = value.half.map((end) => end / (reading.value === value[key] ? 1 : 1000));
    yield { text, reading };
    return;
  }
  for (const [key, inner] of Object.entries(value))
    yield* entries(inner, [...words, ...own, Array.isArray(value) ? '' : key], depth + 1);
}

/**
 * Seconds from a start to the first answer of `key`: the demonstration, 100,000 pods out of the saved view, a million.
 *
 * @param {unknown} data
 * @param {'demo' | 'saved' | 'million'} key
 */
export function startFigure(data, key) {
  const found = [...entries(data, [])].filter(({ text }) => TESTS[key](text) && !OTHER.test(text));
  const saved = found.find(({ text }) => /saved|image|view/i.test(text));
  return (saved ?? found[0])?.reading;
}

/** A pure function of what docs/benchmarks-start.json holds. */
export function startMarkdown(data) {
  const rows = [...entries(data, [])].map(({ text, reading: { value, half } }) => [
    text.replace(/\s+/g, ' ').trim(),
    value.toFixed(2),
    half?.map((end) => end.toFixed(2)).join(' to ') ?? '',
  ]);
  const parts = [
    '# Starts',
    'From the start of a process to its first answer.',
    table(['what starts', 'seconds', 'middle half'], rows),
  ];
  return parts.join('\n\n') + '\n';
}
