/**
 * How podns reads one configuration value: each kind takes what YAML, an environment variable or a flag may give,
 * and its error says in plain words what is wrong.
 */
import { z } from 'zod';
import type { ForwardPolicy, NameLists } from '../model.ts';
import type { ClientRule, Suffix } from '../answer/settings.ts';
import { formatListen, ListenError, parseListen, type Listen, type Usual } from '../transport/listen.ts';
import { parseEndpoint } from '../forward/upstream/endpoint.ts';
import { engineTarget } from '../source/docker/target.ts';
import { prefix4, prefix6, whyNotPrefix4, whyNotPrefix6 } from '../source/validate/addresses.ts';
import { HOSTS, ROUTES, foldDomain, readNameLists } from '../source/validate/name-lists.ts';
import type { NameListKind } from '../source/validate/name-lists.ts';
import {
  foldLabel,
  foldNamespace,
  whyNotLabel,
  whyNotName,
  whyNotNamespace,
} from '../source/validate/names.ts';

/** One listener, and its canonical text. */
export interface ListenAddress extends Listen {
  text: string;
}

/** Where a stream in kraud.cloud's format is, and what that format leaves out. */
export interface KraudSource {
  url: string;
  vpc: string;
  net6: string[];
  services6: string[];
}

/** A container engine, and the VPC that it is. */
export interface DockerEngine {
  socket: string;
  vpc: string;
  /** The network whose IPv6 addresses are the VPC's own. */
  network?: string;
  /** Further VPCs that labels of its containers may name; default: any. */
  vpcs?: string[];
}

/** A schema made of a function that returns the value or throws an Error whose message is the reason. */
function read<T>(parse: (value: unknown) => T) {
  return z.unknown().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      const reason = error instanceof z.ZodError ? error.issues[0]!.message : (error as Error).message;
      context.addIssue({ code: 'custom', message: reason });
      return z.NEVER;
    }
  });
}

/** The value as the user wrote it, for error messages. */
function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}

export const text = read((value) => {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number') return String(value);
  throw new Error(`text is expected, not ${shown(value)}`);
});

const DURATION_UNITS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds from `300ms`, `1.5s`, `1h30m`, or a bare number of milliseconds. */
export function parseDuration(value: unknown): number {
  if (typeof value === 'number' && Number.isFinite(value) && value >= 0) return value;
  if (typeof value === 'string' && /^\d+(\.\d+)?$/.test(value)) return Number(value);
  if (typeof value === 'string' && /^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(value)) {
    let sum = 0;
    for (const [, amount, unit] of value.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
      sum += Number(amount) * DURATION_UNITS[unit!]!;
    }
    return sum;
  }
  throw new Error(`a duration such as 300ms, 30s or 1h is expected, not ${shown(value)}`);
}

export const duration = read(parseDuration);

/** Whole seconds from a bare number of seconds, or a duration: TTLs are seconds everywhere in DNS. */
export const seconds = read((value) => {
  if (typeof value === 'number' || (typeof value === 'string' && /^\d+$/.test(value))) {
    const number = Number(value);
    if (Number.isInteger(number) && number >= 0 && number <= 0x7fff_ffff) return number;
  } else if (typeof value === 'string') {
    return Math.round(parseDuration(value) / 1000);
  }
  throw new Error(`whole seconds from 0 to 2147483647 are expected, not ${shown(value)}`);
});

/** A whole number within bounds. */
export function integer(minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  return read((value) => {
    const number = typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
    if (typeof number === 'number' && Number.isInteger(number) && number >= minimum && number <= maximum) {
      return number;
    }
    const bound = maximum === Number.MAX_SAFE_INTEGER ? `from ${minimum}` : `from ${minimum} to ${maximum}`;
    throw new Error(`a whole number ${bound} is expected, not ${shown(value)}`);
  });
}

/** A share, from 0 for none to 1 for all. */
export const share = read((value) => {
  const number = typeof value === 'string' && /^\d*\.?\d+$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && number >= 0 && number <= 1) return number;
  throw new Error(`a number from 0 to 1 is expected, not ${shown(value)}`);
});

const SIZE_UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Octets from `64MiB`, `1GiB`, or a bare number; K, M and G are powers of 1024. */
export const size = read((value) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  const match = typeof value === 'string' ? /^(\d+) ?([kmg]?)(?:i?b)?$/i.exec(value) : null;
  if (match) return Number(match[1]) * SIZE_UNITS[match[2]!.toLowerCase()]!;
  throw new Error(`a size such as 64MiB is expected, not ${shown(value)}`);
});

/** An upstream: `ADDR`, `ADDR:PORT`, `[v6%scope]:port`; the result is canonical. */
export const endpoint = read((value) => {
  if (typeof value !== 'string') throw new Error(`ADDR:PORT is expected, not ${shown(value)}`);
  return parseEndpoint(value).text;
});

/** Lists by name: a map, or texts `NAME=ENTRY,ENTRY` as flags and variables have them, separated by spaces. */
function byName(kind: NameListKind) {
  return z.unknown().transform((value, context): NameLists => {
    const fault = (message: string, path: (string | number)[]): void =>
      context.addIssue({ code: 'custom', message, path });
    const texts = typeof value === 'string' ? value.split(/\s+/).filter((text) => text !== '') : value;
    const map = Array.isArray(texts) ? mapOf(texts, fault) : texts;
    if (typeof map === 'object' && map !== null)
      return readNameLists(map as Record<string, unknown>, kind, fault);
    fault(`a map of names to lists of ${kind.entry} is expected, not ${shown(value)}`, []);
    return z.NEVER;
  });
}

function mapOf(texts: unknown[], fault: (reason: string, path: []) => void): Record<string, string[]> {
  const map = Object.create(null) as Record<string, string[]>;
  for (const text of texts) {
    const equals = typeof text === 'string' ? text.indexOf('=') : -1;
    if (typeof text !== 'string' || equals < 1) {
      fault(`NAME=ADDRESS,… is expected, not ${shown(text)}`, []);
      continue;
    }
    const entries = text.slice(equals + 1).split(',');
    (map[text.slice(0, equals)] ??= []).push(...entries.filter((entry) => entry !== ''));
  }
  return map;
}

/** Upstreams by suffix and addresses by name, in the form that a VPC has too; these hold for every VPC. */
export const routes = byName(ROUTES);
export const hosts = byName(HOSTS);

/** A switch; flags and the environment give it as a word. */
export const flag = read((value) => {
  if (value === true || value === 'true' || value === 'yes' || value === 'on' || value === '1') return true;
  if (value === false || value === 'false' || value === 'no' || value === 'off' || value === '0')
    return false;
  throw new Error(`true or false is expected, not ${shown(value)}`);
});

/** One of several words. */
export function word<const W extends string>(...words: W[]) {
  return read((value): W => {
    if (words.includes(value as W)) return value as W;
    throw new Error(`${words.slice(0, -1).join(', ')} or ${words.at(-1)} is expected, not ${shown(value)}`);
  });
}

/** Several of a kind: a YAML list, a single value, or values separated by commas. */
export function list<S extends z.ZodType>(item: S) {
  return z.preprocess((value) => {
    if (typeof value === 'string') return value.split(',').map((part) => part.trim());
    return Array.isArray(value) || value === undefined ? value : [value];
  }, z.array(item));
}

/** A schema for text that `fold` makes canonical; `why` gives the reason where it cannot. */
function folded(fold: (text: string) => string | undefined, why: (text: string) => string) {
  return read((value) => {
    const written = typeof value === 'number' ? String(value) : value;
    if (typeof written !== 'string') throw new Error(`text is expected, not ${shown(value)}`);
    const result = fold(written);
    if (result === undefined) throw new Error(why(written));
    return result;
  });
}

export const domain = folded(foldDomain, whyNotName);
export const vpcName = folded(foldLabel, whyNotLabel);
const namespaceName = folded(foldNamespace, whyNotNamespace);
const namespaceOrNone = read((value): string => (value === '' ? '' : namespaceName.parse(value)));

/** `svc.cluster.local`, or `{ name: dns.podman, flat: true }`, which flags write as `dns.podman=flat`. */
export const suffix = z
  .preprocess(
    (value) => {
      if (typeof value !== 'string') return value;
      const name = value.replace(/=flat$/, '');
      return name === value ? { name } : { name, flat: true };
    },
    z.strictObject({ name: domain, flat: flag.default(false) }),
  )
  .transform((given): Suffix => given);

/** `on`, `off`, `refuse`, or the only suffixes that are forwarded. */
export const forwardPolicy = read((value): ForwardPolicy => {
  if (value === 'on' || value === 'off' || value === 'refuse') return value;
  // A word without a dot is far more often a typing error than a top-level domain.
  const parts = typeof value === 'string' && value.includes('.') ? value.split(',') : value;
  if (Array.isArray(parts))
    return parts.map((part) => domain.parse(typeof part === 'string' ? part.trim() : part));
  throw new Error(`on, off, refuse or a list of suffixes is expected, not ${shown(value)}`);
});

export const listenAddress = read((value): ListenAddress => {
  // The result of this function is accepted as input too.
  const listen = listenOf(isListenAddress(value) ? value.text : value);
  return { ...listen, text: formatListen(listen) };
});

function isListenAddress(value: unknown): value is ListenAddress {
  return typeof value === 'object' && value !== null && 'text' in value;
}

function listenOf(value: unknown, usual?: Usual): Listen {
  if (typeof value !== 'string')
    throw new Error(
      `${usual === undefined ? 'ADDR:PORT[@vpc[/namespace]]' : 'ADDR:PORT'} is expected, not ${shown(value)}`,
    );
  try {
    return parseListen(value, usual);
  } catch (error) {
    throw error instanceof ListenError ? new Error(`${shown(value)}: ${error.reason}`) : error;
  }
}

const prefix = read((value) => {
  const text = typeof value === 'string' ? value : '';
  const six = text.includes(':');
  const whole = text.includes('/') ? text : `${text}/${six ? 128 : 32}`;
  const result = six ? prefix6(whole) : prefix4(whole);
  if (result === undefined) throw new Error(six ? whyNotPrefix6(whole) : whyNotPrefix4(whole));
  return result;
});

export const clientRule = z
  .strictObject({ from: prefix, vpc: vpcName, namespace: namespaceOrNone.default('') })
  .transform((given): ClientRule => given);

export const kraudSource = z.strictObject({
  url: text,
  vpc: vpcName,
  net6: z.array(prefix).default([]),
  services6: z.array(prefix).default([]),
});

const engine = z
  .preprocess(
    (given) => (typeof given === 'string' ? { socket: given } : given),
    z.strictObject({
      socket: read((given) => {
        const socket = text.parse(given);
        // Throws with what to write.
        engineTarget(socket);
        return socket;
      }),
      vpc: vpcName.default('docker'),
      network: text.optional(),
      vpcs: z.array(vpcName).max(256).optional(),
    }),
  )
  .transform((given): DockerEngine => given);

/** Engines; each is a VPC of its own. */
export const engines = list(engine).superRefine((all, context) => {
  for (const [index, { socket, vpc }] of all.entries()) {
    const other = all.findIndex((one) => one.vpc === vpc);
    if (other === index) continue;
    const message = `${socket} and ${all[other]!.socket} cannot both be VPC ${vpc}: give each a name in podns.yaml, docker: [{ socket: ${socket}, vpc: NAME }, …]`;
    context.addIssue({ code: 'custom', message, path: [index] });
  }
});

const ADMIN: Usual = { port: 9153, shape: 'expected ADDR:PORT, unix:PATH or off, such as 127.0.0.1:9153' };

/** `ADDR:PORT`, `unix:PATH` or `off`. */
export const adminBind = read((value) => {
  if (value === 'off' || value === false) return 'off';
  if (typeof value === 'string' && /^unix:./.test(value)) return value;
  if (value === 'unix:')
    throw new Error(`${shown(value)}: no path of a socket, such as unix:/run/podns/admin.sock`);
  const listen = listenOf(value, ADMIN);
  if (listen.vpc !== '') throw new Error(`${shown(value)}: an admin listener takes no scope`);
  return formatListen(listen);
});
