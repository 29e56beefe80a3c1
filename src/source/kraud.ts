/** kraud's own stream as a source: every line is the full view of one VPC, so every line is a full transaction. */

import { foldLabel, foldPodName } from './names.ts';
import { LineSplitter, type Line } from './lines.ts';
import { type Dialect, type StreamEvent } from './reflector-dialect.ts';
import { reflectorSource, type Clock } from './reflector-run.ts';
import { validateKey, validateResource } from './validate.ts';
import type { TransportOptions } from './watch-http.ts';
import { refusal } from './watch-protocol.ts';
import { inputDialect, openLines, parseTarget, targetText } from './watch.ts';
import type { Readable } from 'node:stream';
import type { Source } from '../model.ts';

export interface KraudOptions extends TransportOptions {
  /** `http://…`, `https://…`, `unix:PATH` (HTTP over that socket, at `/`), or `-` for standard input. */
  url: string;
  /** The view does not say whose it is. */
  vpc: string;
  /** Prefixes whose sources are in this VPC, and prefixes of virtual IPs: the view does not say these either. */
  net6?: string[];
  services6?: string[];
  /** Names of overlays by their aid; another overlay is called by its aid. */
  overlays?: Record<string, string>;
  /** Octets of the longest line. Default 64 MiB. */
  maxLine?: number;
  /** Milliseconds of silence after which the view is asked for again; 0: never. Default 60,000. */
  stallAfter?: number;
  zone?: string;
  /** Instead of standard input, for `-`. */
  input?: Readable;
  clock?: Clock;
  random?: () => number;
}

const MAX_LINE = 64 * 1024 * 1024;
/** The stream has no sign of life; asking again costs one view, and proves that what we have is right. */
const STALL_AFTER = 60_000;
/** A view does not say what is newer: all claims in it are alike, at whichever view podns began to read. */
const NO_AGE = '0';

/** A pod, or a service: `n` names, `d` namespace, `6` address; a pod's `o` overlays, a service's `p` ports. */
interface Entry {
  n?: string[];
  d?: string;
  '6'?: string;
  o?: { i?: string; '4'?: string; '6'?: string }[];
  p?: { p?: string; l?: number }[];
}
type Entries = Record<string, Entry>;

/** Throws `TypeError` when the URL is none. */
export function kraudSource(options: KraudOptions): Source {
  let revision = 0;
  const read = (line: Line): StreamEvent[] => eventsOfView(line, String(++revision), options);
  const maxLine = options.maxLine ?? MAX_LINE;
  if (options.url === '-') {
    const lines = inputDialect(options.input ?? process.stdin, maxLine, read);
    return reflectorSource('kraud:-', lines, options);
  }
  const target = parseTarget(options.url, '/');
  const dialect: Dialect = {
    stallAfter: options.stallAfter ?? STALL_AFTER,
    async *connect(_revision, signal) {
      const chunks = await openLines(target, options, signal);
      yield [{ type: 'connected', resumed: false }];
      const splitter = new LineSplitter(maxLine);
      for await (const chunk of chunks) {
        for (const line of splitter.push(chunk)) yield read(line);
      }
    },
  };
  return reflectorSource(`kraud:${targetText(target, options.url)}`, dialect, options);
}

/** One line: a snapshot, its resources, synced. Exported for tests and `podns check`. */
export function eventsOfView(line: Line, revision: string, options: KraudOptions): StreamEvent[] {
  const place = { text: `line ${line.number}` };
  if (line.error !== undefined) return [{ type: 'malformed', place, reason: line.error }];
  let view: { pod?: Entries; srv?: Entries };
  try {
    view = (JSON.parse(line.text) as { V?: typeof view }).V!;
  } catch (error) {
    return [{ type: 'malformed', place, reason: `not JSON: ${(error as Error).message}` }];
  }
  if (!isEntries(view) || !isEntries(view.pod ?? {}) || !isEntries(view.srv ?? {})) {
    return [{ type: 'malformed', place, reason: 'not a view: {"V":{"pod":{…},"srv":{…}}}' }];
  }
  const raws: object[] = [
    { kind: 'vpc', name: options.vpc, net6: options.net6, services6: options.services6 },
    ...resourcesOf(view.pod ?? {}, view.srv ?? {}, options),
  ];
  const events: StreamEvent[] = [{ type: 'snapshot', revision }];
  for (const raw of raws) {
    const { resource, issues } = validateResource(raw, { unknownKeys: 'ignore', zone: options.zone });
    if (issues === undefined)
      events.push({ type: 'put', revision, resource, place, stamp: NO_AGE, more: false });
    else {
      const { key } = validateKey(raw);
      events.push({ type: 'refused', revision, ...refusal(key, issues, place), more: false });
    }
  }
  events.push({ type: 'synced', revision });
  return events;
}

function resourcesOf(pods: Entries, services: Entries, options: KraudOptions): object[] {
  const raws: object[] = [];
  const overlays = new Map<string, object>();
  const podName = uniqueNames(pods);
  for (const [id, pod] of Object.entries(pods)) {
    if (!isEntries(pod)) continue;
    const attachments = listOf(pod.o).map((at) => ({
      overlay: overlayName(at.i, options),
      ip4: at['4'] === '' ? undefined : at['4'],
      ip6: at['6'] === '' ? undefined : at['6'],
      pinned: true,
    }));
    for (const { i: aid } of listOf(pod.o)) {
      const name = overlayName(aid, options);
      overlays.set(`${pod.d}/${name}`, {
        kind: 'overlay',
        vpc: options.vpc,
        namespace: pod.d,
        name,
        aid,
      });
    }
    raws.push({
      kind: 'pod',
      vpc: options.vpc,
      namespace: pod.d,
      name: podName(id),
      aid: id,
      names: listOf(pod.n),
      ip6: pod['6'] === '' ? undefined : pod['6'],
      overlays: attachments,
    });
  }
  const serviceName = uniqueNames(services);
  for (const [id, service] of Object.entries(services)) {
    if (!isEntries(service)) continue;
    raws.push({
      kind: 'service',
      vpc: options.vpc,
      namespace: service.d,
      name: serviceName(id),
      aid: id,
      names: listOf(service.n),
      ip6: service['6'] === '' ? undefined : service['6'],
      // kraud's ports have no names, and SRV needs one: the protocol and the number.
      ports: listOf(service.p).map(({ p, l }) => ({ name: `${p}-${l}`, protocol: p, port: l })),
    });
  }
  return [...overlays.values(), ...raws];
}

/**
 * A resource's name is unique in its namespace, kraud's names are not: replicas share them. So the name is the
 * first one where nobody else in the namespace has it first, else the id; `names` has all of them anyway.
 */
function uniqueNames(entries: Entries): (id: string) => string {
  const bearers = new Map<string, number>();
  const first = (entry: Entry): string | undefined => {
    const name = listOf(entry.n)[0];
    return typeof name === 'string' ? foldPodName(name) : undefined;
  };
  const place = (entry: Entry, name: string): string => `${String(entry.d).toLowerCase()}/${name}`;
  for (const [id, entry] of Object.entries(entries)) {
    if (!isEntries(entry)) continue;
    const names = new Set([first(entry), id.toLowerCase()]);
    for (const name of names) {
      if (name === undefined) continue;
      const at = place(entry, name);
      bearers.set(at, (bearers.get(at) ?? 0) + 1);
    }
  }
  return (id) => {
    const entry = entries[id]!;
    const name = first(entry);
    return name !== undefined && bearers.get(place(entry, name)) === 1 ? name : id;
  };
}

function overlayName(aid: string | undefined, options: KraudOptions): string | undefined {
  if (aid === undefined) return undefined;
  return options.overlays?.[aid] ?? foldLabel(aid) ?? aid;
}

function listOf<Item>(list: Item[] | undefined): Item[] {
  return Array.isArray(list) ? list.filter((item) => item !== null) : [];
}

function isEntries(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
