/** Where records come from: the state of each source, its revision, and how far it lags. */
import { byId, el, facts, replace, setText, value } from './dom.js';
import { agoText, durationText, millisecondsText, numberText } from './text.js';

/** Items by the name of their source: they stay, so that what a reader has marked stays marked. */
const items = new Map();

/** @param {any} status of `/v1/status` */
export function showSources({ sources = [] }) {
  const list = byId('sources-list');
  const names = sources.map((/** @type {any} */ { name }) => name);
  if (names.join('\n') !== [...items.keys()].join('\n')) {
    items.clear();
    for (const name of names) items.set(name, makeItem(name));
    replace(list, ...(names.length === 0 ? [el('li', {}, 'There is no source.')] : itemNodes()));
  }
  for (const source of sources) fill(items.get(source.name), source);
}

function itemNodes() {
  return [...items.values()].map(({ item }) => item);
}

/** @param {string} name */
function makeItem(name) {
  const state = el('span', { class: 'state' });
  const cells = Object.fromEntries(
    ['revision', 'change', 'report', 'lag', 'changes', 'reason'].map((key) => [key, el('span', {})]),
  );
  const item = el(
    'li',
    {},
    el('h3', {}, value(name), ' ', state),
    facts([
      ['Revision', cells['revision']],
      ['Last change', cells['change']],
      ['Last report', cells['report']],
      ['Lag of the last change', cells['lag']],
      ['Changes', cells['changes']],
      ['Why', cells['reason']],
    ]),
  );
  return { item, state, cells };
}

/**
 * @param {{ item: HTMLElement, state: HTMLElement, cells: Record<string, HTMLElement> }} parts
 * @param {any} source
 */
function fill({ state, cells }, source) {
  const restored = source.restored && !source.synced ? ', serves what was saved' : '';
  state.className = `state ${source.state === 'live' ? 'good' : source.state === 'starting' ? 'warn' : 'bad'}`;
  const lost = source.lostSince ? ` for ${durationText(Date.now() - Date.parse(source.lostSince))}` : '';
  setText(state, `${source.state}${lost}${restored}`);
  const texts = {
    revision: source.revision || '–',
    change: agoText(source.lastChange),
    report: agoText(source.lastReport ?? source.lastHeard),
    lag: source.lagMs === null || source.lagMs === undefined ? 'not told' : millisecondsText(source.lagMs),
    changes: `${numberText(source.changes)}, ${numberText(source.rate)} per second`,
    reason: source.reason ?? '',
  };
  for (const [key, text] of Object.entries(texts)) setText(/** @type {HTMLElement} */ (cells[key]), text);
  const reason = /** @type {HTMLElement} */ (cells['reason']);
  const row = /** @type {HTMLElement} */ (reason.parentElement);
  row.hidden = texts.reason === '';
  /** @type {HTMLElement} */ (row.previousElementSibling).hidden = row.hidden;
}
