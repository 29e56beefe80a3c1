/**
 * The admin listener: HTTP for health and for the given route modules. What answers is loaded with the first request: a
 * server that nobody asks does without it, and its first answer to a query does not wait for it.
 */
import { createServer, type ServerResponse } from 'node:http';
import { isLoopback } from '../dns/address.ts';
import { handleOf } from '../transport/handle.ts';
import { removeSocketFile, type SocketFile } from '../transport/unix-socket.ts';
import type { App } from './app.ts';
import { bindServer, parseBind } from './bind.ts';
import type { AdminFacts, AdminRoutes } from './health.ts';
import { makeGuard } from './guard.ts';

export interface AdminOptions {
  /** `ADDR:PORT` or `unix:PATH`. */
  bind: string;
  /** '' for no token, which only a loopback address or a unix socket may have. */
  token?: string;
  /** Further names that a Host header may carry. */
  hosts?: readonly string[];
  facts: AdminFacts;
  /** Besides health; a function is called with the first request. */
  routes?: readonly AdminRoutes[] | (() => Promise<readonly AdminRoutes[]>);
}

export interface Admin {
  /**
   * Resolves with the bound address as text. Rejects with the system's error, and then leaves nothing open. `fd`: a
   * listening socket, which is the admin listener's from now on.
   */
  open(fd?: number): Promise<string>;
  /** The listening socket, to be given to a successor; -1 before `open`. */
  readonly descriptor: number;
  /** A successor has the listening socket: `close` leaves its file. */
  handOver(): void;
  /** Stops listening, lets requests in flight end, and cuts them after a second. */
  close(): Promise<void>;
  /** Another token for all requests from now on. */
  setToken(token: string): void;
  /** The bound address, '' before `open`. */
  readonly address: string;
}

/** Milliseconds that requests in flight get at close. */
const CLOSE_GRACE = 1000;

/** Throws if the address is reachable from other hosts and there is no token. */
export function createAdmin(options: AdminOptions): Admin {
  const { facts, hosts = [], routes = [] } = options;
  let { token = '' } = options;
  const bind = parseBind(options.bind);
  if (!('path' in bind) && token === '' && !isLoopback(bind.address)) {
    throw new Error(`the admin listener ${options.bind} is reachable from other hosts and has no token`);
  }

  const guard = makeGuard(bind, () => token, hosts);
  let app: App | undefined;
  let opening: Promise<App> | undefined;
  const opened = (): Promise<App> =>
    (opening ??= load().catch((error: unknown) => {
      opening = undefined;
      throw error;
    }));
  async function load(): Promise<App> {
    const [{ openApp }, added] = await Promise.all([
      import('./app.ts'),
      typeof routes === 'function' ? routes() : routes,
    ]);
    return (app = await openApp(guard, facts, added));
  }

  const server = createServer((request, response) => {
    if (app !== undefined) app.routing(request, response);
    else
      opened().then(
        ({ routing }) => routing(request, response),
        (error: unknown) => refuse(response, error),
      );
  });
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  // Enough for a thousand readers of the watch stream and other requests.
  server.maxConnections = 5_000;
  let address = '';
  let file: SocketFile | undefined;

  async function closeApp(): Promise<void> {
    // A request that came during the load is answered by it.
    await opening?.then(
      (loaded) => loaded.close(),
      () => undefined,
    );
  }

  return {
    get address() {
      return address;
    },
    setToken(fresh) {
      token = fresh;
    },
    get descriptor() {
      return handleOf(server)?.fd ?? -1;
    },
    handOver() {
      file = undefined;
    },
    async open(fd) {
      ({ address, file } = { file: undefined, ...(await bindServer(server, bind, fd)) });
      // An error of accept (EMFILE) must not end a nameserver.
      server.on('error', () => {});
      return address;
    },
    async close() {
      if (address !== '') {
        address = '';
        if (file !== undefined) removeSocketFile(file);
        const closed = new Promise<void>((resolve) => server.close(() => resolve()));
        const cut = setTimeout(() => server.closeAllConnections(), CLOSE_GRACE);
        await closeApp();
        await closed;
        clearTimeout(cut);
      } else await closeApp();
    },
  };
}

/** The files of the package are not those of this process any more: it was upgraded, and not restarted. */
function refuse(response: ServerResponse, error: unknown): void {
  const reason = error instanceof Error ? error.message.split('\n')[0] : String(error);
  response.writeHead(503, { 'content-type': 'text/plain; charset=utf-8' });
  response.end(`the admin listener does not load, restart podns: ${reason}\n`);
}
