/** Why a pod gets an answer: the form, whose fields are the address of what it shows, and the explanation. */
import { ApiError, askJson, reasonText } from './api.js';
import { byId, el, facts, inputById, replace, setText, value } from './dom.js';
import { addressOf } from './route.js';
import { countText, plainLines } from './text.js';

const FIELDS = ['name', 'type', 'from', 'vpc'];
/** What a server says that has no such question. */
const NO_SUCH_QUESTION = 'nothing here';

/** @type {AbortController | undefined} */
let asking;

export function setUpExplain() {
  byId('explain-form').addEventListener('submit', (event) => {
    event.preventDefault();
    const address = addressOf('explain', fieldsOfForm());
    // The same question again is asked again.
    if (location.hash === address) dispatchEvent(new HashChangeEvent('hashchange'));
    else location.hash = address;
  });
}

/** @returns {Record<string, string>} */
function fieldsOfForm() {
  const fields = Object.fromEntries(FIELDS.map((name) => [name, inputById(`explain-${name}`).value.trim()]));
  return inputById('explain-operator').checked ? { ...fields, operator: '1' } : fields;
}

/** @param {URLSearchParams} given fields of the address */
export async function showExplain(given) {
  asking?.abort();
  for (const name of FIELDS) setField(name, given.get(name) ?? (name === 'type' ? 'AAAA' : ''));
  inputById('explain-operator').checked = given.get('operator') === '1';
  const fields = fieldsOfForm();
  const link = /** @type {HTMLAnchorElement} */ (byId('explain-address'));
  link.hidden = true;
  replace(byId('explain-body'));
  if (fields['name'] === '' || fields['from'] === '') {
    setText(byId('explain-status'), '');
    return;
  }
  setText(byId('explain-status'), 'Asking …');
  const own = (asking = new AbortController());
  try {
    const query = new URLSearchParams(Object.entries(fields).filter(([, text]) => text !== ''));
    const explained = await askJson(`/v1/explain?${query}`, own.signal);
    if (own.signal.aborted) return;
    link.hidden = false;
    link.href = addressOf('explain', fields);
    setText(byId('explain-status'), answerText(explained));
    replace(byId('explain-body'), ...parts(explained));
  } catch (error) {
    if (!own.signal.aborted) setText(byId('explain-status'), failureText(error));
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function setField(name, text) {
  const field = byId(`explain-${name}`);
  if (field instanceof HTMLSelectElement) {
    const type = text.toUpperCase();
    // A type that is asked for seldom is none of the offered ones.
    if (![...field.options].some((option) => option.value === type)) field.append(el('option', {}, type));
    field.value = type;
  } else inputById(`explain-${name}`).value = text;
}

/** @param {unknown} error */
function failureText(error) {
  if (error instanceof ApiError && error.status === 404 && error.message === NO_SUCH_QUESTION)
    return 'This server cannot explain: its version has no /v1/explain. The cards of pods show what others get.';
  return `Not explained: ${reasonText(error)}`;
}

/** @param {any} explained */
function answerText({ answer }) {
  const outcome = answer?.rcode ?? answer?.outcome;
  if (typeof outcome !== 'string') return 'Explained.';
  const count = (answer.records?.length ?? 0) + (answer.moreRecords ?? 0);
  return `Answer: ${outcome}, ${count === 0 ? 'no records' : countText(count, 'record')}.`;
}

/**
 * The server's own prose where it sends some, else what it is made of.
 * @param {any} explained of `/v1/explain`
 */
function parts(explained) {
  const { client, answer = {}, text } = explained;
  const head = facts([
    ['Asked by', client ? value(clientText(client)) : ''],
    [
      'Records',
      (answer.records ?? []).map((/** @type {any} */ record) => el('div', {}, value(wordsOf(record)))),
    ],
    ['Extended error', answer.ede ? value(errorText(answer.ede)) : ''],
  ]);
  if (typeof text === 'string' && text !== '') {
    const prose = el('pre', { class: 'prose', tabindex: '0', 'aria-label': 'Explanation' });
    // Its line ends count, so it does not go the way of other text.
    prose.textContent = plainLines(text);
    return [head, prose];
  }
  const { steps, reading, reasons, candidates, near } = explained;
  return [
    head,
    list('How the name was read', (steps ?? reading)?.map(stepText)),
    list('Why', reasons?.map(wordsOf)),
    list('Candidates', candidates?.map(candidateText)),
    list(
      'Did you mean',
      near?.map((/** @type {any} */ miss) => `${miss.name ?? ''}: ${wordsOf(miss)}`),
    ),
  ];
}

/**
 * @param {string} title
 * @param {string[] | undefined} texts
 */
function list(title, texts) {
  if (!Array.isArray(texts) || texts.length === 0) return null;
  return el('div', {}, el('h3', {}, title), el('ol', {}, ...texts.map((text) => el('li', {}, value(text)))));
}

/** @param {any} client text, or what is known of it */
function clientText(client) {
  if (client === null || typeof client !== 'object' || client.text !== undefined) return wordsOf(client);
  const { vpc, pod, address, listener, found = [] } = client;
  const who = [vpc, pod].filter(Boolean).join('/');
  return [`${who || 'unknown'} at ${address ?? '?'}${listener ? `, asking ${listener}` : ''}`, ...found].join(
    '. ',
  );
}

/** @param {any} step */
function stepText(step) {
  return `${step?.fits === true ? '✓ ' : step?.fits === false ? '✗ ' : ''}${wordsOf(step)}`;
}

/** @param {any} candidate */
function candidateText(candidate) {
  const { kind = '', name, taken, why, addresses = [] } = candidate ?? {};
  if (name === undefined) return wordsOf(candidate);
  const given = addresses.map((/** @type {any} */ each) => each?.address ?? each).join(', ');
  return `${taken === false ? '✗' : '✓'} ${kind} ${name}${given ? `, ${given}` : ''}${why ? `: ${why}` : ''}`;
}

/** @param {any} error */
function errorText(error) {
  if (error?.code === undefined) return wordsOf(error);
  return `${error.code}${error.purpose ? ` (${error.purpose})` : ''}: ${error.text ?? ''}`;
}

/**
 * Text of whatever the server puts there: its text, or its values in order.
 * @param {any} thing
 * @returns {string}
 */
function wordsOf(thing) {
  if (thing === null || typeof thing !== 'object') return String(thing ?? '');
  if (typeof thing.text === 'string') return thing.text;
  if (Array.isArray(thing)) return thing.map(wordsOf).join(', ');
  return Object.entries(thing)
    .map(([name, inner]) => `${name} ${wordsOf(inner)}`)
    .join(', ');
}
