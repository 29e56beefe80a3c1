/** Lists by name, the form of `routes` and `hosts`: reads them into one form, or refuses them with a reason. */
import type { NameLists } from '../../model.ts';
import { hostAddress, upstream, whyNotHostAddress, whyNotUpstream } from './addresses.ts';
import { foldName, quote, whyNotName } from './names.ts';

/** The rules for one kind of lists by name. */
export interface NameListKind {
  /** The maximum of names, and of entries per list. */
  most: number;
  mostEach: number;
  fold: (value: string) => string | undefined;
  why: (value: string) => string;
  /** What an entry is, for messages. */
  entry: string;
  /** Why a list must not be empty; undefined if it may be. */
  empty?: string;
}

/** The maximum of entries in all lists of one map. */
const ENTRIES_MAX = 2048;

export const ROUTES: NameListKind = {
  most: 256,
  mostEach: 16,
  fold: upstream,
  why: whyNotUpstream,
  entry: 'ADDR:PORT',
};

export const HOSTS: NameListKind = {
  most: 1024,
  mostEach: 16,
  fold: hostAddress,
  why: whyNotHostAddress,
  entry: 'addresses',
  empty: 'has no address; to make a name not exist, use an empty list under routes',
};

/** `path` leads to the entry at fault; `atKey`: to the name itself. */
export type NameListFault = (reason: string, path: (string | number)[], atKey?: true) => void;

/** A domain without its final dot, folded. */
export function foldDomain(text: string): string | undefined {
  return foldName(text.endsWith('.') ? text.slice(0, -1) : text);
}

/**
 * A single entry needs no list; duplicates are removed, and names are sorted. Entries with a fault are left out.
 * Everything is counted before anything is read.
 */
export function readNameLists(
  map: Readonly<Record<string, unknown>>,
  kind: NameListKind,
  fault: NameListFault,
): NameLists {
  const lists = new Map<string, string[]>();
  const keys = Object.keys(map);
  let entries = 0;
  for (const key of keys) if (Array.isArray(map[key])) entries += (map[key] as unknown[]).length;
  if (keys.length > kind.most) fault(`has more than ${kind.most} entries`, []);
  else if (entries > ENTRIES_MAX) fault(`has more than ${ENTRIES_MAX} entries in its lists`, []);
  else {
    for (const key of keys) {
      const name = foldDomain(key);
      if (name === undefined) fault(whyNotName(key), [key], true);
      else if (lists.has(name)) fault(`${quote(name)} is written twice`, [key], true);
      else lists.set(name, readList(key, map[key], kind, fault));
    }
  }
  return Object.fromEntries([...lists].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function readList(key: string, value: unknown, kind: NameListKind, fault: NameListFault): string[] {
  const { mostEach, fold, why, entry, empty } = kind;
  const given: unknown = typeof value === 'string' ? [value] : value;
  const read = new Set<string>();
  if (!Array.isArray(given)) fault(`must be a list of ${entry}`, [key]);
  else if (given.length > mostEach) fault(`has more than ${mostEach} entries`, [key]);
  else if (given.length === 0 && empty !== undefined) fault(empty, [key]);
  else {
    given.forEach((one: unknown, index) => {
      const folded = typeof one === 'string' ? fold(one) : undefined;
      if (folded !== undefined) read.add(folded);
      else fault(typeof one === 'string' ? why(one) : `must be text: ${entry}`, [key, index]);
    });
  }
  return [...read];
}
