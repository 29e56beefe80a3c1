/** What stays of a zone file that cannot be taken up: when a file counts as spoiled though it parses, and what it held. */
import { keyText } from '../../model.ts';
import type { Kind, Problem, ResourceKey } from '../../model.ts';
import type { ZoneFile } from './zone-file.ts';

/** How a file is written: its octets now and when it was last taken up, and whether it ends, and ended, a line. */
export interface Writing {
  octets: number;
  octetsBefore: number;
  ended: boolean;
  endedBefore: boolean;
  text(): string;
}

/** An empty map, with which somebody says that there is nothing on purpose. */
const EMPTY_MAP = /^[^#\n]*\b(namespaces|pods|services|overlays)\s*:\s*\{\s*\}/m;
const HINT = 'write beside it, then rename; to delete all of it, remove the file';

/**
 * The file as it parses, or unusable where it looks like one that is being written: empty, cut inside its last line,
 * or without anything in the VPCs that held something before. `before`: as it last counted.
 */
export function afterOf(
  zone: ZoneFile,
  file: string,
  before: ZoneFile | undefined,
  writing: Writing,
): ZoneFile {
  if (!zone.usable) return zone;
  const had = before === undefined ? 0 : members(before);
  if (isEmpty(zone)) {
    // A file of comments alone was written by somebody; one without a word may be about to be.
    const blank = writing.text().trim() === '';
    if (had === 0 && !blank) return zone;
    return spoiled(zone, file, `the file is empty: ${HINT}`, 'warning');
  }
  if (had === 0) return zone;
  if (isCut(writing))
    return spoiled(
      zone,
      file,
      'the last line has no line end, so the file may be half written: end it with a line end',
    );
  if (members(zone) === 0 && !EMPTY_MAP.test(writing.text())) {
    const reason = `the file holds no pods, services or overlays any more, so it may be half written`;
    return spoiled(zone, file, `${reason}: write namespaces: {} to mean it, or remove the file`);
  }
  return zone;
}

/** An unusable file of which an earlier run has saved these: each stays as one that was refused alone does. */
export function fromSaved(zone: ZoneFile, file: string, saved: readonly ResourceKey[]): ZoneFile {
  const refused = new Map(saved.map((key) => [keyText(key), { key, place: { file, line: 1, column: 1 } }]));
  const unserved = saved.length === 0;
  const problems = zone.problems.map((problem): Problem => (unserved ? { ...problem, unserved } : problem));
  return { ...zone, placed: [], refused, problems };
}

/** Nothing is said in it, and nothing was refused. */
export function isEmpty({ placed, refused, problems }: ZoneFile): boolean {
  return placed.length === 0 && refused.size === 0 && problems.every(({ severity }) => severity !== 'error');
}

/** Shorter by more than its last line end, and without it. */
function isCut({ octets, octetsBefore, ended, endedBefore }: Writing): boolean {
  return endedBefore && !ended && octets < octetsBefore - 1;
}

/** Whether something below its VPCs and namespaces is said in it. */
export function holdsMembers({ placed }: ZoneFile): boolean {
  return placed.some(({ resource }) => isMember(resource.kind));
}

/** Pods, services and overlays of it, those that were refused with them. */
function members({ placed, refused }: ZoneFile): number {
  let count = 0;
  for (const { resource } of placed) if (isMember(resource.kind)) count++;
  for (const { key } of refused.values()) if (isMember(key.kind)) count++;
  return count;
}

function isMember(kind: Kind): boolean {
  return kind !== 'vpc' && kind !== 'namespace';
}

function spoiled(
  zone: ZoneFile,
  file: string,
  reason: string,
  severity: Problem['severity'] = 'error',
): ZoneFile {
  const problem: Problem = { kind: 'file', severity, place: { file, line: 1, column: 1 }, reason };
  return { ...zone, usable: false, problems: [...zone.problems, problem] };
}
