/** The tree of commands, and how an error becomes an exit code. */
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { checkCommand } from './check.ts';
import { completionCommand } from './completion.ts';
import { CommandError, EXIT_FAILURE, EXIT_OK, EXIT_USAGE } from './exit.ts';
import { importCommand } from './import.ts';
import type { Io } from './io.ts';
import { listCommands } from './list.ts';
import { queryCommand } from './query.ts';

/** The version of the package. */
export function packageVersion(): string {
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

/** Every command, bound to its streams. */
export function buildProgram(io: Io): Command {
  const program = new Command('podns')
    .description('DNS for pods: every pod asks by bare name, every tenant sees only its own')
    .version(packageVersion(), '-V, --version')
    .helpCommand(false)
    .showHelpAfterError('(podns --help shows the commands)')
    .showSuggestionAfterError();
  program.addCommand(checkCommand(io));
  program.addCommand(queryCommand(io));
  for (const command of listCommands(io)) program.addCommand(command);
  program.addCommand(importCommand(io));
  program.addCommand(completionCommand(io, () => program));
  configure(program, io);
  return program;
}

/** Settings of commander are not inherited by commands that were made elsewhere. */
function configure(command: Command, io: Io): void {
  command
    .exitOverride()
    .configureOutput({ writeOut: (text) => io.out(text), writeErr: (text) => io.err(text) })
    .configureHelp({ showGlobalOptions: false });
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    configure(child, io);
  }
}

/** Runs one command line, without the program's name. Resolves with the exit code; never rejects. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  try {
    await buildProgram(io).parseAsync(args, { from: 'user' });
    return EXIT_OK;
  } catch (error) {
    // Commander has written its own text; help that was asked for is no error.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT_OK : EXIT_USAGE;
    if (error instanceof CommandError) {
      for (const text of error.message.split('\n')) if (text !== '') io.err(`podns: ${text}\n`);
      return error.exitCode;
    }
    io.err(`podns: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    return EXIT_FAILURE;
  }
}
