/** The card of one pod or service: its names and addresses, and what others get who ask for it. */
import { ApiError, askJson, reasonText } from './api.js';
import { byId, el, facts, replace, setText, value } from './dom.js';
import { addressOf } from './route.js';
import { countText } from './text.js';

/** @type {AbortController | undefined} */
let asking;

/** @param {URLSearchParams} fields */
export async function showCard(fields) {
  asking?.abort();
  const own = (asking = new AbortController());
  const [kind, vpc, namespace, name] = ['kind', 'vpc', 'namespace', 'name'].map(
    (key) => fields.get(key) ?? '',
  );
  byId('card').hidden = false;
  setText(byId('card-heading'), `${kind === 'service' ? 'Service' : 'Pod'} ${vpc}/${namespace}/${name}`);
  const body = byId('card-body');
  try {
    const query = new URLSearchParams({
      kind: kind || 'pod',
      vpc: vpc ?? '',
      namespace: namespace ?? '',
      name: name ?? '',
    });
    const card = await askJson(`/v1/card?${query}`, own.signal);
    if (!own.signal.aborted) replace(body, ...cardParts(card));
  } catch (error) {
    if (own.signal.aborted) return;
    const isGone = error instanceof ApiError && error.status === 404;
    replace(
      body,
      el('p', { role: 'alert' }, isGone ? 'It is not here (any more): ' : '', value(reasonText(error))),
    );
  }
}

/** @param {any} card of `/v1/card` */
function cardParts(card) {
  const { resource, provenance, bearers = [], overlays = [], views = [], pods } = card;
  const isPod = resource.kind === 'pod';
  return [
    facts([
      [
        'State',
        isPod ? (resource.ready ? 'ready' : 'not ready: left out while a ready pod bears the name') : '',
      ],
      ['Name in full', value(card.name)],
      ['aid', value(resource.aid)],
      ['Address in the VPC', resource.ip6 ? value(resource.ip6) : 'none'],
      ...(resource.overlays ?? []).map((/** @type {any} */ each) => overlayRow(each, overlays)),
      ['Names', bearers.map((/** @type {any} */ each) => bearerText(each, resource))],
      ['Ports', portsText(resource.ports)],
      ['Reported by', provenance === null ? 'nobody any more' : provenanceText(provenance)],
      ['Also reported by', provenance?.shadowed?.length ? value(provenance.shadowed.join(', ')) : ''],
    ]),
    el('h3', {}, 'Who can see it'),
    el('ul', { class: 'views' }, ...views.map((/** @type {any} */ view) => viewItem(view, resource, pods))),
    el('p', {}, 'Pods of other VPCs never get an answer from it: a VPC sees only its own names.'),
    isPod ? el('p', {}, ownExplainLink(resource)) : null,
  ];
}

/**
 * @param {any} attachment
 * @param {any[]} overlays
 * @returns {[string, any[]]}
 */
function overlayRow({ overlay, ip4, ip6, pinned }, overlays) {
  const known = overlays.find(({ name }) => name === overlay) ?? {};
  const about = [
    pinned ? 'pinned' : '',
    known.driver,
    known.net4,
    known.net6,
    known.internal ? 'internal: no outside names' : '',
    known.pods === undefined ? '' : countText(known.pods, 'pod'),
  ].filter(Boolean);
  const addresses = [ip4, ip6].filter(Boolean);
  return [
    `Overlay ${overlay}`,
    [
      ...(addresses.length === 0
        ? ['no address']
        : addresses.flatMap((text, i) => [i > 0 ? ', ' : null, value(text)])),
      el('span', { class: 'quiet' }, ` (${about.join(', ')})`),
    ],
  ];
}

/**
 * @param {any} bearer
 * @param {any} resource
 */
function bearerText({ name, pods, ready, services }, resource) {
  const isHidden = resource.kind === 'pod' && services > 0;
  const others = [
    pods > 1 || resource.kind === 'service' ? `${countText(pods, 'pod')}, ${ready} ready` : '',
    isHidden ? 'a service of this name hides its pods' : '',
  ].filter(Boolean);
  return el(
    'div',
    {},
    value(name),
    others.length > 0 && el('span', { class: 'quiet' }, ` (${others.join('; ')})`),
  );
}

/** @param {any[]} ports */
function portsText(ports = []) {
  return ports.length === 0
    ? ''
    : value(ports.map(({ name, protocol, port }) => `${name} ${port}/${protocol}`).join(', '));
}

/** @param {any} provenance */
function provenanceText({ source, revision, place }) {
  return [value(source), `, revision ${revision}`, place ? ', ' : '', place ? value(place) : null];
}

/**
 * @param {any} view
 * @param {any} resource
 * @param {{ namespace: number, vpc: number }} pods
 */
function viewItem({ where, overlay, from, answers }, resource, pods) {
  const who = {
    namespace: `${countText(pods.namespace, 'pod')} of namespace ${resource.namespace}, by the bare name`,
    vpc: `${countText(pods.vpc - pods.namespace, 'pod')} elsewhere in VPC ${resource.vpc}, by name and namespace`,
    overlay: `Pods on overlay ${overlay}`,
  };
  return el(
    'li',
    {},
    el('p', {}, who[/** @type {keyof typeof who} */ (where)] ?? where, '. What ', value(from), ' gets:'),
    el('ul', {}, ...answers.map((/** @type {any} */ answer) => answerItem(answer, from, resource.vpc))),
  );
}

/**
 * @param {any} answer
 * @param {string} from
 * @param {string} vpc
 */
function answerItem({ name, type, rcode, data, errors }, from, vpc) {
  const result = data.length > 0 ? data.join(', ') : rcode === 'NOERROR' ? 'no data' : rcode;
  return el(
    'li',
    {},
    value(`${name} ${type}`),
    ' → ',
    value(result),
    errors.length > 0 && el('span', { class: 'quiet' }, ` (${errors.join('; ')})`),
    ' ',
    el(
      'a',
      {
        href: addressOf('explain', { name, type, from, vpc }),
        'aria-label': `why? Explain ${name} ${type} from ${from}`,
      },
      'why?',
    ),
  );
}

/** @param {any} resource */
function ownExplainLink({ vpc, namespace, name }) {
  return el(
    'a',
    { href: addressOf('explain', { from: `${namespace}/${name}`, vpc }) },
    'Ask something as this pod',
  );
}
