/** Reads resources from zone files, JSON or NDJSON, each with its place. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Place, Problem, Resource } from '../model.ts';
import { ioReason, isZoneFileName } from '../source/zones/zone-dir.ts';
import { parseZoneFile } from '../source/zones/zone-file.ts';
import { issueText } from '../source/validate/by-schema.ts';
import { validateResource } from '../source/validate/validate.ts';
import { pathOf, type Io } from './io.ts';

export interface ReadResources {
  resources: Resource[];
  problems: Problem[];
}

/** `-` is standard input; a folder stands for its zone files. A file that cannot be read becomes a problem. */
export async function readResources(paths: readonly string[], zone: string, io: Io): Promise<ReadResources> {
  const read: ReadResources = { resources: [], problems: [] };
  for (const path of paths) {
    try {
      if (path === '-') readText(await io.input(), 'standard input', zone, read);
      else
        for (const file of filesOf(pathOf(io, path))) readText(readFileSync(file, 'utf8'), file, zone, read);
    } catch (error) {
      read.problems.push({ severity: 'error', place: { file: path }, reason: ioReason(error) });
    }
  }
  return read;
}

function filesOf(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path)
    .filter(isZoneFileName)
    .sort()
    .map((name) => join(path, name));
}

function readText(text: string, file: string, zone: string, read: ReadResources): void {
  if (/^\s*[[{]/.test(text)) {
    readJson(text, file, zone, read);
    return;
  }
  const { placed, problems } = parseZoneFile(text, file, { zone });
  read.problems.push(...problems);
  // A VPC or namespace that only holds others has no fields, and must not replace one that has.
  for (const { resource, bare } of placed) if (!bare) read.resources.push(resource);
}

/** One object, one array, or one object per line. */
function readJson(text: string, file: string, zone: string, read: ReadResources): void {
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch {
    text.split('\n').forEach((line, i) => {
      if (line.trim() === '') return;
      const place: Place = { file, line: i + 1, column: 1 };
      try {
        take(JSON.parse(line), place, '', zone, read);
      } catch (error) {
        const reason = `is not JSON: ${(error as Error).message}`;
        read.problems.push({ severity: 'error', place, reason });
      }
    });
    return;
  }
  if (!Array.isArray(whole)) take(whole, { file }, '', zone, read);
  else whole.forEach((raw, i) => take(raw, { file }, `[${i}]: `, zone, read));
}

function take(raw: unknown, place: Place, where: string, zone: string, read: ReadResources): void {
  const { resource, issues } = validateResource(raw, { unknownKeys: 'error', zone });
  if (resource !== undefined) read.resources.push(resource);
  else
    for (const issue of issues)
      read.problems.push({ severity: 'error', place, reason: `${where}${issueText(issue)}` });
}
