/** The tree of commands, and how an error becomes an exit code. */
import { Command, CommanderError } from 'commander';
import { CommandError, Ended, EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit.ts';
import { nearest } from '../config/suggest.ts';
import { HELP_LAYOUT } from './help-layout.ts';
import { errorLine, printing, type Io } from './io.ts';
import { packageVersion } from '../locations.ts';
import { SUMMARIES } from './summaries.ts';

/** Loads the file of one command, so that `query` does not wait for the modules of `serve`. */
type Loader = (io: Io) => Promise<Command>;

const listing =
  (word: string): Loader =>
  async (io) =>
    (await import('./commands/list.ts')).listCommand(io, word);

const COMMANDS: Record<string, Loader> = {
  serve: async (io) => (await import('./commands/serve.ts')).serveCommand(io),
  upgrade: async (io) => (await import('./commands/upgrade.ts')).upgradeCommand(io),
  check: async (io) => (await import('./commands/check.ts')).checkCommand(io),
  explain: async (io) => (await import('./commands/explain.ts')).explainCommand(io),
  query: async (io) => (await import('./commands/query.ts')).queryCommand(io),
  ns: listing('ns'),
  vpc: listing('vpc'),
  overlay: listing('overlay'),
  network: listing('network'),
  pod: listing('pod'),
  service: listing('service'),
  put: async (io) => (await import('./commands/put.ts')).putCommand(io),
  delete: async (io) => (await import('./commands/delete.ts')).deleteCommand(io),
  events: async (io) => (await import('./commands/events.ts')).eventsCommand(io),
  log: async (io) => (await import('./commands/log.ts')).logCommand(io),
  top: async (io) => (await import('./commands/top.ts')).topCommand(io),
  'prove-isolation': async (io) => (await import('./commands/prove-isolation.ts')).proveCommand(io),
  status: async (io) => (await import('./commands/status.ts')).statusCommand(io),
  problems: async (io) => (await import('./commands/problems.ts')).problemsCommand(io),
  'resolv-conf': async (io) => (await import('./commands/resolv-conf.ts')).resolvConfCommand(io),
  import: async (io) => (await import('./commands/import.ts')).importCommand(io),
  completion: async (io) =>
    (await import('./commands/completion.ts')).completionCommand(io, () => buildProgram(io)),
};

/**
 * The program with all commands; with a word, that command is loaded and the others are only named, which is enough
 * for the help and for suggestions. '' loads none.
 */
export async function buildProgram(io: Io, only?: string): Promise<Command> {
  const program = new Command('podns')
    .description('DNS for pods: every pod asks by bare name, every tenant sees only its own')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(see --help)')
    .showSuggestionAfterError();
  for (const [word, load] of Object.entries(COMMANDS)) {
    const summary = SUMMARIES[word];
    const needed = only === undefined || only === word || summary === undefined;
    const command = needed ? await load(io) : new Command(word);
    program.addCommand(summary === undefined ? command : command.description(summary));
  }
  program.addHelpText('after', '\npodns help COMMAND shows the flags of a command.');
  configure(program, io);
  return program;
}

/** `podns help pod ls` is `podns pod ls --help`; a word that is no command stays one, so that it is an error. */
function withoutHelpWord(args: readonly string[]): readonly string[] {
  if (args[0] !== 'help') return args;
  const words = args.slice(1).filter((word) => !word.startsWith('-'));
  const [first] = words;
  return first === undefined || Object.hasOwn(COMMANDS, first) ? [...words, '--help'] : [first];
}

/** Commander passes its settings only to commands that it has created itself. */
function configure(command: Command, io: Io): void {
  command
    .helpCommand(false)
    .exitOverride()
    .configureHelp(HELP_LAYOUT)
    .configureOutput({
      writeOut: (text) => io.out(text),
      writeErr: (text) => io.err(text),
      outputError: (text, write) => write(withNearestFlag(text, command)),
    });
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    configure(child, io);
  }
}

/** Commander suggests only words that look alike, not `--docker` for `--docker-sock`. */
function withNearestFlag(text: string, command: Command): string {
  const wrong = /^error: unknown option '--([^'=]+)/.exec(text)?.[1];
  if (wrong === undefined) return text;
  const known = command.options.filter(({ hidden }) => !hidden).map((option) => option.name());
  const meant = nearest(
    wrong,
    known.map((name) => name.replaceAll('-', '_')),
  );
  const suggestion = meant === '' ? '' : `(Did you mean --${meant.replaceAll('_', '-')}?)\n`;
  return `error: unknown option '--${wrong}'\n${suggestion}`;
}

/** Runs one command line, without the program's name. Resolves with the exit code; never rejects. */
export async function run(args: readonly string[], streams: Io): Promise<number> {
  const io = printing(streams);
  try {
    const asked = withoutHelpWord(args);
    const program = await buildProgram(io, asked[0] ?? '');
    await program.parseAsync(asked, { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // Commander has printed its own text; help on request is not an error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (error instanceof Ended) return error.exitCode;
    if (error instanceof CommandError) {
      for (const text of error.message.split('\n')) if (text !== '') errorLine(io, `podns: ${text}`);
      return error.exitCode;
    }
    io.err(`podns: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_FAILURE;
  }
}
