/** Every change as the server applies it: a stream that is read for as long as the page is open. */
import { ask, ApiError, reasonText } from './api.js';
import { byId, el, setText, value } from './dom.js';
import { addressOf } from './route.js';
import { clockText, numberText } from './text.js';

/** Events that are shown. */
const SHOWN = 200;
/** Milliseconds until a stream that has ended is asked for again. */
const AGAIN = 2000;

/** @type {AbortController | undefined} */
let reading;
/** @type {any[]} */
let waiting = [];
/** Of events that came while too many were waiting to be shown. */
let skipped = 0;
let isPaused = false;

export function setUpEvents() {
  const button = byId('events-pause');
  button.addEventListener('click', () => {
    isPaused = !isPaused;
    button.setAttribute('aria-pressed', String(isPaused));
    if (!isPaused) requestAnimationFrame(show);
  });
}

export function stopEvents() {
  reading?.abort();
  reading = undefined;
}

export async function followEvents() {
  stopEvents();
  const own = (reading = new AbortController());
  while (!own.signal.aborted) {
    try {
      const response = await ask('/v1/events', own.signal);
      setText(byId('events-status'), 'Listening.');
      await readLines(/** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body), take);
    } catch (error) {
      if (own.signal.aborted || (error instanceof ApiError && error.status === 401)) return;
      setText(byId('events-status'), `No events: ${reasonText(error)}. Trying again …`);
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

/**
 * @param {ReadableStream<Uint8Array<ArrayBuffer>>} body
 * @param {(line: string) => void} each
 */
async function readLines(body, each) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value: text, done } = await reader.read();
    if (done) return;
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line !== '') each(line);
  }
}

/** @param {string} line */
function take(line) {
  try {
    waiting.push(JSON.parse(line));
  } catch {
    return;
  }
  // However many come, a frame shows what fits.
  if (waiting.length > SHOWN) {
    waiting.shift();
    skipped++;
  }
  if (waiting.length === 1 && !isPaused) requestAnimationFrame(show);
}

function show() {
  if (isPaused) return;
  const list = byId('events-list');
  const items = waiting.map(eventItem);
  if (skipped > 0) items.unshift(el('li', { class: 'quiet' }, `${numberText(skipped)} more are not shown`));
  waiting = [];
  skipped = 0;
  list.prepend(...items.reverse());
  while (list.children.length > SHOWN) list.lastElementChild?.remove();
}

/** @param {any} event */
function eventItem(event) {
  const { type, time, source, state, object, text, changes, problem } = event;
  if (type === 'missed')
    return el('li', { class: 'quiet' }, `${numberText(changes)} changes were too fast for this page`);
  const words =
    object === undefined
      ? value(text ?? problemText(problem) ?? JSON.stringify(event))
      : objectLink(type, object);
  return el(
    'li',
    {},
    time ? el('time', { datetime: String(time) }, clockText(time)) : null,
    ' ',
    el('span', { class: 'kind' }, type, state === undefined ? null : ` ${state}`),
    ' ',
    words,
    source ? el('span', { class: 'quiet' }, ' ', value(source)) : null,
  );
}

/** @param {any} problem */
function problemText(problem) {
  if (typeof problem?.text !== 'string') return undefined;
  return problem.subject ? `${problem.subject}: ${problem.text}` : problem.text;
}

/**
 * @param {string} type
 * @param {any} object
 */
function objectLink(type, object) {
  const { kind, vpc, namespace, name } = object;
  const path = [vpc, namespace, name].filter(Boolean).join('/');
  const hasCard = type === 'put' && (kind === 'pod' || kind === 'service');
  if (!hasCard) return value(`${kind} ${path}`);
  return el('a', { href: addressOf('card', { kind, vpc, namespace, name }) }, value(`${kind} ${path}`));
}
