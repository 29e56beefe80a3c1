/**
 * The configuration: a flag wins over the environment, that over podns.yaml, that over the default; checked as a whole.
 */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Place, Problem } from './model.ts';
import { problemText } from './model.ts';
import { parseListen } from './transport/listen.ts';
import { isLoopback } from './dns/address.ts';
import { readConfigText, type FileSettings } from './config/file.ts';
import { didYouMean, nearest } from './config/suggest.ts';
import {
  defaults,
  environmentName,
  flagName,
  KEYS,
  SETTINGS,
  type Config,
  type Key,
} from './config/table.ts';

/** Where a setting comes from. */
export type Origin = 'flag' | 'environment' | 'file' | 'default';

export interface LoadedConfig {
  config: Config;
  origins: Record<Key, Origin>;
  /** The file that podns has read, if any. */
  file?: string;
  /** Warnings only; `loadConfig` throws errors. */
  problems: Problem[];
}

export interface ConfigInput {
  /** By camel-case key; values as the command line gave them. Undefined means not given. */
  flags?: Partial<Record<Key, unknown>>;
  environment?: Record<string, string | undefined>;
  /** The file to read; it must exist. Without it `podns.yaml` of the current folder is read, if there is one. */
  file?: string | undefined;
  /** The current folder. */
  folder?: string;
}

/** Where a setting is written. */
export type PlaceOf = (key: Key) => Place;

/** Holds everything that is wrong. `usage`: only flags are wrong, so the exit code is 2 instead of 78. */
export class ConfigError extends Error {
  readonly problems: Problem[];
  readonly usage: boolean;

  constructor(problems: Problem[], usage: boolean) {
    super(problems.map(problemText).join('\n'));
    this.name = 'ConfigError';
    this.problems = problems;
    this.usage = usage;
  }
}

/** The name of the file in the current folder. */
export const CONFIG_FILE = 'podns.yaml';

/** Combines flags, environment, file and defaults. Throws a ConfigError with all problems. */
export function loadConfig(input: ConfigInput = {}): LoadedConfig {
  const { flags = {}, environment = {}, folder = '.' } = input;
  const file = chooseFile(input.file ?? environment['PODNS_CONFIG'], folder);
  const said: FileSettings = file === undefined ? { values: {}, places: {}, problems: [] } : readFile(file);
  const values: Record<string, unknown> = { ...defaults(), ...said.values };
  const origins = Object.fromEntries(
    KEYS.map((key) => [key, key in said.values ? 'file' : 'default']),
  ) as Record<Key, Origin>;
  const problems = [...said.problems];
  let usage = problems.length === 0;

  const take = (key: Key, value: unknown, origin: Origin, name: string): void => {
    const result = SETTINGS[key].schema.safeParse(value);
    if (result.success) {
      values[key] = result.data;
      origins[key] = origin;
      return;
    }
    if (origin !== 'flag') usage = false;
    for (const issue of result.error.issues) {
      problems.push({ severity: 'error', place: { text: name }, reason: issue.message });
    }
  };
  for (const key of KEYS) {
    const name = environmentName(key);
    const value = environment[name];
    // An empty variable counts as unset, as in most shell programs.
    if (flags[key] !== undefined) take(key, flags[key], 'flag', flagName(key));
    else if (value !== undefined && value !== '') take(key, fromEnvironment(value), 'environment', name);
  }

  if (problems.length > 0) throw new ConfigError(problems, usage);
  const config = values as Config;
  const wrong = new Set<Key>();
  const across = checkAcross(config, (key) => {
    wrong.add(key);
    if (origins[key] === 'environment') return { text: environmentName(key) };
    return (origins[key] === 'file' ? said.places[key] : undefined) ?? { text: flagName(key) };
  });
  const flagsOnly = [...wrong].every((key) => origins[key] === 'flag');
  if (across.length > 0) throw new ConfigError(across, flagsOnly);
  const loaded: LoadedConfig = { config, origins, problems: mistypedVariables(environment) };
  if (file !== undefined) loaded.file = file;
  return loaded;
}

/** Variables that a container engine or Kubernetes sets for a service with the name podns. */
const OF_LINKS = /^PODNS_(?:SERVICE_(?:HOST|PORT)|PORT|NAME|ENV)(?:_|$)/;

/**
 * A warning for each variable whose name is almost that of a setting. Other variables may belong to other programs.
 */
function mistypedVariables(environment: Record<string, string | undefined>): Problem[] {
  const known = [...KEYS.map(environmentName), 'PODNS_CONFIG'];
  const words = known.map((name) => name.slice('PODNS_'.length).toLowerCase());
  return Object.keys(environment)
    .filter((name) => /^PODNS_/i.test(name) && !known.includes(name) && !OF_LINKS.test(name))
    .flatMap((name) => {
      const meant = nearest(name.slice('PODNS_'.length), words);
      if (meant === '') return [];
      const reason = `no setting has this variable; did you mean PODNS_${meant.toUpperCase()}?`;
      return [{ severity: 'warning', place: { text: name }, reason } satisfies Problem];
    });
}

/** Reads and checks one file, for `podns check`. Never throws: `problems` holds what is wrong. */
export function checkConfigFile(file: string): { config: Config; problems: Problem[]; placeOf: PlaceOf } {
  let said: FileSettings;
  try {
    said = readFile(file);
  } catch (error) {
    if (error instanceof ConfigError)
      return { config: defaults(), problems: error.problems, placeOf: () => ({ file }) };
    throw error;
  }
  const config = { ...defaults(), ...said.values } as Config;
  const placeOf = placeIn(said);
  return { config, problems: [...said.problems, ...checkAcross(config, placeOf)], placeOf };
}

/**
 * The configuration of the library: the given settings, checked like those of a file, and defaults for the rest.
 * Values may have the form of a file or of a `Config`. Throws a ConfigError with all problems.
 */
export function completeConfig(given: object = {}): Config {
  const values: Record<string, unknown> = defaults();
  const problems: Problem[] = [];
  const fail = (key: string, reason: string): void =>
    void problems.push({ severity: 'error', place: { text: `config.${key}` }, reason });
  for (const [name, value] of Object.entries(given)) {
    const key = KEYS.find((known) => known === name);
    if (key === undefined) fail(name, `unknown key${didYouMean(name, KEYS)}`);
    else if (value !== undefined && value !== values[key]) {
      const result = SETTINGS[key].schema.safeParse(value);
      if (result.success) values[key] = result.data;
      else for (const issue of result.error.issues) fail([key, ...issue.path].join('.'), issue.message);
    }
  }
  if (problems.length > 0) throw new ConfigError(problems, false);
  const config = values as Config;
  const across = checkAcross(config, (key) => ({ text: `config.${key}` }));
  if (across.length > 0) throw new ConfigError(across, false);
  return config;
}

function chooseFile(asked: string | undefined, folder: string): string | undefined {
  if (asked !== undefined && asked !== '') return resolve(folder, asked);
  const usual = resolve(folder, CONFIG_FILE);
  return existsSync(usual) ? usual : undefined;
}

function readFile(file: string): FileSettings {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const reason =
      (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such file' : (error as Error).message;
    throw new ConfigError([{ severity: 'error', place: { file }, reason }], false);
  }
  return readConfigText(file, text);
}

/** A variable holds structured settings as JSON, all others as plain text. */
function fromEnvironment(value: string): unknown {
  if (!/^\s*[[{]/.test(value) || /^\s*\[[^\]]*\]:\d/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

function placeIn({ places }: FileSettings): PlaceOf {
  return (key) => places[key] ?? { text: flagName(key) };
}

/** Listeners with the same address, port and scope; with port 0 each gets a port of its own. */
function repeatedListeners({ listen }: Config): string[] {
  const texts = listen.filter(({ port }) => port !== 0).map(({ text }) => text);
  return [...new Set(texts.filter((text, i) => texts.indexOf(text) < i))];
}

/** Rules between settings. */
function checkAcross(config: Config, placeOf: (key: Key) => Place): Problem[] {
  const problems: Problem[] = [];
  const fail = (key: Key, reason: string): void => {
    problems.push({ severity: 'error', place: placeOf(key), reason });
  };
  const { admin } = config;
  const elsewhere = admin !== 'off' && !admin.startsWith('unix:') && !isLoopback(parseListen(admin).address);
  if (elsewhere && config.adminToken === '' && config.adminTokenFile === '') {
    fail(
      'admin',
      `${config.admin} is reachable from other hosts: set admin_token or admin_token_file, or use a loopback address`,
    );
  }
  for (const text of repeatedListeners(config)) fail('listen', `${text} is given twice; once is enough`);
  if (config.dockerListen && config.docker.length === 0)
    fail('dockerListen', 'no engine is named whose networks have gateways: set docker, too');
  for (const { name } of config.suffixes) {
    if (name === config.zone) fail('suffixes', `${name} is already the canonical suffix`);
  }
  return problems;
}
