/** What the server logs through. */

/** Where log lines go: pino's shape, so a pino logger can be given as it is. */
export interface Logger {
  debug?(details: object, text: string): void;
  info(details: object, text: string): void;
  warn(details: object, text: string): void;
  error(details: object, text: string): void;
}

const nothing = (): void => undefined;

/** For a library whose user has given no logger. */
export const silent: Required<Logger> = { debug: nothing, info: nothing, warn: nothing, error: nothing };
