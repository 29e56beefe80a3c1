/** `import compose`: writes a zone file made from a compose file to standard output. */
import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Command } from 'commander';
import { Document, isMap, visit } from 'yaml';
import { problemText } from '../model.ts';
import { parseZoneFile } from '../source/zone-file.ts';
import { convertCompose, type ComposeZone } from './compose/convert.ts';
import { parseEnvironmentFile, type Variables } from './compose/interpolate.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_FAILURE } from './exit.ts';
import { errorLine, pathOf, type Io } from './io.ts';
import { reportProblems } from './problems.ts';

interface ImportOptions {
  namespace: string;
  vpc: string;
  profile: string[];
}

export function importCommand(io: Io): Command {
  const compose = new Command('compose')
    .description("a compose file's services, networks and pinned addresses as a zone file")
    .argument('<file>', 'compose file; - reads standard input')
    .requiredOption('-n, --namespace <ns>', 'namespace for its pods')
    .option('--vpc <vpc>', 'VPC for its namespace', 'default')
    .option('--profile <name...>', 'take services of this profile as well', [])
    .action(async (file: string, options: ImportOptions) => {
      const { text, variables } = await readCompose(file, io);
      const shown = file === '-' ? '<stdin>' : file;
      const { zone, problems } = convertCompose(text, { file: shown, profiles: options.profile, variables });
      reportProblems(problems, io);
      if (zone === undefined)
        throw new CommandError(EXIT_BAD_CONFIG, 'nothing was imported, see the errors above');
      const written = zoneText(zone, options, shown);
      // The reader of zone files has the last word, on the namespace's name for one.
      const refused = parseZoneFile(written, shown).problems.filter(({ severity }) => severity === 'error');
      if (refused.length > 0) {
        throw new CommandError(
          EXIT_BAD_CONFIG,
          refused.map(({ reason }) => problemText({ severity: 'error', reason })).join('\n'),
        );
      }
      tellBare(zone, io);
      io.out(written);
    });
  return new Command('import').description('make zone files from what other tools write').addCommand(compose);
}

/** The text, and the variables of the environment and of `.env` beside the file; the environment wins. */
async function readCompose(file: string, io: Io): Promise<{ text: string; variables: Variables }> {
  if (file === '-') return { text: await io.input(), variables: io.environment };
  const path = pathOf(io, file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new CommandError(EXIT_FAILURE, `${file}: ${(error as Error).message}`);
  }
  let beside: Variables = {};
  try {
    beside = parseEnvironmentFile(readFileSync(join(dirname(path), '.env'), 'utf8'));
  } catch {
    // Most compose files have none.
  }
  return { text, variables: { ...beside, ...io.environment } };
}

function zoneText(zone: ComposeZone, { namespace, vpc }: ImportOptions, file: string): string {
  const document = new Document({ vpc, namespaces: { [namespace]: zone } });
  document.commentBefore =
    ` From ${basename(file)}, by podns import compose.\n` +
    ' Still to add: net6 of the VPC, and ip6 of each pod.';
  // vpc, namespaces, their names, and overlays or pods are blocks; one resource is one line.
  visit(document, {
    Map(_key, node, path) {
      if (path.filter(isMap).length >= 4) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true, nullStr: '' });
}

/** A name without an address exists and has no data, which surprises those who only look at the zone file. */
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
    `podns: ${bare.length} without an address yet: ${names}${more}; their names exist without data until ip6 is added`,
  );
}
