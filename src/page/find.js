/** Finds pods and services as a person types; the last question alone counts. */
import { askJson, reasonText } from './api.js';
import { byId, el, inputById, replace, setText, value } from './dom.js';
import { addressOf } from './route.js';
import { countText } from './text.js';

/** Milliseconds without a key after which the server is asked. */
const PAUSE = 120;
const MATCHES = 20;

/** @type {AbortController | undefined} */
let asking;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

export function setUpFind() {
  const field = inputById('find-text');
  const list = byId('find-list');
  field.addEventListener('input', () => {
    clearTimeout(timer);
    timer = setTimeout(() => void find(field.value), PAUSE);
  });
  byId('find-form').addEventListener('submit', (event) => {
    event.preventDefault();
    clearTimeout(timer);
    void find(field.value);
  });
  byId('find').addEventListener('keydown', (event) => {
    const links = [...list.querySelectorAll('a')];
    const at = links.indexOf(/** @type {HTMLAnchorElement} */ (document.activeElement));
    if (event.key === 'ArrowDown') links[at + 1]?.focus();
    else if (event.key === 'ArrowUp') (at > 0 ? links[at - 1] : field)?.focus();
    else if (event.key === 'Escape' && at >= 0) field.focus();
    else return;
    event.preventDefault();
  });
}

/** @param {string} text */
export function showFind(text) {
  inputById('find-text').value = text;
  clearTimeout(timer);
  return find(text);
}

/** @param {string} typed */
async function find(typed) {
  asking?.abort();
  const text = typed.trim();
  if (text === '') {
    setText(byId('find-count'), '');
    replace(byId('find-list'));
    return;
  }
  const own = (asking = new AbortController());
  try {
    const query = new URLSearchParams({ q: text, limit: String(MATCHES) });
    const found = await askJson(`/v1/find?${query}`, own.signal);
    if (own.signal.aborted) return;
    const { matches = [], total = 0 } = found;
    const more = total > matches.length ? `, the first ${matches.length} are shown` : '';
    const what = total === 0 ? 'Nothing is known by' : `${countText(total, 'match', 'matches')} for`;
    setText(byId('find-count'), `${what} “${text}”${more}.`);
    replace(byId('find-list'), ...matches.map(foundItem));
  } catch (error) {
    if (own.signal.aborted) return;
    setText(byId('find-count'), `Not searched: ${reasonText(error)}.`);
    replace(byId('find-list'));
  }
}

/** @param {{ match: { text: string }, resource: any }} found */
function foundItem({ match, resource }) {
  const { kind, vpc, namespace, name, ready, ip6 } = resource;
  const href = addressOf('card', { kind, vpc, namespace, name });
  const isElse = match.text !== name && match.text !== `${vpc}/${namespace}/${name}`;
  return el(
    'li',
    {},
    el('a', { href }, value(`${vpc}/${namespace}/`), el('strong', {}, value(name))),
    el('span', { class: 'quiet' }, ` ${kind}`, ready === false ? ', not ready' : ''),
    el('span', { class: 'matched' }, ' ', value(isElse ? match.text : (ip6 ?? firstIp4(resource)))),
  );
}

/** @param {any} resource */
function firstIp4({ overlays = [] }) {
  return overlays.find((/** @type {any} */ { ip4 }) => ip4)?.ip4 ?? '';
}
