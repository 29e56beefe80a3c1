/**
 * Reads a line of the usual form of the watch stream in one pass over its octets: a change of a pod or service, written
 * without spaces, whose members podns knows all, and whose strings are ASCII without escapes. For these it gives what
 * `JSON.parse` does, in less time; of any other line it says nothing.
 */

/** What a change says: what the line does not have is undefined. */
export interface PlainLine {
  type: string | undefined;
  revision: string | undefined;
  more: boolean | undefined;
  at: string | undefined;
  stamp: string | number | undefined;
  object: PlainObject | undefined;
  /** Octets of the line. */
  octets: number;
}

export interface PlainObject {
  kind: string | undefined;
  vpc: string | undefined;
  namespace: string | undefined;
  name: string | undefined;
  aid: string | undefined;
  names: string[] | undefined;
  ip6: string | undefined;
  overlays: object[] | undefined;
  ports: object[] | undefined;
  ready: boolean | undefined;
}

/** So short that no bound of `bounds.ts` can be passed. */
const OCTETS_MAX = 4096;

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const BACKSLASH = 0x5c;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** Numbers of the members, in the order of `NAMES`. */
const TYPE = 0;
const REVISION = 1;
const MORE = 2;
const AT = 3;
const STAMP = 4;
const OBJECT = 5;
const KIND = 6;
const VPC = 7;
const NAMESPACE = 8;
const NAME = 9;
const AID = 10;
const ALIASES = 11;
const IP6 = 12;
const OVERLAYS = 13;
const PORTS = 14;
const READY = 15;
const OVERLAY = 16;
const IP4 = 17;
const PINNED = 18;
const PROTOCOL = 19;
const PORT = 20;
const NAMES = [
  ...[
    'type',
    'revision',
    'more',
    'at',
    'stamp',
    'object',
    'kind',
    'vpc',
    'namespace',
    'name',
    'aid',
    'names',
  ],
  ...['ip6', 'overlays', 'ports', 'ready', 'overlay', 'ip4', 'pinned', 'protocol', 'port'],
].map((name) => Buffer.from(name));

/** By `mark` of their first and last letters and their lengths, which differ: the numbers of the members; -1 for none. */
const MEMBERS = new Int8Array(256).fill(-1);
const mark = (first: number, last: number, length: number): number =>
  (length * 7 + first * 3 + last * 11) & 255;
NAMES.forEach((name, member) => (MEMBERS[mark(name[0]!, name.at(-1)!, name.length)] = member));

/** Strings that many lines have in common, by hash: so that they need not be made, nor hashed by who looks them up. */
const SHARED: string[] = new Array<string>(1024).fill('');
/** Longer ones are not kept. */
const SHARED_MOST = 64;

const latin1Slice = (Buffer.prototype as unknown as { latin1Slice: LatinSlice }).latin1Slice;
type LatinSlice = (this: Uint8Array, from: number, to: number) => string;

// What is being read: the octets, the next one, and the whole line as text, once it is needed.
let octets: Uint8Array = new Uint8Array(0);
let cursor = 0;
let begin = 0;
let end = 0;
let line: string | undefined;
/** The line is not of the usual form; whatever is read after that is void. */
let unusual = false;

/** `from` and `to`: a line without its end, which the octets contain. Undefined for what is not of the usual form. */
export function plainLine(chunk: Uint8Array, from: number, to: number): PlainLine | undefined {
  if (to - from > OCTETS_MAX || chunk[from] !== OPEN) return undefined;
  octets = chunk;
  cursor = from + 1;
  begin = from;
  end = to;
  line = undefined;
  unusual = false;
  const said = readLine();
  if (unusual || cursor !== to) return undefined;
  const kind = said.object?.kind;
  return kind === 'pod' || kind === 'service' ? said : undefined;
}

function readLine(): PlainLine {
  let type: string | undefined;
  let revision: string | undefined;
  let more: boolean | undefined;
  let at: string | undefined;
  let stamp: string | number | undefined;
  let object: PlainObject | undefined;
  do {
    switch (member()) {
      case TYPE:
        type = shared();
        break;
      case REVISION:
        revision = text();
        break;
      case MORE:
        more = boolean();
        break;
      case AT:
        at = text();
        break;
      case STAMP:
        stamp = octets[cursor] === QUOTE ? text() : number();
        break;
      case OBJECT:
        object = readObject();
        break;
      default:
        unusual = true;
    }
  } while (goesOn(CLOSE));
  return { type, revision, more, at, stamp, object, octets: end - begin };
}

function readObject(): PlainObject {
  let kind: string | undefined;
  let vpc: string | undefined;
  let namespace: string | undefined;
  let name: string | undefined;
  let aid: string | undefined;
  let names: string[] | undefined;
  let ip6: string | undefined;
  let overlays: object[] | undefined;
  let ports: object[] | undefined;
  let ready: boolean | undefined;
  expect(OPEN);
  do {
    switch (member()) {
      case KIND:
        kind = shared();
        break;
      case VPC:
        vpc = shared();
        break;
      case NAMESPACE:
        namespace = shared();
        break;
      case NAME:
        name = text();
        break;
      case AID:
        aid = text();
        break;
      case ALIASES:
        names = list(text);
        break;
      case IP6:
        ip6 = text();
        break;
      case OVERLAYS:
        overlays = list(readOverlay);
        break;
      case PORTS:
        ports = list(readPort);
        break;
      case READY:
        ready = boolean();
        break;
      default:
        unusual = true;
    }
  } while (goesOn(CLOSE));
  return { kind, vpc, namespace, name, aid, names, ip6, overlays, ports, ready };
}

function readOverlay(): object {
  let overlay: string | undefined;
  let ip4: string | undefined;
  let ip6: string | undefined;
  let pinned: boolean | undefined;
  expect(OPEN);
  do {
    switch (member()) {
      case OVERLAY:
        overlay = shared();
        break;
      case IP4:
        ip4 = text();
        break;
      case IP6:
        ip6 = text();
        break;
      case PINNED:
        pinned = boolean();
        break;
      default:
        unusual = true;
    }
  } while (goesOn(CLOSE));
  return { overlay, ip4, ip6, pinned };
}

function readPort(): object {
  let name: string | undefined;
  let protocol: string | undefined;
  let port: number | undefined;
  expect(OPEN);
  do {
    switch (member()) {
      case NAME:
        name = shared();
        break;
      case PROTOCOL:
        protocol = shared();
        break;
      case PORT:
        port = number();
        break;
      default:
        unusual = true;
    }
  } while (goesOn(CLOSE));
  return { name, protocol, port };
}

function list<Entry>(read: () => Entry): Entry[] {
  const entries: Entry[] = [];
  expect(OPEN_LIST);
  if (octets[cursor] === CLOSE_LIST) cursor++;
  else
    do entries.push(read());
    while (goesOn(CLOSE_LIST));
  return entries;
}

function expect(octet: number): void {
  if (octets[cursor++] !== octet) unusual = true;
}

/** After an entry: true where another one follows, false at the end of the list or object. */
function goesOn(close: number): boolean {
  const octet = octets[cursor++];
  if (octet === COMMA) return !unusual;
  if (octet !== close) unusual = true;
  return false;
}

/** The number of a member, of which the value is next; -1 for none that is known. */
function member(): number {
  const from = cursor + 1;
  const to = quoted();
  const bytes = octets;
  const length = to - from;
  if (bytes[cursor++] !== COLON || length === 0) return -1;
  const found = MEMBERS[mark(bytes[from]!, bytes[to - 1]!, length)]!;
  if (found < 0) return -1;
  const name = NAMES[found]!;
  if (name.length !== length) return -1;
  for (let i = 0; i < length; i++) if (name[i] !== bytes[from + i]) return -1;
  return found;
}

/** 1 for the ASCII characters that stand for themselves in a string. */
const PLAIN = new Uint8Array(256).fill(1, 0x20, 0x7f);
PLAIN[QUOTE] = PLAIN[BACKSLASH] = 0;

/** Moves over a string, and returns where its text ends. */
function quoted(): number {
  const bytes = octets;
  const last = end;
  let at = cursor + 1;
  while (at < last && PLAIN[bytes[at]!] === 1) at++;
  if (bytes[cursor] !== QUOTE || bytes[at] !== QUOTE) unusual = true;
  cursor = at + 1;
  return at;
}

function text(): string {
  const from = cursor + 1;
  const to = quoted();
  line ??= latin1Slice.call(octets, begin, end);
  return line.slice(from - begin, to - begin);
}

/** A string that other lines are likely to have too. */
function shared(): string {
  const from = cursor + 1;
  const to = quoted();
  const length = to - from;
  const bytes = octets;
  let hash = length;
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
  const place = (hash ^ (hash >>> 10)) & (SHARED.length - 1);
  const known = SHARED[place]!;
  if (known.length === length) {
    let same = 0;
    while (same < length && known.charCodeAt(same) === bytes[from + same]) same++;
    if (same === length) return known;
  }
  const made = latin1Slice.call(bytes, from, to);
  if (length <= SHARED_MOST) SHARED[place] = made;
  return made;
}

function boolean(): boolean {
  // The first letters differ, and so do the lengths.
  const value = octets[cursor] === 0x74;
  for (const octet of value ? TRUE : FALSE) expect(octet);
  return value;
}

const TRUE = Buffer.from('true');
const FALSE = Buffer.from('false');
/** Digits that a number holds exactly, whatever they are. */
const DIGITS_MAX = 15;

/** A whole number. */
function number(): number {
  const from = cursor;
  let value = 0;
  for (let digit = octets[cursor]! - 0x30; digit >= 0 && digit <= 9; digit = octets[++cursor]! - 0x30)
    value = value * 10 + digit;
  const digits = cursor - from;
  if (digits === 0 || digits > DIGITS_MAX || (digits > 1 && octets[from] === 0x30)) unusual = true;
  return value;
}
