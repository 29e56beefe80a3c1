#!/usr/bin/env node
/** The `podns` command: gives the process's arguments to the program and ends with its exit code. */
import { processIo } from './io.ts';
import { run } from './program.ts';

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
// Nobody is left to be told.
process.stderr.on('error', () => undefined);

process.exitCode = await run(process.argv.slice(2), processIo());
