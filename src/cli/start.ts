/** Runs the program with the arguments of the process, and ends with its exit code. */
import { processIo } from './io.ts';
import { run } from './program.ts';

// A reader that stops early, such as `head`, is not a failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1);
});
// There is nowhere left to report it.
process.stderr.on('error', () => undefined);

void run(process.argv.slice(2), processIo()).then((code) => (process.exitCode = code));
