/** What stands at the top: whether the server is ready, and all that stands wrong. */
import { ApiError, askJson } from './api.js';
import { byId, el, replace, setText, value } from './dom.js';
import { clockText, countText, numberText } from './text.js';

/** @typedef {{ kind: string, severity?: string, subject?: string, text: string, remedy?: string,
 *   since?: string | null }} Problem */

/** An older server that knows no problems is not asked again all the time. */
const ASK_AGAIN = 60_000;
let askAt = 0;
let shown = '';

/** @param {any} status of `/v1/status` */
export async function showHealth(status) {
  showReady(status);
  const { problems, more = 0 } = (await problemsOf()) ?? { problems: fallback(status) };
  const text = JSON.stringify([problems, more]);
  // The same again would take the selection of whoever copies it.
  if (text === shown) return;
  shown = text;
  const count = problems.length + more;
  setText(
    byId('problems-count'),
    count === 0
      ? 'Nothing stands wrong.'
      : `${countText(count, 'problem')} ${count === 1 ? 'stands' : 'stand'}.`,
  );
  replace(
    byId('problems-list'),
    ...problems.map(problemItem),
    more > 0 && el('li', {}, `${numberText(more)} more are not listed`),
  );
}

/** @param {string} reason */
export function showLost(reason) {
  const ready = byId('ready');
  ready.className = 'ready bad';
  setText(ready, `✗ No news: ${reason}. What follows is old.`);
}

/** @param {any} status */
function showReady({ ready: isReady, reasons = [], node = '', version = '' }) {
  const ready = byId('ready');
  const more = reasons.length === 0 ? '' : `: ${reasons.join('; ')}`;
  ready.className = `ready ${isReady ? (more === '' ? 'good' : 'warn') : 'bad'}`;
  setText(ready, isReady ? `✓ Ready${more}` : `✗ Not ready${more}`);
  setText(byId('node'), node);
  document.title = `${isReady ? '' : '✗ '}podns ${node}`;
  setText(byId('footer'), `podns ${version}`);
}

/** @returns {Promise<{ problems: Problem[], more?: number } | undefined>} undefined where the server has no such list */
async function problemsOf() {
  if (Date.now() < askAt) return undefined;
  try {
    return await askJson('/v1/problems');
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    askAt = Date.now() + ASK_AGAIN;
    return undefined;
  }
}

/**
 * What the status tells of problems.
 * @param {any} status
 * @returns {Problem[]}
 */
function fallback({ ready = true, reasons = [], sources = [], conflicts = [], saved = null, outside = {} }) {
  /** @type {Problem[]} */
  const problems = ready ? [] : reasons.map((/** @type {string} */ text) => ({ kind: 'not ready', text }));
  for (const source of sources) {
    if (source.state === 'lost' || source.state === 'failed')
      problems.push({
        kind: `source ${source.state}`,
        subject: source.name,
        text: source.reason,
        since: source.lostSince,
      });
    for (const { severity, text } of source.problems ?? [])
      problems.push({ kind: severity, severity, subject: source.name, text });
  }
  for (const { severity, text } of conflicts) problems.push({ kind: severity, severity, text });
  if (saved?.problem) problems.push({ kind: 'saved view', text: saved.problem });
  if (outside.problem) problems.push({ kind: 'outside names', text: outside.problem });
  for (const { upstream, state, reason } of outside.upstreams ?? [])
    if (state === 'failing') problems.push({ kind: 'upstream failing', subject: upstream, text: reason });
  return problems;
}

/** @param {Problem} problem */
function problemItem({ kind, severity, subject, text, remedy, since }) {
  return el(
    'li',
    { class: severity === 'warning' ? 'warning' : 'error' },
    el('span', { class: 'kind' }, kind),
    subject ? value(subject) : null,
    el('p', {}, value(text)),
    remedy ? el('p', { class: 'remedy' }, 'What helps: ', value(remedy)) : null,
    since ? el('p', { class: 'quiet' }, 'Since ', el('time', { datetime: since }, clockText(since))) : null,
  );
}
