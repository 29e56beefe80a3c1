/** `--strict`: what `podns check` calls an error keeps `serve` from starting. */
import type { Config } from '../config/table.ts';
import { scopesOf, unmatchedScopes } from '../config/scopes.ts';
import type { Problem } from '../model.ts';
import { keyOf } from '../model.ts';
import { readZones } from '../source/zones/zone-dir.ts';
import { CommandError, EXIT_BAD_CONFIG } from './exit.ts';
import { problemLine } from './problems.ts';

/** Errors that a message names. */
const NAMED = 20;

/** Throws CommandError where a zone file or a record is wrong, or a scope matches nothing in files alone. */
export function refuseErrors(zones: readonly string[], config: Config): void {
  const read = zones.map((folder) => readZones(folder, { zone: config.zone }));
  const problems = read.flatMap((one) => one.problems).filter(isWrong);
  if (hasFilesOnly(config)) {
    const keys = read.flatMap(({ resources }) => resources.map(({ resource }) => keyOf(resource)));
    for (const { reason } of unmatchedScopes(config.listen, config.clients, scopesOf(keys)))
      problems.push({ severity: 'error', reason });
  }
  if (problems.length === 0) return;
  const lines = problems.slice(0, NAMED).map(problemLine);
  if (problems.length > NAMED) lines.push(`${problems.length - NAMED} more; podns check lists them`);
  throw new CommandError(EXIT_BAD_CONFIG, [...lines, 'nothing is served, because of --strict'].join('\n'));
}

/** Streams may name VPCs that no file has. */
export function hasFilesOnly({ watch, etcd, docker, kraud }: Config): boolean {
  return watch.length + etcd.length + docker.length + kraud.length === 0;
}

function isWrong({ severity, kind }: Problem): boolean {
  return severity === 'error' || kind === 'file';
}
