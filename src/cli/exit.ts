/** The exit codes, and the error that carries one. */

export const EXIT_OK = 0;
/** A failure; for `query` an rcode such as SERVFAIL or REFUSED. */
export const EXIT_FAILURE = 1;
/** The command line is wrong. */
export const EXIT_USAGE = 2;
/** `query`: the name or the type does not exist. */
export const EXIT_NEGATIVE = 3;
export const EXIT_UNREACHABLE = 4;
/** sysexits.h: EX_UNAVAILABLE, a port is in use. */
export const EXIT_PORT_IN_USE = 69;
/** sysexits.h: EX_NOPERM. */
export const EXIT_NO_PERMISSION = 77;
/** sysexits.h: EX_CONFIG. */
export const EXIT_BAD_CONFIG = 78;

/** Ends a command: the message goes to stderr, each line after `podns: `. */
export class CommandError extends Error {
  readonly exitCode: number;

  constructor(exitCode: number, message: string) {
    super(message);
    this.name = 'CommandError';
    this.exitCode = exitCode;
  }
}

/** Ends a command with an exit code; it has said everything. */
export class Ended extends Error {
  readonly exitCode: number;

  constructor(exitCode: number) {
    super('');
    this.name = 'Ended';
    this.exitCode = exitCode;
  }
}
