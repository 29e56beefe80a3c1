/** What a failed bind means for a person, and for the exit code. */
import { CommandError, EXIT_FAILURE, EXIT_NO_PERMISSION, EXIT_PORT_IN_USE } from './exit.ts';

const MEANINGS: Record<string, { exitCode: number; text: string }> = {
  EADDRINUSE: { exitCode: EXIT_PORT_IN_USE, text: 'another process has this port already' },
  EADDRNOTAVAIL: { exitCode: EXIT_PORT_IN_USE, text: 'no interface of this host has this address' },
  EACCES: { exitCode: EXIT_NO_PERMISSION, text: 'no permission; ports below 1024 need CAP_NET_BIND_SERVICE' },
  EPERM: { exitCode: EXIT_NO_PERMISSION, text: 'no permission' },
};

/** `what` is the listener as the user wrote it. */
export function bindError(what: string, error: unknown): CommandError {
  const { code = '', message } = error as NodeJS.ErrnoException;
  const { exitCode, text } = MEANINGS[code] ?? { exitCode: EXIT_FAILURE, text: message };
  return new CommandError(exitCode, `${what}: ${text}`);
}
