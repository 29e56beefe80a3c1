/** What answers at the admin listener: the routes, in fastify; loaded with the first request. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import fastify from 'fastify';
import type { Refusal } from './guard.ts';
import { healthRoutes, type AdminFacts, type AdminRoutes } from './health.ts';

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

export interface App {
  routing(request: IncomingMessage, response: ServerResponse): void;
  /** Ends the streams, which do not end by themselves. */
  close(): Promise<void>;
}

/** `guard`: why a request is refused, if it is. Resolves when the routes can be asked. */
export async function openApp(
  guard: (headers: IncomingMessage['headers']) => Refusal | undefined,
  facts: AdminFacts,
  routes: readonly AdminRoutes[],
): Promise<App> {
  const app = fastify({ bodyLimit: 64 * 1024, routerOptions: { ignoreTrailingSlash: true } });
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
  await app.ready();
  return { routing: (request, response) => app.routing(request, response), close: () => app.close() };
}
