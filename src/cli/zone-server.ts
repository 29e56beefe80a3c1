/** A server made of zone files, for `explain` and `query --from` where none runs. */
import { ConfigError, loadConfig } from '../config.ts';
import type { Config } from '../config/table.ts';
import { ExplainError } from '../index.ts';
import { ServerCore } from '../server.ts';
import type { AdminOptions } from './admin-client.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NEGATIVE, EXIT_USAGE } from './exit.ts';
import { pathOf, type Io } from './io.ts';
import { packageVersion } from '../locations.ts';
import { loadZones } from './zones.ts';

/** Address space for what fits into files; nothing of it is memory before it is used. */
const RESERVE = { names: 1 << 28, addresses: 1 << 28, arena: 1 << 30 };

/**
 * Makes a server of zone files and of the configuration, which opens nothing and asks nobody unless it is asked for
 * an outside name. Throws CommandError where the files or the configuration are wrong, or the question is none.
 */
export async function withZoneServer<T>(
  zones: string,
  options: AdminOptions,
  io: Io,
  work: (server: ServerCore) => Promise<T>,
): Promise<T> {
  const config = configOf(options, io);
  const { placed, failed } = loadZones(pathOf(io, zones), io, config.zone);
  const name = `zones:${zones}`;
  const server = new ServerCore({
    config: {
      ...config,
      zones: [],
      watch: [],
      etcd: [],
      kraud: [],
      state: '',
      workers: 0,
    } as Partial<Config>,
    reserve: RESERVE,
    version: `podns ${packageVersion()}`,
  });
  try {
    const sink = server.feed.sink(name);
    sink.begin(true, '1');
    // As the zones themselves do it: a VPC of an earlier file is older, and no pod's claim is newer than another.
    placed.forEach(({ resource, place }, i) =>
      sink.put(resource, place, undefined, resource.kind === 'vpc' ? String(i) : '0'),
    );
    await sink.commit();
    sink.state('live');
    const result = await work(server);
    if (failed) io.err('podns: the zones are not whole, see the errors above\n');
    return result;
  } catch (error) {
    if (!(error instanceof ExplainError)) throw error;
    throw new CommandError(error.unknown ? EXIT_NEGATIVE : EXIT_USAGE, error.message);
  } finally {
    await server.close(0);
  }
}

function configOf({ config: file }: AdminOptions, io: Io): Config {
  try {
    return loadConfig({ flags: {}, environment: io.environment, file, folder: io.folder }).config;
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new CommandError(error.usage ? EXIT_USAGE : EXIT_BAD_CONFIG, error.message);
  }
}
