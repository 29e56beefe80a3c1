/** The admin listener: HTTP for health and for the given route modules. */
import { createServer } from 'node:http';
import fastify from 'fastify';
import { isLoopback } from '../dns/address.ts';
import { handleOf } from '../transport/handle.ts';
import { removeSocketFile, type SocketFile } from '../transport/unix-socket.ts';
import { bindServer, parseBind } from './bind.ts';
import type { AdminFacts, AdminRoutes } from './health.ts';
import { makeGuard } from './guard.ts';
import { healthRoutes } from './health.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Holds nothing that a token protects, or leaves it out where `withToken` of the request is false. */
    withoutToken?: boolean;
  }
  interface FastifyRequest {
    /** False: the request lacks the token that the listener requires. */
    withToken: boolean;
  }
}

export interface AdminOptions {
  /** `ADDR:PORT` or `unix:PATH`. */
  bind: string;
  /** '' for no token, which only a loopback address or a unix socket may have. */
  token?: string;
  /** Further names that a Host header may carry. */
  hosts?: readonly string[];
  facts: AdminFacts;
  /** Besides health. */
  routes?: readonly AdminRoutes[];
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

  const app = fastify({ bodyLimit: 64 * 1024, routerOptions: { ignoreTrailingSlash: true } });
  const guard = makeGuard(bind, () => token, hosts);
  app.decorateRequest('withToken', true);
  app.addHook('onRequest', async (request, reply) => {
    const refusal = guard(request.headers);
    if (refusal === undefined) return;
    request.withToken = false;
    if (refusal.status === 401 && request.routeOptions.config.withoutToken === true) return;
    if (refusal.status === 401) void reply.header('www-authenticate', 'Bearer realm="podns"');
    await reply.code(refusal.status).type('text/plain; charset=utf-8').send(`${refusal.text}\n`);
  });
  app.setNotFoundHandler((_request, reply) =>
    reply.code(404).type('text/plain; charset=utf-8').send('not found\n'),
  );
  for (const add of [healthRoutes, ...routes]) add(app, facts);

  const server = createServer((request, response) => app.routing(request, response));
  server.headersTimeout = 5_000;
  server.requestTimeout = 10_000;
  // Enough for a thousand readers of the watch stream and other requests.
  server.maxConnections = 5_000;
  let address = '';
  let file: SocketFile | undefined;

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
      await app.ready();
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
        // Ends the streams, which do not end by themselves.
        await app.close();
        await closed;
        clearTimeout(cut);
      } else await app.close();
    },
  };
}
