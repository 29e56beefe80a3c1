/** Signals of `serve`: the first SIGTERM or SIGINT drains, a second one ends the process at once, SIGHUP reloads. */

export interface Signals {
  /** Resolves with the name of the signal that ends the server. */
  received: Promise<string>;
  /** Restores the default handlers. */
  release(): void;
}

const ENDING = ['SIGTERM', 'SIGINT'] as const;

export function untilSignal(on: { reload(): void }): Signals {
  let resolve!: (signal: string) => void;
  const received = new Promise<string>((done) => (resolve = done));
  let ending = false;
  const end = (signal: NodeJS.Signals): void => {
    // A second signal means that the user does not want to wait for slow clients.
    if (ending) process.exit(1);
    ending = true;
    resolve(signal);
  };
  for (const signal of ENDING) process.on(signal, end);
  process.on('SIGHUP', on.reload);
  return {
    received,
    release() {
      for (const signal of ENDING) process.off(signal, end);
      process.off('SIGHUP', on.reload);
    },
  };
}
