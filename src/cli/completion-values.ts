/** The names that completion offers: from the running server, or from the zone files of this folder. */
import { loadConfig } from '../config.ts';
import { keyOf, type Kind, type Resource, type ResourceKey } from '../model.ts';
import { readZones } from '../source/zones/zone-dir.ts';
import { adminTarget, askAdmin } from './admin-client.ts';
import { withImplied } from './implied.ts';
import { pathOf, type Io } from './io.ts';

/** By the word that the scripts use, which is also that of the list of the admin listener. */
export const VALUE_KINDS: Record<string, Kind> = {
  vpcs: 'vpc',
  namespaces: 'namespace',
  overlays: 'overlay',
  pods: 'pod',
  services: 'service',
};

/** Milliseconds that a person at a prompt waits. */
const PATIENCE = 700;
/** A shell expands what completion offers, so nothing else is offered. */
const SAFE = /^[a-z0-9][a-z0-9._/-]*$/;

/** Sorted, each once. Empty where neither a server nor a folder of zone files answers in time. */
export async function completionValues(word: string, io: Io): Promise<string[]> {
  const kind = VALUE_KINDS[word]!;
  const resources = await Promise.race([asked(word, io), patience()]).catch(() => read(io));
  const keys = resources.map(keyOf).filter((key) => key.kind === kind);
  return [...new Set(keys.map(shortName))].filter((name) => SAFE.test(name)).sort();
}

function asked(word: string, io: Io): Promise<Resource[]> {
  return askAdmin<Resource[]>(adminTarget({}, io), `/v1/${word}`);
}

function patience(): Promise<never> {
  return new Promise((_resolve, reject) =>
    setTimeout(() => reject(new Error('no answer in time')), PATIENCE).unref(),
  );
}

function read(io: Io): Resource[] {
  try {
    const { zones, zone } = loadConfig({ environment: io.environment, folder: io.folder }).config;
    const folders = zones.length > 0 ? zones : ['zones'];
    return withImplied(
      folders.flatMap((folder) =>
        readZones(pathOf(io, folder), { zone }).resources.map(({ resource }) => resource),
      ),
    );
  } catch {
    // A person who presses the tab key wants no message.
    return [];
  }
}

/** As the commands take it: `aep`, `shop`, `shop/db`. */
function shortName({ kind, vpc, namespace, name }: ResourceKey): string {
  if (kind === 'vpc') return vpc;
  return kind === 'namespace' ? namespace : `${namespace}/${name}`;
}
