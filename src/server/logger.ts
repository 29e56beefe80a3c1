/** The interface of the server's log. */

/** Has the interface of pino, so that a pino logger fits. */
export interface Logger {
  info(details: object, text: string): void;
  warn(details: object, text: string): void;
  error(details: object, text: string): void;
}

const nothing = (): void => undefined;

/** The default of the library. */
export const silent: Logger = { info: nothing, warn: nothing, error: nothing };
