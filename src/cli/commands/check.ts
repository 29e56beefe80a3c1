/** `check`: checks zone files and podns.yaml without a server. */
import { existsSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { Command } from 'commander';
import { checkConfigFile, CONFIG_FILE, type PlaceOf } from '../../config.ts';
import { defaults, type Config } from '../../config/table.ts';
import type { Problem } from '../../model.ts';
import type { Said } from '../../source/lint/finding.ts';
import { lintOutside } from '../../source/lint/outside.ts';
import { lintUpstreams } from '../../source/lint/upstreams.ts';
import { lint } from '../../source/lint/lint.ts';
import { readZones } from '../../source/zones/zone-dir.ts';
import { checkConfiguration } from '../check-configuration.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_USAGE } from '../exit.ts';
import { line, pathOf, type Io } from '../io.ts';
import { problemLine } from '../problems.ts';

interface CheckOptions {
  config?: string;
}

/** The files to check. */
interface Subject {
  config?: string;
  zones: string[];
}

export function checkCommand(io: Io): Command {
  return new Command('check')
    .description('check zone files and configuration: prints file:line:col, exit code 78 on errors')
    .argument(
      '[path]',
      'a folder of zone files, one zone file, or a podns.yaml; default: ./podns.yaml and ./zones',
    )
    .option('-c, --config <file>', 'read suffixes and zones from this podns.yaml, and check it too')
    .action((path: string | undefined, options: CheckOptions) => {
      const subject = choose(path, options, io);
      const { problems, counted } = checkAll(subject);
      for (const problem of problems) line(io, problemLine(problem));
      const errors = problems.filter(({ severity }) => severity === 'error').length;
      const warnings = problems.length - errors;
      if (errors > 0)
        throw new CommandError(EXIT_BAD_CONFIG, `${count(errors, 'error')}, ${count(warnings, 'warning')}`);
      io.err(`podns: ${counted}: ${warnings === 0 ? 'no problems' : count(warnings, 'warning')}\n`);
    });
}

/** A file named podns.yaml is configuration; every other path holds zones. */
function choose(path: string | undefined, options: CheckOptions, io: Io): Subject {
  const config = options.config === undefined ? undefined : pathOf(io, options.config);
  if (path !== undefined) {
    const given = pathOf(io, path);
    if (/^podns\.ya?ml$/.test(basename(given)) && !isFolder(given)) return { config: given, zones: [] };
    return { config, zones: [given] };
  }
  const usualConfig = pathOf(io, CONFIG_FILE);
  const usualZones = pathOf(io, 'zones');
  const subject: Subject = {
    config: config ?? (existsSync(usualConfig) ? usualConfig : undefined),
    zones: [],
  };
  if (existsSync(usualZones)) subject.zones.push(usualZones);
  if (subject.config === undefined && subject.zones.length === 0) {
    throw new CommandError(
      EXIT_USAGE,
      `nothing to check: this folder has neither ${CONFIG_FILE} nor zones; name a file or folder`,
    );
  }
  return subject;
}

function checkAll(subject: Subject): { problems: Problem[]; counted: string } {
  const problems: Problem[] = [];
  const zones = new Set(subject.zones);
  let config: Config = defaults();
  let placeOf: PlaceOf = () => ({});
  if (subject.config !== undefined) {
    const checked = checkConfigFile(subject.config);
    ({ config, placeOf } = checked);
    problems.push(...checked.problems);
    for (const folder of config.zones) zones.add(folder);
  }
  const { zone } = config;
  const suffixes = config.suffixes.map(({ name }) => name);
  const resources: Said[] = [];
  for (const path of zones) {
    const read = readZones(path, { zone });
    problems.push(...read.problems, ...lint(read.resources, { zone, suffixes }));
    for (const said of read.resources) resources.push(said);
  }
  problems.push(...lintUpstreams(resources, config), ...lintOutside(resources, config));
  const all = resources.map(({ resource }) => resource);
  problems.push(...checkConfiguration(config, placeOf, all));
  const parts = [
    subject.config === undefined ? '' : 'configuration',
    zones.size === 0 ? '' : count(resources.length, 'resource'),
  ];
  return { problems, counted: parts.filter((part) => part !== '').join(' and ') };
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}
