/** Makes the sources that the configuration names, in its order of preference. */
import type { Config } from '../config/table.ts';
import type { Source } from '../model.ts';
import { dockerSource } from '../source/docker/docker.ts';
import { etcdSources, type EtcdOptions } from '../source/etcd/etcd.ts';
import { kraudSource } from '../source/watch/kraud.ts';
import { vpcFilter } from '../source/reflector/vpc-filter.ts';
import { readCredentials } from '../source/watch/credentials.ts';
import { watchSource } from '../source/watch/watch.ts';
import type { HttpOptions } from '../source/watch/http.ts';
import type { Gateways } from './gateways.ts';
import { zones } from '../source/zones/zones.ts';
import { releaseMemory } from './release-memory.ts';

/** Containers of an engine whose descriptions leave as much garbage as a full collection is worth. */
const LARGE_ENGINE = 200;

/** The VPC of each container engine, by the number by which its gateways are told. */
export function engineVpcs({ docker }: Pick<Config, 'docker'>): string[] {
  return docker.map(({ vpc }) => vpc);
}

/** Zone files come before streams, because what a person wrote wins. Throws TypeError for an invalid URL. */
export function configuredSources(config: Config, gateways?: Pick<Gateways, 'tell'>): Source[] {
  const { zone, vpc } = config;
  const vpcs = vpc.length === 0 ? undefined : vpc;
  const http = httpOptions(config);
  const sources: Source[] = config.zones.map((dir) => zones(dir, { zone }));
  for (const url of config.watch) sources.push(watchSource({ ...http, url, vpcs, zone }));
  if (config.etcd.length > 0) sources.push(...etcdSources({ ...etcdConnection(config), vpcs, zone }));
  config.docker.forEach((engine, number) => {
    const onGateways = (addresses: readonly string[]): void => gateways?.tell(number, addresses);
    const onListed = (containers: number): void => {
      if (containers >= LARGE_ENGINE) void releaseMemory();
    };
    sources.push(dockerSource({ ...engine, zone, onGateways, onListed }));
  });
  for (const kraud of config.kraud) sources.push(kraudSource({ ...http, ...kraud, zone }));
  // Streams are asked for these VPCs only; some sources cannot filter, and some servers ignore the filter.
  return vpcs === undefined ? sources : sources.map((source) => vpcFilter(source, vpcs));
}

/** Reads the certificates that the configured sources use, once. Throws `StreamError` for one that cannot work. */
export async function checkCertificates(config: Config): Promise<void> {
  const { watch, kraud, etcd } = config;
  // A token may come later, and is read again at each connection.
  if (watch.length + kraud.length > 0)
    await readCredentials({ ...httpOptions(config), tokenFile: undefined });
  if (etcd.length > 0) await readCredentials(etcdConnection(config));
}

function httpOptions(config: Config): HttpOptions {
  return {
    tokenFile: given(config.watchTokenFile),
    caFile: given(config.watchCaFile),
    certFile: given(config.watchCertFile),
    keyFile: given(config.watchKeyFile),
  };
}

/** The etcd settings, for the source and for the commands that write. */
export function etcdConnection(config: Config): EtcdOptions {
  return {
    endpoints: config.etcd,
    prefix: config.etcdPrefix,
    user: given(config.etcdUser),
    passwordFile: given(config.etcdPasswordFile),
    caFile: given(config.etcdCaFile),
    certFile: given(config.etcdCertFile),
    keyFile: given(config.etcdKeyFile),
  };
}

function given(text: string): string | undefined {
  return text === '' ? undefined : text;
}
