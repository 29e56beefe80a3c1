/** The interface of the server's log. */

/** Has the interface of pino, so that a pino logger fits. */
export interface Logger {
  debug?(details: object, text: string): void;
  info(details: object, text: string): void;
  warn(details: object, text: string): void;
  error(details: object, text: string): void;
}

const nothing = (): void => undefined;

/** For a library whose user has given no logger. */
export const silent: Required<Logger> = { debug: nothing, info: nothing, warn: nothing, error: nothing };
