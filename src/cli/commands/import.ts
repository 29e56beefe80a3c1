/** `import compose`: converts a compose project to a zone file, and prints it on standard output. */
import { basename, dirname, resolve } from 'node:path';
import { Argument, Command, Option } from 'commander';
import { Document, isMap, visit } from 'yaml';
import { problemText } from '../../model.ts';
import { parseZoneFile } from '../../source/zones/zone-file.ts';
import { convertCompose, type ComposeZone } from '../compose/convert.ts';
import { ComposeFiles, isDefaultName, within } from '../compose/files.ts';
import { ComposeProject } from '../compose/project.ts';
import { ComposeSource } from '../compose/source.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_FAILURE } from '../exit.ts';
import { errorLine, pathOf, type Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';
import { problemJson, reportProblems } from '../problems.ts';

interface ImportOptions {
  namespace: string;
  vpc: string;
  profile: string[];
  file: string[];
  envFile: string[];
  output: 'text' | 'json';
}

/** An option that may be repeated; the help shows `fallback` as its default. */
function list(flags: string, description: string, fallback: string): Option {
  return new Option(flags, description)
    .argParser((value: string, before: string[]) => [...before, value])
    .default([], fallback);
}

export function importCommand(io: Io): Command {
  const compose = new Command('compose')
    .description("print a zone file with a compose project's services, networks and pinned addresses")
    .addArgument(
      new Argument(
        '[file...]',
        'compose files, of which later ones override earlier ones, or a folder; - reads standard input',
      ).default([], 'the current folder'),
    )
    .requiredOption('-n, --namespace <ns>', 'namespace of the pods')
    .addOption(list('-f, --file <file>', 'a further compose file, which overrides those before it', 'none'))
    .addOption(list('--env-file <file>', 'read variables from this file', '.env beside the first file'))
    .option('--vpc <vpc>', 'VPC of the namespace', 'default')
    .addOption(
      new Option('--profile <name...>', "include the services of this profile; '*' includes all").default(
        [],
        'none',
      ),
    );
  addOutput(compose, 'text').action(async (files: string[], options: ImportOptions) => {
    const given = [...files, ...options.file];
    const source = new ComposeSource();
    const { shown, zone } = await readProject(given.length > 0 ? given : ['.'], options, source, io);
    const written = zone === undefined ? undefined : zoneText(zone, options, shown);
    // The parser of zone files decides what is valid, the name of the namespace included.
    const refused =
      written === undefined
        ? []
        : parseZoneFile(written, shown[0]!).problems.filter(({ severity }) => severity === 'error');
    if (options.output === 'json') {
      // The place of a refused record would be in the zone file that nobody has.
      const problems = [...source.problems, ...refused.map(({ place: _, ...rest }) => rest)];
      const withoutAddress = zone === undefined ? [] : bareNames(zone);
      const valid = refused.length > 0 ? null : (written ?? null);
      io.out(jsonText({ zone: valid, problems: problems.map(problemJson), withoutAddress }));
    } else reportProblems(source.problems, io);
    if (zone === undefined)
      throw new CommandError(EXIT_BAD_CONFIG, 'nothing was imported, see the errors above');
    if (refused.length > 0) {
      throw new CommandError(
        EXIT_BAD_CONFIG,
        refused.map(({ reason }) => problemText({ severity: 'error', reason })).join('\n'),
      );
    }
    if (options.output === 'json') return;
    tellBare(bareNames(zone), io);
    io.out(written!);
  });
  return new Command('import').addCommand(compose);
}

/** Finds files, variables and profiles as compose does; the environment wins over files of variables. */
async function readProject(
  given: string[],
  options: ImportOptions,
  source: ComposeSource,
  io: Io,
): Promise<{ shown: string[]; zone: ComposeZone | undefined }> {
  const input = given.includes('-') ? await io.input() : undefined;
  const files = new ComposeFiles((path) => pathOf(io, path), input);
  const project = new ComposeProject(source, files);
  const environment = new Map<string, string>();
  for (const [name, value] of Object.entries(io.environment))
    if (value !== undefined) environment.set(name, value);
  const inFolder = given.length === 1 && given[0] !== '-' && files.isFolder(given[0]!);
  const folder = inFolder ? given[0]! : dirname(given[0]!);
  const beside = within(folder, '.env');
  const environmentFiles =
    options.envFile.length > 0 ? options.envFile : files.isFile(beside) ? [beside] : [];
  const variables = new Map([...project.environment(environmentFiles, environment), ...environment]);
  const paths = inFolder ? filesOf(folder, files, variables) : given;
  const absent = paths.find((path) => path !== '-' && !files.exists(path));
  if (absent !== undefined) throw new CommandError(EXIT_FAILURE, `${absent}: there is no such file`);
  if (!inFolder) tellOverride(paths, files, io);
  const profiles =
    options.profile.length > 0
      ? options.profile
      : (variables.get('COMPOSE_PROFILES') ?? '').split(',').map((profile) => profile.trim());
  const root = project.load(paths, folder, variables, basename(resolve(io.folder, folder)));
  return {
    shown: paths.map((path) => (path === '-' ? '<stdin>' : path)),
    zone: convertCompose(source, root, {
      project: projectOf(variables),
      namespace: options.namespace,
      profiles,
    }),
  };
}

/** `load` has set it. */
function projectOf(variables: ReadonlyMap<string, string>): string {
  return variables.get('COMPOSE_PROJECT_NAME') ?? '';
}

/** The files that COMPOSE_FILE names, else the default file with its override. */
function filesOf(folder: string, files: ComposeFiles, variables: ReadonlyMap<string, string>): string[] {
  const named = variables.get('COMPOSE_FILE');
  const paths =
    named === undefined || named === ''
      ? files.defaults(folder)
      : named.split(variables.get('COMPOSE_PATH_SEPARATOR') || ':').map((path) => within(folder, path));
  if (paths.length > 0) return paths;
  throw new CommandError(EXIT_FAILURE, `${folder} has no compose.yaml; name the file`);
}

/** Like `docker compose -f`, reads a named file without its override, and reports that. */
function tellOverride(paths: string[], files: ComposeFiles, io: Io): void {
  if (paths.length > 1 || !isDefaultName(basename(paths[0]!))) return;
  for (const path of files.override(dirname(paths[0]!)))
    io.err(`podns: ${path} is ignored, because only ${paths[0]!} is named; name both, or their folder\n`);
}

/** One document for the VPC, and one for each other VPC that a label names. */
function zoneText(zone: ComposeZone, options: ImportOptions, shown: string[]): string {
  const { hosts, elsewhere = [], ...own } = zone;
  const { namespace } = options;
  const vpcs = new Map<string, Record<string, object>>([[options.vpc, { [namespace]: own }]]);
  for (const { vpc = options.vpc, namespace: space = namespace, name, pod } of elsewhere) {
    const namespaces = vpcs.get(vpc) ?? {};
    vpcs.set(vpc, namespaces);
    const members = (namespaces[space] ??= { pods: {} }) as { pods: Record<string, object> };
    members.pods[name] = pod;
  }
  const comment =
    ` From ${shown.map((path) => basename(path)).join(', ')}, by podns import compose.\n` +
    ' Add net6 to the VPC, and ip6 to each pod.';
  return [...vpcs]
    .map(([vpc, namespaces], index) =>
      index === 0
        ? documentText({ vpc, ...(hosts === undefined ? {} : { hosts }), namespaces }, comment)
        : `---\n${documentText({ vpc, namespaces })}`,
    )
    .join('');
}

function documentText(content: object, comment?: string): string {
  const document = new Document(content);
  if (comment !== undefined) document.commentBefore = comment;
  // vpc, hosts, namespaces, their names, and overlays or pods are blocks; one resource is one line.
  visit(document, {
    Map(_key, node, path) {
      if (path.filter(isMap).length >= 4) node.flow = true;
    },
    Seq(_key, node) {
      node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true, nullStr: '' });
}

/** Names without an address exist without data, which the zone file does not make obvious. */
function bareNames(zone: ComposeZone): string[] {
  const moved = (zone.elsewhere ?? []).map(({ name, pod }) => [name, pod] as const);
  const bare = [...Object.entries(zone.pods), ...moved].filter(
    ([, { overlays = {} }]) => !Object.values(overlays).some((address) => address !== null),
  );
  return bare.map(([name]) => name);
}

function tellBare(bare: readonly string[], io: Io): void {
  if (bare.length === 0) return;
  const names = bare.slice(0, 5).join(', ');
  const more = bare.length > 5 ? ', …' : '';
  errorLine(
    io,
    `podns: ${bare.length} ${bare.length === 1 ? 'pod' : 'pods'} without an address: ${names}${more}; their names exist without data until you add ip6`,
  );
}
