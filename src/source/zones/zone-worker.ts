/** The thread that parses zone files: sends the resources slice by slice, each on request. */
import { parentPort } from 'node:worker_threads';
import type { Problem, Resource } from '../../model.ts';
import { parseZoneOctets } from './zone-dir.ts';
import type { ZoneFile, ZoneOptions } from './zone-file.ts';

/** A file to parse; undefined requests the next slice of the last file. */
export type ZoneOrder = { octets: Uint8Array; file: string; options: ZoneOptions } | undefined;

/** A resource with its line and column, and whether it is bare. */
export type ZoneRow = [Resource, number, number, boolean];

/** The first answer has everything but the resources. */
export interface ZoneAnswer {
  rows: ZoneRow[];
  /** True in the last slice. */
  last: boolean;
  head?: { usable: boolean; refused: ZoneFile['refused']; problems: Problem[] };
}

/** Resources per slice: half a millisecond of work for the receiver. */
const SLICE = 64;

let zone: ZoneFile | undefined;
let given = 0;

parentPort!.on('message', (order: ZoneOrder) => {
  let head: ZoneAnswer['head'];
  if (order !== undefined) {
    zone = parseZoneOctets(order.octets, order.file, order.options);
    given = 0;
    const { usable, refused, problems } = zone;
    head = { usable, refused, problems };
  }
  const placed = zone?.placed ?? [];
  const rows = placed
    .slice(given, given + SLICE)
    .map(({ resource, place, bare }): ZoneRow => [resource, place.line ?? 1, place.column ?? 1, bare]);
  given += rows.length;
  const last = given >= placed.length;
  if (last) zone = undefined;
  parentPort!.postMessage({ rows, last, head } satisfies ZoneAnswer);
});
