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
import { errorLine, pathOf, type Io, reportProblems } from '../io.ts';

interface ImportOptions {
  namespace: string;
  vpc: string;
  profile: string[];
  file: string[];
  envFile: string[];
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
    )
    .action(async (files: string[], options: ImportOptions) => {
      const given = [...files, ...options.file];
      const source = new ComposeSource();
      const { shown, zone } = await readProject(given.length > 0 ? given : ['.'], options, source, io);
      reportProblems(source.problems, io);
      if (zone === undefined)
        throw new CommandError(EXIT_BAD_CONFIG, 'nothing was imported, see the errors above');
      const written = zoneText(zone, options, shown);
      // The parser of zone files decides what is valid, the name of the namespace included.
      const refused = parseZoneFile(written, shown[0]!).problems.filter(
        ({ severity }) => severity === 'error',
      );
      if (refused.length > 0) {
        throw new CommandError(
          EXIT_BAD_CONFIG,
          refused.map(({ reason }) => problemText({ severity: 'error', reason })).join('\n'),
        );
      }
      tellBare(zone, io);
      io.out(written);
    });
  return new Command('import')
    .description('make zone files from the files of other tools')
    .addCommand(compose);
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
    zone: convertCompose(source, root, profiles),
  };
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

function zoneText({ hosts, ...zone }: ComposeZone, options: ImportOptions, shown: string[]): string {
  const { namespace, vpc } = options;
  const document = new Document({
    vpc,
    ...(hosts === undefined ? {} : { hosts }),
    namespaces: { [namespace]: zone },
  });
  document.commentBefore =
    ` From ${shown.map((path) => basename(path)).join(', ')}, by podns import compose.\n` +
    ' Add net6 to the VPC, and ip6 to each pod.';
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

/** Reports names without an address: they exist without data, which the zone file does not make obvious. */
function tellBare(zone: ComposeZone, io: Io): void {
  const bare = Object.entries(zone.pods).filter(
    ([, { overlays = {} }]) => !Object.values(overlays).some((address) => address !== null),
  );
  if (bare.length === 0) return;
  const names = bare
    .map(([name]) => name)
    .slice(0, 5)
    .join(', ');
  const more = bare.length > 5 ? ', …' : '';
  errorLine(
    io,
    `podns: ${bare.length} ${bare.length === 1 ? 'pod' : 'pods'} without an address: ${names}${more}; their names exist without data until you add ip6`,
  );
}
