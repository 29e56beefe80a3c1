/** What `check` finds where the configuration and the zone files do not fit each other, or this host. */
import { readFileSync } from 'node:fs';
import type { PlaceOf } from '../config.ts';
import { scopesOf, unmatchedScopes } from '../config/scopes.ts';
import { SETTINGS, type Config } from '../config/table.ts';
import { parseResolvConf } from '../forward/routes/resolv-conf.ts';
import type { Problem, Resource } from '../model.ts';
import { keyOf } from '../model.ts';
import { hasFilesOnly } from './strict.ts';

export function checkConfiguration(
  config: Config,
  placeOf: PlaceOf,
  resources: readonly Resource[],
): Problem[] {
  return [...checkScopes(config, placeOf, resources), ...checkResolvConf(config, placeOf)];
}

function checkScopes(config: Config, placeOf: PlaceOf, resources: readonly Resource[]): Problem[] {
  // Streams may have what no file has.
  if (!hasFilesOnly(config) || resources.length === 0) return [];
  return unmatchedScopes(config.listen, config.clients, scopesOf(resources.map(keyOf))).map(
    ({ kind, reason }): Problem => ({
      kind,
      severity: 'error',
      place: placeOf(kind === 'listener' ? 'listen' : 'clients'),
      reason,
    }),
  );
}

/** Of a file that the configuration names; what is usual need not be there on the host that checks. */
function checkResolvConf({ resolvConf, upstreams, forward }: Config, placeOf: PlaceOf): Problem[] {
  const isUsed = upstreams.length === 0 && forward !== 'off' && forward !== 'refuse';
  if (!isUsed || resolvConf === SETTINGS.resolvConf.default) return [];
  let reason: string | undefined;
  try {
    if (parseResolvConf(readFileSync(resolvConf, 'utf8')).endpoints.length === 0)
      reason = 'names no nameserver';
  } catch (error) {
    reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : (error as Error).message;
  }
  if (reason === undefined) return [];
  const text = `resolv_conf: ${resolvConf} ${reason}: outside names have no upstream`;
  return [{ kind: 'resolv_conf', severity: 'error', place: placeOf('resolvConf'), reason: text }];
}
