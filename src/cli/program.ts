/** The tree of commands, and how an error becomes an exit code. */
import { Command, CommanderError } from 'commander';
import { CommandError, Ended, EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit.ts';
import { errorLine, printing, type Io } from './io.ts';
import { packageVersion } from './package.ts';

/** Loads the file of one command, so that `query` does not wait for the modules of `serve`. */
type Loader = (io: Io) => Promise<Command>;

const listing =
  (word: string): Loader =>
  async (io) =>
    (await import('./commands/list.ts')).listCommand(io, word);

const COMMANDS: Record<string, Loader> = {
  serve: async (io) => (await import('./commands/serve.ts')).serveCommand(io),
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

/** The program with all commands, or with just that one. */
export async function buildProgram(io: Io, only?: string): Promise<Command> {
  const program = new Command('podns')
    .description('DNS for pods: every pod asks by bare name, every tenant sees only its own')
    .version(packageVersion(), '-V, --version')
    .showHelpAfterError('(see --help)')
    .showSuggestionAfterError();
  const words = only !== undefined && only in COMMANDS ? [only] : Object.keys(COMMANDS);
  for (const word of words) program.addCommand(await COMMANDS[word]!(io));
  configure(program, io);
  return program;
}

/** Commander passes its settings only to commands that it has created itself. */
function configure(command: Command, io: Io): void {
  command
    .helpCommand(false)
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) });
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    configure(child, io);
  }
}

/** Runs one command line, without the program's name. Resolves with the exit code; never rejects. */
export async function run(args: readonly string[], streams: Io): Promise<number> {
  const io = printing(streams);
  try {
    const program = await buildProgram(io, args[0]);
    await program.parseAsync(args, { from: 'user' });
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
