/** The shape of a scenario file, its reading, and the query octets that a case stands for. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import type { ResourceKey } from '../../src/model.ts';
import { arpaName, encodeName, encodeQuery, encodeRecord, u16, type QueryOptions } from '../harness/build.ts';
import type { ZoneDocument } from '../harness/fixture.ts';

export type Over = 'udp' | 'tcp';

/**
 * What must come back. Left out means: rcode NOERROR, no records, flags `aa` (NOERROR and NXDOMAIN only) with RD
 * and CD of the query, RA as the file says, question echoed, OPT exactly when the query had one (size 1232,
 * version 0, DO echoed), no EDE, TTLs as the file says.
 */
export interface Expect {
  drop?: boolean;
  /** true: needs time; false: must not. */
  held?: boolean;
  rcode?: string | string[];
  /** All flags, `aa rd`; else the defaults with the three below. */
  flags?: string;
  aa?: boolean | 'any';
  ra?: boolean | 'any';
  tc?: boolean;
  /** `TYPE rdata`, owner as asked; a set. `$LOCAL`: the address that was asked. */
  answer?: string[];
  answerCount?: number;
  /** Every answer is of this type and its rdata begins so. */
  answerFrom?: { type: string; prefix: string };
  /** Strings of TXT answers, joined by spaces: must hold and must not hold. */
  txt?: { has?: string[]; not?: string[] };
  /** One SOA of the zone as the only answer. */
  soaAnswer?: boolean;
  /** Owner of the SOA in authority, `*` for any ancestor of the question. */
  soa?: string;
  /** `owner TYPE rdata`; a set. */
  additional?: string[];
  /** Records that may be there, and no others. */
  additionalWithin?: string[];
  additionalCount?: number;
  additionalAtMost?: number;
  /** Came from the upstream: sections and TTLs are not checked. */
  relayed?: boolean;
  edns?: 'none' | 'either';
  /** `any`: may be there; `some`: must, whichever. */
  ede?: number | 'any' | 'some' | { code: number; text: string };
  nsid?: string;
  /** Length of the COOKIE option. */
  cookie?: number | 'either';
  keepalive?: boolean;
  ttl?: 'any';
  question?: 'none' | 'either';
  maxSize?: number;
  /** The whole answer in hexadecimal. */
  raw?: string;
}

export interface Case {
  name: string;
  from?: string;
  on?: string;
  /** `NAME TYPE [CLASS]`; `ptr:ADDRESS`, `long:N[:end]`, `labels:N[:end]` make names. */
  ask?: string;
  /** The case stands for as many, `ask` followed by each of these types; `all` is one of every sort. */
  types?: string[] | 'all';
  /** Instead of `ask`: hexadecimal, and `name:NAME`. */
  raw?: string[];
  id?: number;
  opcode?: number;
  flags?: string;
  queryRcode?: number;
  edns?: true | QueryOptions;
  authority?: 'soa';
  additional?: 'tsig';
  additionalAfter?: 'tsig';
  trailing?: string;
  port?: number;
  over?: Over[];
  /** Asks again with other ids: the order must turn by (id × n) >> 16. */
  rotation?: boolean;
  /** The upstream must see this name; it must see no other case's. */
  forwarded?: boolean;
  expect: Expect;
}

export interface Change {
  put?: ZoneDocument;
  /** `pod aep/nextcloud/db`. */
  delete?: string[];
}

export interface ScenarioConfig {
  forward?: 'on' | 'off' | 'refuse' | string[];
  a_records?: 'pinned' | 'all' | 'none';
  suffixes?: (string | { name: string; flat: boolean })[];
  clients?: { from: string; vpc: string; namespace: string }[];
  zone?: string;
  ttl?: number;
  negative_ttl?: number;
  node_name?: string;
  chaos?: boolean;
}

export interface Scenario {
  /** File and document. */
  title: string;
  about: string;
  zones: ZoneDocument[];
  from?: string;
  on: string;
  zone: string;
  ttl: number;
  negativeTtl: number;
  ra: boolean;
  synced: boolean;
  upstream: boolean;
  config: ScenarioConfig;
  steps: (Case | { change: Change })[];
}

const FOLDER = import.meta.dirname;

function readScenario(title: string, value: Record<string, unknown>): Scenario {
  const known = [
    'about',
    'fixture',
    'zones',
    'from',
    'on',
    'zone',
    'ttl',
    'negativeTtl',
    'ra',
    'synced',
    'upstream',
    'config',
    'cases',
  ];
  for (const key of Object.keys(value))
    if (!known.includes(key)) throw new Error(`${title}: unknown key ${key}`);
  const fixture = value['fixture'] as string | undefined;
  const text = fixture === undefined ? '' : readFileSync(join(FOLDER, 'fixtures', `${fixture}.yaml`), 'utf8');
  return {
    on: '',
    zone: 'vpc.internal',
    ttl: 1,
    negativeTtl: 1,
    ra: false,
    synced: true,
    upstream: false,
    config: {},
    zones: fixture === undefined ? [] : (parse(text) as ZoneDocument[]),
    ...value,
    title,
    steps: (value['cases'] as Scenario['steps']).flatMap(eachType),
  } as Scenario;
}

const TYPES = ['A', 'AAAA', 'SRV', 'TXT', 'NS', 'SOA', 'DS', 'DNSKEY', 'ANY', 'TYPE65280'];

function eachType(step: Scenario['steps'][number]): Scenario['steps'] {
  if ('change' in step || step.types === undefined) return [step];
  const types = step.types === 'all' ? TYPES : step.types;
  return types.map((type) => ({ ...step, name: `${step.name}: ${type}`, ask: `${step.ask} ${type}` }));
}

/** Every scenario of the folder, in file order. */
export function readScenarios(): Scenario[] {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.yaml'));
  return files.sort().flatMap((file) => {
    const documents = parseAllDocuments(readFileSync(join(FOLDER, file), 'utf8'));
    return documents.map((document, index) => {
      if (document.errors.length > 0) throw new Error(`${file}: ${document.errors[0]!.message}`);
      const title = documents.length === 1 ? file : `${file} ${index + 1}`;
      return readScenario(title, document.toJS() as Record<string, unknown>);
    });
  });
}

/** A name of exactly this many octets on the wire. */
function longName(octets: number, end: string): string {
  const tail = end === '' ? '' : `.${end}`;
  let left = octets - encodeName(end).length;
  const labels: string[] = [];
  while (left > 0) {
    const size = left > 65 ? 63 : left > 64 ? 62 : left - 1;
    labels.push('a'.repeat(size));
    left -= size + 1;
  }
  return labels.join('.') + tail;
}

/** Resolves `ptr:`, `long:` and `labels:` names; `local` stands in for `$LOCAL`. */
export function nameOf(text: string, local: string): string {
  if (text.startsWith('ptr:')) return arpaName(text.slice(4).replace('$LOCAL', local));
  const [word, count, end = ''] = text.split(':');
  if (word === 'long') return longName(Number(count), end);
  if (word === 'labels') return 'a.'.repeat(Number(count)) + end;
  return text;
}

/** Name, type and class of a case; undefined for raw ones. */
export function questionOf(
  one: Case,
  local: string,
): { name: string; type: string; class: string } | undefined {
  if (one.ask === undefined) return undefined;
  const [name, type = 'AAAA', klass = 'IN'] = one.ask.split(' ');
  return { name: nameOf(name!, local), type, class: klass };
}

/** TSIG of an unknown key (RFC 8945 section 4.2): hmac-sha256, no MAC to speak of. */
function tsig(): Buffer {
  const rdata = Buffer.concat([
    encodeName('hmac-sha256'),
    Buffer.alloc(6),
    u16(300),
    u16(0),
    u16(0x1234),
    u16(0),
    u16(0),
  ]);
  return encodeRecord('key.example', 250, 255, 0, rdata);
}

function soaRecord(): Buffer {
  const rdata = Buffer.concat([
    encodeName('ns.vpc.internal'),
    encodeName('hostmaster.vpc.internal'),
    Buffer.alloc(20),
  ]);
  return encodeRecord('vpc.internal', 6, 1, 0, rdata);
}

/** The octets that a case sends. */
export function packetOf(one: Case, local: string): Buffer {
  if (one.raw !== undefined) {
    const parts = one.raw.map((part) =>
      part.startsWith('name:')
        ? encodeName(nameOf(part.slice(5), local))
        : Buffer.from(part.replace(/\s/g, ''), 'hex'),
    );
    return Buffer.concat(parts);
  }
  const question = questionOf(one, local)!;
  const edns = one.edns === true ? {} : one.edns;
  const packet = encodeQuery({
    name: question.name,
    type: question.type,
    class: question.class,
    edns,
    ...(one.id === undefined ? {} : { id: one.id }),
    ...(one.opcode === undefined ? {} : { opcode: one.opcode }),
    ...(one.flags === undefined ? {} : { flags: one.flags }),
    ...(one.queryRcode === undefined ? {} : { rcode: one.queryRcode }),
    ...(one.authority === 'soa' ? { authority: [soaRecord()] } : {}),
    ...(one.additional === 'tsig' ? { additional: [tsig()] } : {}),
    ...(one.trailing === undefined ? {} : { trailing: Buffer.from(one.trailing, 'hex') }),
  });
  if (one.additionalAfter !== 'tsig') return packet;
  packet.writeUInt16BE(packet.readUInt16BE(10) + 1, 10);
  return Buffer.concat([packet, tsig()]);
}

/** `pod aep/nextcloud/db` as a key. */
export function keyFrom(text: string): ResourceKey {
  const [kind, path] = text.split(' ');
  const [vpc = '', namespace = '', ...name] = path!.split('/');
  return { kind: kind as ResourceKey['kind'], vpc, namespace, name: name.join('/') };
}
