/** Hands a proof of isolation what it needs of a server. */
import type { Listener } from '../answer/peer.ts';
import type { IsolationFacts } from '../isolation/facts.ts';
import type { ServerCore } from '../server.ts';

type Proved = Pick<ServerCore, 'memory' | 'settings' | 'catalog' | 'listeners' | 'config'>;

/** `wallClock`: milliseconds since 1970. */
export function isolationFacts(server: Proved, wallClock: () => number = Date.now): IsolationFacts {
  const { memory, settings, catalog, config } = server;
  return {
    memory,
    settings,
    list: (kind, filter) => catalog.listPaced(kind, filter, true),
    // With zone files alone, those that the configuration would open.
    listeners: () =>
      server.listeners.length > 0
        ? server.listeners.map(({ listener }) => listener)
        : config.listen.map((listen, id): Listener => ({ id, ...listen })),
    seconds: () => Math.floor(wallClock() / 1000),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  };
}
