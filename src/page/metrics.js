/** Reads `/metrics`, and makes rates and quantiles of two readings. */

/** @typedef {{ labels: Record<string, string>, value: number }} Sample */
/** @typedef {Map<string, Sample[]>} Samples */

/**
 * Samples by the name of their metric, of the text format of Prometheus.
 * @param {string} text
 * @returns {Samples}
 */
export function parseMetrics(text) {
  /** @type {Samples} */
  const samples = new Map();
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)/.exec(line);
    if (match === null) continue;
    const name = /** @type {string} */ (match[1]);
    const list = samples.get(name) ?? [];
    list.push({ labels: labelsOf(match[2] ?? ''), value: numberOf(match[3] ?? '') });
    samples.set(name, list);
  }
  return samples;
}

/** @param {string} text */
function labelsOf(text) {
  /** @type {Record<string, string>} */
  const labels = {};
  for (const [, name = '', quoted = ''] of text.matchAll(/([a-zA-Z_]\w*)="((?:[^"\\]|\\.)*)"/g))
    labels[name] = quoted.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped));
  return labels;
}

/** @param {string} text */
function numberOf(text) {
  return text === '+Inf' ? Infinity : Number(text);
}

/**
 * Sums of a counter by one label; undefined where there is no such metric.
 * @param {Samples} samples
 * @param {string} name
 * @param {string} label '' sums all
 * @returns {Map<string, number> | undefined}
 */
export function sums(samples, name, label) {
  const list = samples.get(name);
  if (list === undefined) return undefined;
  const all = new Map();
  for (const { labels, value } of list) {
    const key = label === '' ? '' : (labels[label] ?? '');
    all.set(key, (all.get(key) ?? 0) + value);
  }
  return all;
}

/**
 * Growth per second by key; a counter that went back has begun anew.
 * @param {Map<string, number>} now
 * @param {Map<string, number> | undefined} before
 * @param {number} seconds
 */
export function rates(now, before, seconds) {
  const result = new Map();
  for (const [key, value] of now) {
    const growth = value - (before?.get(key) ?? 0);
    result.set(key, (growth < 0 ? value : growth) / seconds);
  }
  return result;
}

/**
 * The value below which that part of what came between two readings lies, in milliseconds; null when nothing came.
 * Inside a bucket it is taken as evenly spread, as Prometheus does.
 * @param {number} part 0 to 1
 * @param {Map<string, number>} now counts by `le`
 * @param {Map<string, number> | undefined} before
 */
export function quantile(part, now, before) {
  const growth = [...rates(now, before, 1)]
    .map(([le, count]) => ({ end: numberOf(le), count }))
    .sort((one, other) => one.end - other.end);
  const total = growth.at(-1)?.count ?? 0;
  if (total <= 0) return null;
  const wanted = part * total;
  let start = 0;
  let below = 0;
  for (const { end, count } of growth) {
    if (count >= wanted) {
      if (end === Infinity) return start * 1000;
      const inside = count > below ? (wanted - below) / (count - below) : 1;
      return (start + (end - start) * inside) * 1000;
    }
    start = end;
    below = count;
  }
  return start * 1000;
}
