/** Names as authors write them: folds them to lower-case ASCII, gives the reason why one is invalid, and makes aids. */

import { hash } from 'node:crypto';
import type { Overlay } from '../../model.ts';
import { plainText } from '../../model-text.ts';

/** Longest label (RFC 1035 section 2.3.4). */
const LABEL_MAX = 63;
/** Longest name as text without the final dot: 255 octets on the wire. */
const NAME_TEXT_MAX = 253;

/** Names that no namespace may have: special-use names, and names directly below the zone. */
const RESERVED_NAMESPACES: ReadonlySet<string> = new Set([
  'localhost',
  'arpa',
  'ns',
  '_whoami',
  '_namespaces',
  '_pods',
]);

/** Names that no pod and no service may have: those of the server itself. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['ns', '_whoami', '_namespaces', '_pods']);

/** 0: not legal in a label; 1: legal; 2: an upper-case letter. */
const LEGAL = new Uint8Array(128);
for (const byte of Buffer.from('abcdefghijklmnopqrstuvwxyz0123456789-_')) LEGAL[byte] = 1;
for (const byte of Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ')) LEGAL[byte] = 2;

/** One folded label; undefined if the text is not a label. */
export function foldLabel(text: string): string | undefined {
  const length = text.length;
  if (length === 0 || length > LABEL_MAX) return undefined;
  let upper = false;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    const legal = code < 128 ? LEGAL[code]! : 0;
    if (legal === 0) return undefined;
    if (legal === 2) upper = true;
  }
  return upper ? text.toLowerCase() : text;
}

/** One or more folded labels with dots between, without a final dot; undefined if the text is not a name. */
export function foldName(text: string): string | undefined {
  const length = text.length;
  if (length === 0 || length > NAME_TEXT_MAX) return undefined;
  let upper = false;
  let start = 0;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code === 0x2e) {
      if (i === start || i - start > LABEL_MAX) return undefined;
      start = i + 1;
      continue;
    }
    const legal = code < 128 ? LEGAL[code]! : 0;
    if (legal === 0) return undefined;
    if (legal === 2) upper = true;
  }
  if (start === length || length - start > LABEL_MAX) return undefined;
  return upper ? text.toLowerCase() : text;
}

/** The folded name of a namespace; undefined if it is not a label, or reserved. */
export function foldNamespace(text: string): string | undefined {
  const label = foldLabel(text);
  return label === undefined || RESERVED_NAMESPACES.has(label) ? undefined : label;
}

/** What an attachment names: one label, or a namespace, `/` and one label; folded, or undefined. */
export function foldOverlay(text: string): string | undefined {
  const slash = text.indexOf('/');
  if (slash < 0) return foldLabel(text);
  const namespace = foldNamespace(text.slice(0, slash));
  const name = foldLabel(text.slice(slash + 1));
  return namespace === undefined || name === undefined ? undefined : `${namespace}/${name}`;
}

/** An overlay of the own namespace has one form, without it: equal attachments are equal text. Folded names in. */
export function withoutOwn(overlay: string, namespace: string): string {
  const own = overlay.length > namespace.length && overlay.charCodeAt(namespace.length) === 0x2f;
  return own && overlay.startsWith(namespace) ? overlay.slice(namespace.length + 1) : overlay;
}

/** A folded name of a pod or service; undefined if it is not a name, or reserved. */
export function foldPodName(text: string): string | undefined {
  const name = foldName(text);
  return name === undefined || RESERVED_NAMES.has(name) ? undefined : name;
}

/** True if `name.namespace.zone` fits in a DNS name. */
export function fitsZone(name: string, namespace: string, zone: string): boolean {
  return name.length + namespace.length + zone.length + 2 <= NAME_TEXT_MAX;
}

/** Text for a message: quoted, control characters escaped, long text cut. */
export function quote(text: string): string {
  return plainText(JSON.stringify(text.length > 80 ? text.slice(0, 77) + '...' : text));
}

/** Why `foldLabel` has returned undefined. */
export function whyNotLabel(text: string): string {
  if (text === '') return 'is empty';
  if (text.includes('.')) return `${quote(text)} must be one label, without dots`;
  return whyNotName(text);
}

/** Why `foldName` has returned undefined. */
export function whyNotName(text: string): string {
  if (text === '') return 'is empty';
  // Text that is too long anyway is not searched for illegal characters.
  for (const character of text.slice(0, NAME_TEXT_MAX + 1)) {
    const code = character.codePointAt(0)!;
    if (character === '.') continue;
    if (code > 127 || LEGAL[code] === 0)
      return `${quote(text)}: ${quote(character)} is not allowed, only letters, digits, - and _`;
  }
  for (const label of text.length > NAME_TEXT_MAX ? [] : text.split('.')) {
    if (label === '') return `${quote(text)} has an empty label`;
    if (label.length > LABEL_MAX)
      return `${quote(text)} has a label of ${label.length} octets, at most ${LABEL_MAX} are allowed`;
  }
  return `${quote(text)} has ${text.length} octets, at most ${NAME_TEXT_MAX} are allowed`;
}

/** Why `foldNamespace` has returned undefined. */
export function whyNotNamespace(text: string): string {
  return foldLabel(text) === undefined ? whyNotLabel(text) : `${quote(text)} is reserved`;
}

/** Why `foldOverlay` has returned undefined. */
export function whyNotOverlay(text: string): string {
  const slash = text.indexOf('/');
  if (slash < 0) return whyNotLabel(text);
  const [namespace, name] = [text.slice(0, slash), text.slice(slash + 1)];
  const isBefore = foldNamespace(namespace) === undefined;
  const why = isBefore ? whyNotNamespace(namespace) : whyNotLabel(name);
  return `the ${isBefore ? 'namespace' : 'overlay'} of NAMESPACE/OVERLAY ${why}`;
}

/** Why `foldPodName` has returned undefined. */
export function whyNotPodName(text: string): string {
  return foldName(text) === undefined ? whyNotName(text) : `${quote(text)} is reserved`;
}

/** Why `fitsZone` has returned false. */
export function whyNotFits(name: string, namespace: string, zone: string): string {
  const full = `${name}.${namespace}.${zone}`;
  return `${quote(full)} has ${full.length} octets, at most ${NAME_TEXT_MAX} are allowed`;
}

const AID_LETTER = { overlay: 'v', pod: 'p', service: 's' } as const;

/**
 * The default `aid`, by which one replica, overlay or service can be named: the kind's letter and the first ten hex
 * digits of SHA-256(`vpc/namespace/name`). Folded names in.
 */
export function defaultAid(
  kind: 'overlay' | 'pod' | 'service',
  vpc: string,
  namespace: string,
  name: string,
): string {
  return AID_LETTER[kind] + hash('sha256', `${vpc}/${namespace}/${name}`, 'hex').slice(0, 10);
}

/** The overlay that an attachment names and nothing describes: it exists all the same. Folded names in. */
export function impliedOverlay(vpc: string, namespace: string, name: string): Overlay {
  const aid = defaultAid('overlay', vpc, namespace, name);
  return { kind: 'overlay', vpc, namespace, name, aid, driver: 'ipip' };
}
