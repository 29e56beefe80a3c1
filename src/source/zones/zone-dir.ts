/** Zone files on disk: lists them, decodes them, and reads a folder once for the command line. */
import { lstatSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Place, Problem, Resource } from '../../model.ts';
import { parseZoneFile } from './zone-file.ts';
import type { ZoneFile, ZoneOptions } from './zone-file.ts';
import { isEmpty } from './zone-remains.ts';
import { joinZoneFiles } from './zone-set.ts';

/** About 70,000 pods; reading them takes some ten seconds and most of a gibibyte. */
export const FILE_OCTETS_MAX = 4 * 1024 * 1024;

/** The maximum of zone files in a folder, which is listed at every change. */
export const FILES_MAX = 4096;

export class TooManyFiles extends Error {
  constructor() {
    super(`has more than ${FILES_MAX} zone files: merge some of them`);
  }
}

/** True for `*.yaml` and `*.yml`, except hidden files, which editors create. */
export function isZoneFileName(name: string): boolean {
  return /\.ya?ml$/i.test(name) && !name.startsWith('.');
}

/** The names of the zone files of a folder, sorted. Throws the system's errors, and TooManyFiles. */
export async function zoneNames(dir: string): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of await opendir(dir)) {
    if (isZoneFileName(name)) names.push(name);
    if (names.length > FILES_MAX) throw new TooManyFiles();
  }
  return names.sort();
}

/** Parses the octets of a zone file. */
export function parseZoneOctets(octets: Uint8Array, file: string, options: ZoneOptions): ZoneFile {
  if (octets.length > FILE_OCTETS_MAX) return tooLarge(file, octets.length);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(octets);
  } catch {
    return unreadable({ file }, 'is not UTF-8');
  }
  return parseZoneFile(text, file, options);
}

/** The result for a file that is too large to open. */
export function tooLarge(file: string, octets: number | bigint): ZoneFile {
  const reason = `the file has ${octets} octets; at most ${FILE_OCTETS_MAX} are read: split it`;
  return unreadable({ file, line: 1, column: 1 }, reason);
}

/** The result for a file that cannot be read. */
export function unreadable(place: Place, reason: string): ZoneFile {
  return {
    usable: false,
    placed: [],
    refused: new Map(),
    problems: [{ severity: 'error', place, reason }],
  };
}

/** The reason for an error of the file system. */
export function ioReason(error: unknown): string {
  if (error instanceof TooManyFiles) return error.message;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === 'ENOENT') return 'does not exist';
  if (code === 'EACCES' || code === 'EPERM') return 'is not readable for this user';
  if (code === 'ENOTDIR') return 'is not a directory';
  if (code === 'ELOOP') return 'is a loop of symbolic links';
  return `cannot be read: ${code ?? (error as Error).message}`;
}

/**
 * Reads a zones directory, or one file, once. Throws nothing: what cannot be read becomes a problem.
 * Places are as in the zones source: `DIR/FILE:line:column`.
 */
export function readZones(
  path: string,
  options: ZoneOptions = {},
): { resources: { resource: Resource; place: Place }[]; problems: Problem[] } {
  const files = new Map<string, ZoneFile>();
  const problems: Problem[] = [];
  try {
    if (statSync(path).isDirectory()) {
      const names = readdirSync(path).filter(isZoneFileName).sort();
      if (names.length > FILES_MAX) throw new TooManyFiles();
      for (const name of names) {
        const file = join(path, name);
        if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) continue;
        files.set(name, readOne(file, options));
      }
      if (files.size === 0)
        problems.push({ severity: 'warning', place: { file: path }, reason: 'has no *.yaml file' });
    } else files.set(path, readOne(path, options));
  } catch (error) {
    problems.push({ severity: 'error', place: { file: path }, reason: ioReason(error) });
  }
  const set = joinZoneFiles(files);
  for (const [name, file] of files) {
    if (file.usable && isEmpty(file)) {
      const place = { file: files.size === 1 && name === path ? path : join(path, name), line: 1, column: 1 };
      const reason = 'the file is empty: a server that has served more of it keeps its last good state';
      problems.push({ kind: 'file', severity: 'warning', place, reason });
    }
  }
  for (const [name, file] of files) problems.push(...file.problems, ...(set.repeated.get(name) ?? []));
  const resources = [...set.placed.values()].map(({ resource, place }) => ({ resource, place }));
  return { resources, problems };
}

function readOne(file: string, options: ZoneOptions): ZoneFile {
  try {
    const info = statSync(file);
    if (!info.isFile()) return unreadable({ file }, 'is not a file');
    if (info.size > FILE_OCTETS_MAX) return tooLarge(file, info.size);
    return parseZoneOctets(readFileSync(file), file, options);
  } catch (error) {
    const dangling = lstatSync(file, { throwIfNoEntry: false })?.isSymbolicLink() === true;
    return unreadable({ file }, dangling ? 'is a dangling symbolic link' : ioReason(error));
  }
}
