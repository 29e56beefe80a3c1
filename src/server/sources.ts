/** Makes the sources that the configuration names, in its order of preference. */
import type { Config } from '../config/table.ts';
import type { Source } from '../model.ts';
import { etcdSources } from '../source/etcd.ts';
import { kraudSource } from '../source/kraud.ts';
import { watchSource } from '../source/watch.ts';
import { zones } from '../source/zones.ts';

/** Zones before streams: what a person wrote down wins. Throws TypeError where a URL is none. */
export function configuredSources(config: Config): Source[] {
  const { zone, vpc } = config;
  const vpcs = vpc.length === 0 ? undefined : vpc;
  const sources: Source[] = config.zones.map((dir) => zones(dir, { zone }));
  const tokenFile = config.watchTokenFile === '' ? undefined : config.watchTokenFile;
  for (const url of config.watch) sources.push(watchSource({ url, vpcs, zone, tokenFile }));
  if (config.etcd.length > 0) sources.push(...etcdSources({ endpoints: config.etcd, vpcs, zone }));
  for (const kraud of config.kraud) sources.push(kraudSource({ ...kraud, zone }));
  return sources;
}
