/** Which etcd a command writes to, and what its failures mean. */
import type { Command } from 'commander';
import { ConfigError, loadConfig } from '../config.ts';
import { KEYS } from '../config/table.ts';
import { etcdConnection } from '../server/sources.ts';
import { EtcdWriter } from '../source/etcd/writer.ts';
import { StreamError } from '../source/reflector/dialect.ts';
import {
  CommandError,
  EXIT_BAD_CONFIG,
  EXIT_FAILURE,
  EXIT_NO_PERMISSION,
  EXIT_UNREACHABLE,
  EXIT_USAGE,
} from './exit.ts';
import type { Io } from './io.ts';
import { addSettings, givenSettings } from './serve-flags.ts';

export interface EtcdOptions {
  config?: string;
}

/** What `put` and `delete` need of the settings. */
const USED = KEYS.filter((key) => key.startsWith('etcd') || key === 'zone');

/** The flags that select the etcd cluster, and the suffix that names must fit below. */
export function addEtcdOptions(command: Command): Command {
  return addSettings(
    command.option('-c, --config <file>', 'read these settings from this file instead of ./podns.yaml'),
    USED,
  );
}

/** Throws CommandError if no etcd is configured. `zone`: the canonical suffix; names must fit below it. */
export function etcdTarget(options: EtcdOptions, io: Io): { writer: EtcdWriter; zone: string } {
  try {
    const { config } = loadConfig({
      flags: givenSettings(options as Record<string, unknown>),
      environment: io.environment,
      file: options.config,
      folder: io.folder,
    });
    if (config.etcd.length === 0)
      throw new CommandError(
        EXIT_USAGE,
        'no etcd endpoint is configured; use --etcd http://ADDR:2379, or set etcd in podns.yaml',
      );
    return { writer: new EtcdWriter(etcdConnection(config)), zone: config.zone };
  } catch (error) {
    if (error instanceof ConfigError)
      throw new CommandError(error.usage ? EXIT_USAGE : EXIT_BAD_CONFIG, error.message);
    if (error instanceof TypeError) throw new CommandError(EXIT_USAGE, error.message);
    throw error;
  }
}

/** Runs `work` against etcd; a failure becomes an exit code. */
export async function withEtcd<Result>(work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    const text = `etcd: ${error.message}`;
    if (error.failure === 'unauthorized') throw new CommandError(EXIT_NO_PERMISSION, text);
    throw new CommandError(error.failure === 'retry' ? EXIT_UNREACHABLE : EXIT_FAILURE, text);
  }
}
