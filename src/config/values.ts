/**
 * How one configuration value is read: each kind takes what YAML, an environment variable or a flag may give,
 * and says in plain words what is wrong with it.
 */
import { isIP, isIPv6 } from 'node:net';
import { Address4, Address6 } from 'ip-address';
import { z } from 'zod';
import type { Suffix } from '../answer/settings.ts';

/** `ADDR:PORT[@vpc[/namespace]]` taken apart; '' where a scope is not given. */
export interface ListenAddress {
  text: string;
  /** Without brackets. */
  address: string;
  port: number;
  vpc: string;
  namespace: string;
}

/** Says that clients of a prefix belong to a VPC, and maybe to a namespace of it. */
export interface ClientRule {
  /** Canonical text, `10.1.0.0/16`: host bits cleared. */
  from: string;
  vpc: string;
  namespace?: string;
}

/** Where kraud's own stream is and what it does not say itself. */
export interface KraudSource {
  url: string;
  vpc: string;
  services6: string[];
}

/** A schema made of a function that returns the value or throws an Error whose message is the reason. */
function read<T>(parse: (value: unknown) => T) {
  return z.unknown().transform((value, context): T => {
    try {
      return parse(value);
    } catch (error) {
      context.addIssue({ code: 'custom', message: (error as Error).message });
      return z.NEVER;
    }
  });
}

/** The value as the user wrote it, for an error message. */
function shown(value: unknown): string {
  return JSON.stringify(value) ?? 'nothing';
}

export const text = read((value) => {
  if (typeof value === 'string' && value !== '') return value;
  if (typeof value === 'number') return String(value);
  throw new Error(`a text is expected, not ${shown(value)}`);
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

const SIZE_UNITS: Record<string, number> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30 };

/** Octets from `64MiB`, `1GiB`, or a bare number; K, M and G are powers of 1024. */
export const size = read((value) => {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0) return value;
  const match = typeof value === 'string' ? /^(\d+) ?([kmg]?)(?:i?b)?$/i.exec(value) : null;
  if (match) return Number(match[1]) * SIZE_UNITS[match[2]!.toLowerCase()]!;
  throw new Error(`a size such as 64MiB is expected, not ${shown(value)}`);
});

/** A switch; the words are for flags and the environment. */
export const flag = read((value) => {
  if (value === true || value === 'true' || value === 'yes' || value === 'on' || value === '1') return true;
  if (value === false || value === 'false' || value === 'no' || value === 'off' || value === '0')
    return false;
  throw new Error(`true or false is expected, not ${shown(value)}`);
});

/** One of a few words. */
export function word<const W extends string>(...words: W[]) {
  return read((value): W => {
    if (words.includes(value as W)) return value as W;
    throw new Error(`${words.slice(0, -1).join(', ')} or ${words.at(-1)} is expected, not ${shown(value)}`);
  });
}

/** Several of a kind: a YAML list, one value alone, or words with commas between them. */
export function list<S extends z.ZodType>(item: S) {
  return z.preprocess((value) => {
    if (typeof value === 'string') return value.split(',').map((part) => part.trim());
    return Array.isArray(value) || value === undefined ? value : [value];
  }, z.array(item));
}

/** Folds a domain name; refuses what cannot be one. The final dot is optional and not kept. */
export function parseDomain(value: unknown): string {
  const name = typeof value === 'string' ? value.toLowerCase().replace(/\.$/, '') : '';
  const sound = name.length <= 253 && name.split('.').every((label) => /^[a-z0-9_-]{1,63}$/.test(label));
  if (!sound) throw new Error(`a domain name is expected, not ${shown(value)}`);
  return name;
}

export const domain = read(parseDomain);

/** The name of a VPC or a namespace: one label. */
export function parseLabel(value: unknown, what: string): string {
  const name = parseDomain(value);
  if (name.includes('.')) throw new Error(`the name of a ${what} is one label, not ${shown(value)}`);
  return name;
}

export const vpcName = read((value) => parseLabel(value, 'VPC'));

/** `svc.cluster.local`, or `{ name: dns.podman, flat: true }`. */
export const suffix = read((value): Suffix => {
  if (typeof value === 'string') return { name: parseDomain(value), flat: false };
  const { name, flat = false, ...rest } = (value ?? {}) as Record<string, unknown>;
  const unknown = Object.keys(rest)[0];
  if (unknown !== undefined) throw new Error(`a suffix has a name and flat, not ${shown(unknown)}`);
  if (typeof flat !== 'boolean') throw new Error(`flat is true or false, not ${shown(flat)}`);
  return { name: parseDomain(name), flat };
});

/** `on`, `off`, `refuse`, or the only suffixes that are forwarded. */
export const forwardPolicy = read((value): 'on' | 'off' | 'refuse' | string[] => {
  if (value === 'on' || value === 'off' || value === 'refuse') return value;
  if (Array.isArray(value)) return value.map(parseDomain);
  if (typeof value === 'string' && value.includes('.'))
    return value.split(',').map((part) => parseDomain(part.trim()));
  throw new Error(`on, off, refuse or a list of suffixes is expected, not ${shown(value)}`);
});

/** `ADDR:PORT`, with brackets around an IPv6 address; a zone index (`%eth0`) is kept. */
export function parseEndpoint(value: unknown, example = '127.0.0.1:53'): { address: string; port: number } {
  const match = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) : null;
  if (!match) {
    const address = typeof value === 'string' ? value.replace(/^\[|\]$/g, '') : '';
    const family = isIP(address);
    if (family === 0) throw new Error(`ADDR:PORT is expected, such as ${example}, not ${shown(value)}`);
    const full = family === 6 ? `[${address}]` : address;
    throw new Error(`the port is missing: ${full}:53 perhaps, not ${shown(value)}`);
  }
  const address = match[1] ?? match[2]!;
  if (match[1] === undefined ? isIP(address) !== 4 : !isIPv6(address)) {
    throw new Error(`${shown(address)} is not an ${match[1] === undefined ? 'IPv4' : 'IPv6'} address`);
  }
  const port = Number(match[3]);
  if (port > 65_535) throw new Error(`port ${port} is above 65535`);
  return { address, port };
}

export const endpoint = read((value) => {
  const { address, port } = parseEndpoint(value);
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
});

/** Takes `ADDR:PORT[@vpc[/namespace]]` apart; throws an Error whose message is the reason. */
export function parseListen(value: unknown): ListenAddress {
  if (typeof value !== 'string')
    throw new Error(`ADDR:PORT[@vpc[/namespace]] is expected, not ${shown(value)}`);
  const at = value.indexOf('@');
  const { address, port } = parseEndpoint(at < 0 ? value : value.slice(0, at), '127.0.0.1:53@vpc/namespace');
  if (at < 0) return { text: value, address, port, vpc: '', namespace: '' };
  const [vpc, namespace, ...more] = value.slice(at + 1).split('/');
  if (more.length > 0) throw new Error(`a scope is vpc or vpc/namespace, not ${shown(value.slice(at + 1))}`);
  return {
    text: value,
    address,
    port,
    vpc: parseLabel(vpc, 'VPC'),
    namespace: namespace === undefined ? '' : parseLabel(namespace, 'namespace'),
  };
}

export const listenAddress = read(parseListen);

/** A prefix in canonical text with its host bits cleared; a bare address counts as a prefix of one. */
export function parsePrefix(value: unknown): string {
  try {
    if (typeof value !== 'string') throw new Error('not text');
    const address = value.includes(':') ? new Address6(value) : new Address4(value);
    return `${address.startAddress().correctForm()}/${address.subnetMask}`;
  } catch {
    throw new Error(`an address prefix such as 10.0.0.0/8 or fd00::/8 is expected, not ${shown(value)}`);
  }
}

const prefix = read(parsePrefix);

export const clientRule = z.strictObject({
  from: prefix,
  vpc: vpcName,
  namespace: read((value) => parseLabel(value, 'namespace')).optional(),
});

export const kraudSource = z.strictObject({
  url: text,
  vpc: vpcName,
  services6: z.array(prefix).default([]),
});

/** `ADDR:PORT`, `unix:PATH` or `off`. */
export const adminBind = read((value) => {
  if (value === 'off' || value === false) return 'off';
  if (typeof value === 'string' && /^unix:./.test(value)) return value;
  const { address, port } = parseEndpoint(value, '127.0.0.1:9153, unix:PATH or off');
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
});
