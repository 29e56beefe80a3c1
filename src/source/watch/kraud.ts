/** The stream format of kraud.cloud as a source: each line is the full view of one VPC, and so a full transaction. */

import { boundFault, jsonFault, octetsFault, RECORD_MAX } from '../validate/bounds.ts';
import { JsonCutter, outlineOf, type Piece } from './json-cutter.ts';
import { keyOf, valuesOf } from '../validate/json-outline.ts';
import { foldLabel, foldPodName } from '../validate/names.ts';
import type { Dialect, StreamEvent } from '../reflector/dialect.ts';
import type { Clock } from '../../base/clock.ts';
import { reflectorSource } from '../reflector/run.ts';
import { inTurns, sliced, slices } from '../reflector/slices.ts';
import { validateKey } from '../validate/by-schema.ts';
import { validateResource } from '../validate/validate.ts';
import type { HttpOptions } from './http.ts';
import { refusal } from './protocol.ts';
import { inputDialect, openLines, parseTarget, targetText, type Reading } from './watch.ts';
import type { Readable } from 'node:stream';
import { excerpt } from '../../model-text.ts';
import type { Source } from '../../model.ts';

export interface KraudOptions extends HttpOptions {
  /** `http://…`, `https://…`, `unix:PATH` (HTTP over that socket, at `/`), or `-` for standard input. */
  url: string;
  /** The VPC of the view, which the format leaves out. */
  vpc: string;
  /** The prefixes of clients in this VPC, and those of virtual IPs, which the format leaves out too. */
  net6?: string[];
  services6?: string[];
  /** Names of overlays by aid; the aid names all other overlays. */
  overlays?: Record<string, string>;
  /** The maximum octets of a line. Default 64 MiB. */
  maxLine?: number;
  /** Milliseconds of silence after which podns asks for the view again; 0 means never. Default 60,000. */
  stallAfter?: number;
  zone?: string;
  /** Replaces standard input, for `-`. */
  input?: Readable;
  /** @internal For tests. */
  clock?: Clock;
  /** @internal For tests: from 0 to 1. */
  random?: () => number;
}

const MAX_LINE = 64 * 1024 * 1024;
/** The format has no bookmarks; asking again costs one view, and confirms the last one. */
const STALL_AFTER = 60_000;
/** A view does not show which claim is newer, so all claims in it are equal. */
const NO_AGE = '0';

/** The maximum of pods and services in a view, which limits its memory. */
const ENTRIES_MAX = 1_000_000;
/** Events per batch. */
const BATCH = 100;
const LINE_FEED = 0x0a;

/** A pod, or a service: `n` names, `d` namespace, `6` address; a pod's `o` overlays, a service's `p` ports. */
interface Entry {
  n?: unknown;
  d?: unknown;
  '6'?: unknown;
  o?: unknown;
  p?: unknown;
}
interface Held {
  entry: Entry;
  octets: number;
  /** Why the entry is refused; `entry` has the readable part. */
  fault?: string;
}
type Entries = Map<string, Held>;

/** Throws `TypeError` for an invalid URL. */
export function kraudSource(options: KraudOptions): Source {
  let revision = 0;
  const nextRevision = (): string => String(++revision);
  if (options.url === '-') {
    const lines = inputDialect(options.input ?? process.stdin, viewReading(options, nextRevision));
    return reflectorSource('kraud:-', lines, { ...options, vpcs: [options.vpc] });
  }
  const target = parseTarget(options.url, '/');
  const dialect: Dialect = {
    stallAfter: options.stallAfter ?? STALL_AFTER,
    async *connect(_revision, signal) {
      const chunks = await openLines(target, options, signal);
      yield [{ type: 'connected', resumed: false }];
      const read = viewReading(options, nextRevision);
      for await (const chunk of chunks) yield* inTurns(read(chunk));
    },
  };
  return reflectorSource(`kraud:${targetText(target, options.url)}`, dialect, {
    ...options,
    vpcs: [options.vpc],
  });
}

/** Turns each line into the events snapshot, its resources, synced. An empty batch only lets a slice end. */
export function viewReading(options: KraudOptions, nextRevision: () => string): Reading {
  const maxLine = options.maxLine ?? MAX_LINE;
  let number = 1;
  let view = new View(maxLine);
  return function* (chunk) {
    for (const part of sliced(chunk)) {
      slices.scanned(part.length);
      for (let from = 0; from < part.length;) {
        const end = part.indexOf(LINE_FEED, from);
        view.add(part.subarray(from, end === -1 ? part.length : end));
        yield [];
        if (end === -1) break;
        yield* eventsOf(view, number++, nextRevision, options);
        view = new View(maxLine);
        from = end + 1;
      }
    }
  };
}

/** The open line, read entry by entry, so that a long line does not block the thread. */
class View {
  readonly pods: Entries = new Map();
  readonly services: Entries = new Map();
  private readonly maxLine: number;
  private readonly cutter = new JsonCutter({
    paths: [
      ['V', 'pod'],
      ['V', 'srv'],
    ],
    most: RECORD_MAX.octets,
    outline: [],
  });
  private octets = 0;
  private tooMany = false;

  constructor(maxLine: number) {
    this.maxLine = maxLine;
  }

  add(part: Uint8Array): void {
    this.octets += part.length;
    if (this.fault !== undefined) {
      this.pods.clear();
      this.services.clear();
      return;
    }
    for (const piece of this.cutter.push(part)) {
      slices.piece(piece.text.length);
      const entries = piece.path === 0 ? this.pods : this.services;
      entries.set(keyOf(piece.key), heldOf(piece));
      this.tooMany ||= entries.size > ENTRIES_MAX;
    }
  }

  /** Why the line is not a view; '' for a blank line, undefined for a view. */
  end(): string | undefined {
    const { frame, fault = this.fault } = this.cutter.end();
    if (fault !== undefined) return fault;
    if (frame === undefined) return '';
    const { V: view } = frame as { V?: { pod?: unknown; srv?: unknown } };
    if (isObject(view) && isObject(view.pod ?? {}) && isObject(view.srv ?? {})) return undefined;
    return 'not a view: {"V":{"pod":{…},"srv":{…}}}';
  }

  private get fault(): string | undefined {
    if (this.tooMany) return `has more than ${ENTRIES_MAX} pods or services`;
    return this.octets > this.maxLine ? octetsFault(this.octets, this.maxLine) : undefined;
  }
}

function heldOf({ text, octets, fault, outline }: Piece): Held {
  let found = fault ?? boundFault(text);
  if (found === undefined) {
    try {
      const entry = JSON.parse(text) as Entry;
      return isObject(entry) ? { entry, octets } : { entry: {}, octets, fault: 'must be an object' };
    } catch (error) {
      found = jsonFault(error);
    }
  }
  const known = outline ?? outlineOf(Buffer.from(text), []);
  return { entry: known === undefined ? {} : valuesOf(known.members), octets: text.length, fault: found };
}

function* eventsOf(
  view: View,
  number: number,
  nextRevision: () => string,
  options: KraudOptions,
): Generator<StreamEvent[]> {
  const fault = view.end();
  const place = { text: `line ${number}` };
  if (fault === '') return;
  if (fault !== undefined) {
    yield [{ type: 'malformed', place, reason: fault }];
    return;
  }
  const revision = nextRevision();
  let batch: StreamEvent[] = [{ type: 'snapshot', revision }];
  for (const raw of resourcesOf(view, options)) {
    if (raw !== undefined) {
      slices.record(raw.octets);
      const { resource, issues } =
        raw.fault === undefined
          ? validateResource(raw.object, { unknownKeys: 'ignore', zone: options.zone })
          : { issues: [{ path: [], reason: raw.fault }] };
      if (issues === undefined)
        batch.push({ type: 'put', revision, resource, place, stamp: NO_AGE, more: false });
      else {
        const { key } = validateKey(raw.object);
        const where = key === undefined ? { text: `${place.text}, ${raw.what}` } : place;
        batch.push({ type: 'refused', revision, ...refusal(key, issues, where), stamp: NO_AGE, more: false });
      }
    }
    if (batch.length < BATCH && !slices.due) continue;
    yield batch;
    batch = [];
  }
  batch.push({ type: 'synced', revision });
  yield batch;
}

/** A resource before it is validated. */
interface Raw {
  object: object;
  /** `pod ID`, for a message about one without a name. */
  what: string;
  octets?: number;
  fault?: string;
}

/** All resources of a view; undefined where a slice may end. */
function* resourcesOf({ pods, services }: View, options: KraudOptions): Generator<Raw | undefined> {
  const { vpc, net6, services6 } = options;
  yield { object: { kind: 'vpc', name: vpc, net6, services6 }, what: 'vpc' };
  const overlays = new Map<string, object>();
  for (const { entry } of pods.values()) {
    slices.record();
    for (const { i: aid } of listOf(entry.o)) {
      const name = overlayName(aid, options);
      const namespace = entry.d;
      overlays.set(`${textOf(namespace)}/${name}`, { kind: 'overlay', vpc, namespace, name, aid });
    }
    yield undefined;
  }
  for (const object of overlays.values()) yield { object, what: 'overlay' };
  const podName = yield* uniqueNames(pods);
  for (const [id, { entry, octets, fault }] of pods) {
    const attachments = listOf(entry.o).map((at) => ({
      overlay: overlayName(at.i, options),
      ip4: at['4'] === '' ? undefined : at['4'],
      ip6: at['6'] === '' ? undefined : at['6'],
      pinned: true,
    }));
    const object = { ...bearer('pod', vpc, id, entry, podName(id)), overlays: attachments };
    yield { object, what: `pod ${excerpt(id)}`, octets, fault };
  }
  const serviceName = yield* uniqueNames(services);
  for (const [id, { entry, octets, fault }] of services) {
    // Ports of this format have no names, but SRV needs one: the protocol and the number.
    const ports = listOf(entry.p).map(({ p, l }) => ({
      name: `${textOf(p)}-${textOf(l)}`,
      protocol: p,
      port: l,
    }));
    const object = { ...bearer('service', vpc, id, entry, serviceName(id)), ports };
    yield { object, what: `service ${excerpt(id)}`, octets, fault };
  }
}

/** What pods and services have in common. */
function bearer(kind: string, vpc: string, id: string, entry: Entry, name: string): object {
  const ip6 = entry['6'] === '' ? undefined : entry['6'];
  return { kind, vpc, namespace: entry.d, name, aid: id, names: listOf(entry.n), ip6 };
}

/**
 * A resource's name is unique in its namespace, but replicas share names in this format. So the name is the first one
 * in the list if no other entry of the namespace has it first, else the id; `names` has all of them.
 */
function* uniqueNames(entries: Entries): Generator<undefined, (id: string) => string> {
  const owners = new Map<string, number>();
  const first = ({ n }: Entry): string | undefined => {
    const name: unknown = listOf(n)[0];
    return typeof name === 'string' ? foldPodName(name) : undefined;
  };
  const place = (entry: Entry, name: string): string => `${textOf(entry.d).toLowerCase()}/${name}`;
  for (const [id, { entry }] of entries) {
    slices.record();
    const names = new Set([first(entry), id.toLowerCase()]);
    for (const name of names) {
      if (name === undefined) continue;
      const at = place(entry, name);
      owners.set(at, (owners.get(at) ?? 0) + 1);
    }
    yield undefined;
  }
  return (id) => {
    const { entry } = entries.get(id)!;
    const name = first(entry);
    return name !== undefined && owners.get(place(entry, name)) === 1 ? name : id;
  };
}

function overlayName(aid: unknown, options: KraudOptions): string | undefined {
  if (typeof aid !== 'string') return undefined;
  const { overlays = {} } = options;
  return Object.hasOwn(overlays, aid) ? overlays[aid] : (foldLabel(aid) ?? aid);
}

/** The text of strings and numbers; '' for other values, some of which would throw. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

// An item may be anything but null; a property of a number is undefined.
function listOf(list: unknown): Record<string, unknown>[] {
  return Array.isArray(list) ? list.filter((item) => item !== null) : [];
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
