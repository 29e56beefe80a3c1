/** Reads zone files for commands that work without a server. */
import type { Place, Resource } from '../model.ts';
import { readZones } from '../source/zones/zone-dir.ts';
import type { Io } from './io.ts';
import { reportProblems } from './problems.ts';

export interface LoadedZones {
  resources: Resource[];
  placed: { resource: Resource; place: Place }[];
  /** True if something was refused. */
  failed: boolean;
}

/** Reads a folder or one file; prints problems on stderr. */
export function loadZones(path: string, io: Io, zone?: string): LoadedZones {
  const { resources: placed, problems } = readZones(path, zone === undefined ? {} : { zone });
  reportProblems(problems, io);
  const failed = problems.some((problem) => problem.severity === 'error');
  return { resources: placed.map(({ resource }) => resource), placed, failed };
}
