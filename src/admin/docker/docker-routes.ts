/**
 * The part of the Docker Engine API that shows networks and containers, read-only: overlays and pods of all VPCs, and
 * below `/vpc/NAME` those of one.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ServerCore } from '../../server.ts';
import { PacedBody } from '../paced-body.ts';
import { checkApiVersion } from './api-version.ts';
import { containerDetails, CONTAINER_FILTERS } from './containers.ts';
import { Surroundings } from './endpoints.ts';
import { askedFor, FIRST_WORDS, type Asked } from './asked.ts';
import { eventQuery, streamEvents } from './event-stream.ts';
import { DockerEvents } from './events.ts';
import { DockerFailure, notKnown, pageNotFound, readOnly } from './failure.ts';
import { parseFilters } from './filters.ts';
import { findContainer, findNetwork } from './find.ts';
import { containerList, networkDetails, networkList } from './lists.ts';
import { NETWORK_FILTERS, SCOPE } from './networks.ts';
import { engineHeaders, infoOf, versionOf } from './system.ts';
import type { DockerView } from './view.ts';

const LIMITS = {
  /** Requests that read all of the pods, at the same time. */
  readers: 16,
  /** A connection that takes nothing for so long is cut, milliseconds. */
  stall: 10_000,
};

/** `/vpc/aep/v1.41/networks`, with the first two parts or without. */
const PATH = /^(?:\/vpc\/([^/]+))?(?:\/v(\d+\.[\d.]*))?(?:\/(.*?))?\/?$/;

export function dockerRoutes(
  app: FastifyInstance,
  server: ServerCore,
  version: string,
  limits = LIMITS,
): void {
  const docker = new DockerApi(server, version, limits);
  app.addHook('preClose', async () => docker.close());
  const versioned = '/v:version(^\\d+\\.[\\d.]*$)';
  const paths = [versioned, `${versioned}/*`, '/vpc/:vpc', '/vpc/:vpc/*'];
  for (const word of FIRST_WORDS) paths.push(`/${word}`, `/${word}/*`);
  for (const url of paths) {
    app.all(url, {
      // Before any body is read: whatever it says, nothing is done with it.
      onRequest: (request, reply) => docker.answer(request, reply),
      handler: () => undefined,
    });
  }
}

/** What is asked of which view. */
interface Question {
  asked: Asked;
  view: DockerView;
  query: URLSearchParams;
}

class DockerApi {
  private readonly server: ServerCore;
  private readonly version: string;
  private readonly limits: typeof LIMITS;
  private readonly headers: Record<string, string>;
  private readonly events: DockerEvents;
  private readonly bodies = new Set<PacedBody>();
  private searches = 0;
  private streams = new Set<FastifyReply>();

  constructor(server: ServerCore, version: string, limits: typeof LIMITS) {
    this.server = server;
    this.version = version;
    this.limits = limits;
    this.headers = engineHeaders(version);
    this.events = new DockerEvents({ catalog: server.catalog, changes: server.subscribers.events });
  }

  close(): void {
    for (const body of this.bodies) body.destroy();
    for (const { raw } of this.streams) raw.destroy();
    this.events.close();
  }

  async answer(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    // Docker's clients know JSON by these words alone, without a charset.
    void reply.headers(this.headers).serializer(JSON.stringify).type('application/json');
    try {
      return await this.answerTo(this.question(request), reply);
    } catch (error) {
      if (reply.raw.headersSent) throw error;
      // A list that could not be read to its end for all that changes: who asks again gets it.
      const lost = (error as Error).name === 'MomentLost' ? 503 : 500;
      const status = error instanceof DockerFailure ? error.status : lost;
      return reply.code(status).send({ message: (error as Error).message });
    }
  }

  private question({ raw, method }: FastifyRequest): Question {
    const [path, query = ''] = raw.url!.split('?', 2) as [string, string?];
    const match = PATH.exec(decoded(path));
    if (match === null) throw pageNotFound();
    const vpc = match[1]?.toLowerCase();
    const asked = askedFor(method, match[3] ?? '');
    if (match[2] !== undefined) checkApiVersion(match[2]);
    const { catalog, config } = this.server;
    const known = vpc === undefined || [...firstOf(catalog.scopes(vpc))].length > 0;
    if (!known && asked.what !== 'ping' && asked.what !== 'version')
      throw unknownVpc(vpc, this.server.readiness());
    const view = { catalog, vpc, zone: config.zone, nodeName: config.nodeName, version: this.version };
    return { asked, view, query: new URLSearchParams(query) };
  }

  private async answerTo({ asked, view, query }: Question, reply: FastifyReply): Promise<FastifyReply> {
    switch (asked.what) {
      case 'ping':
        void reply
          .header('cache-control', 'no-cache, no-store, must-revalidate')
          .header('pragma', 'no-cache');
        return reply.serializer(String).type('text/plain; charset=utf-8').send('OK');
      case 'version':
        return reply.send(versionOf(view));
      case 'info':
        return reply.send(infoOf(view, this.events.size, Date.now()));
      case 'networks':
        return this.send(reply, () => networkList(view, parseFilters(query.get('filters'), NETWORK_FILTERS)));
      case 'containers': {
        const filters = parseFilters(query.get('filters'), CONTAINER_FILTERS);
        return this.send(reply, () => containerList(view, filters, limitOf(query)));
      }
      case 'network': {
        const overlay = await this.search(reply, (isGone) => findNetwork(view, asked.term, isGone));
        if (![null, '', SCOPE].includes(query.get('scope')))
          throw new DockerFailure(404, `network ${asked.term} not found`);
        return this.send(reply, () => networkDetails(view, overlay));
      }
      case 'container': {
        const pod = await this.search(reply, (isGone) => findContainer(view, asked.term, isGone));
        return reply.send(containerDetails(pod, new Surroundings(view.catalog), view.zone));
      }
      case 'events':
        streamEvents(reply, this.headers, this.events, view, eventQuery(query), Date.now());
        if (!reply.raw.destroyed) this.streams.add(reply);
        reply.raw.once('close', () => this.streams.delete(reply));
        return reply;
      case 'none':
        return reply.send(asked.body);
      default:
        throw refusal(asked);
    }
  }

  /** Sends what is made piece by piece. */
  private send(reply: FastifyReply, make: () => Generator<string, void, undefined>): FastifyReply {
    this.checkReaders();
    const body = new PacedBody(make());
    this.bodies.add(body);
    body.once('close', () => this.bodies.delete(body));
    this.cutStalled(reply);
    return reply.send(body);
  }

  /** Who takes nothing of what waits for it. A list that finds nothing to send for a while is another matter. */
  private cutStalled({ raw }: FastifyReply): void {
    const { stall } = this.limits;
    raw.setTimeout(stall, () => {
      if (raw.writableLength > 0) raw.destroy();
      else raw.socket?.setTimeout(stall);
    });
  }

  private async search<T>(reply: FastifyReply, find: (isGone: () => boolean) => Promise<T>): Promise<T> {
    this.checkReaders();
    this.searches++;
    try {
      return await find(() => reply.raw.destroyed);
    } finally {
      this.searches--;
    }
  }

  private checkReaders(): void {
    if (this.bodies.size + this.searches >= this.limits.readers)
      throw new DockerFailure(503, 'too many lists are being read, try again');
  }
}

/** What dockerd says of what it does not have, and podns of what it does not do. */
function refusal(asked: Asked): DockerFailure {
  switch (asked.what) {
    case 'image':
      return new DockerFailure(404, `No such image: ${asked.term}`);
    case 'volume':
      return new DockerFailure(404, `get ${asked.term}: no such volume`);
    case 'plugin':
      return new DockerFailure(404, `plugin "${asked.term}" not found`);
    case 'exec':
      return new DockerFailure(404, `No such exec instance: ${asked.term}`);
    case 'swarm':
      return new DockerFailure(503, 'This node is not a swarm manager.');
    case 'unknown':
      return notKnown(asked.of);
    case 'write':
      return readOnly();
    default:
      return pageNotFound();
  }
}

/** A VPC that nobody has described so far may yet be. */
function unknownVpc(vpc: string, { ready, reasons }: { ready: boolean; reasons: string[] }): DockerFailure {
  if (ready) return new DockerFailure(404, `podns has no VPC ${JSON.stringify(vpc)}`);
  return new DockerFailure(503, `podns is not ready: ${reasons.join('; ')}`);
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit') ?? '';
  if (text !== '' && !/^-?\d{1,9}$/.test(text))
    throw new DockerFailure(400, `strconv.Atoi: parsing "${text}": invalid syntax`);
  return Number(text) > 0 ? Number(text) : Infinity;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw new DockerFailure(400, 'the path is not encoded as URLs are');
  }
}

function* firstOf<T>(values: Iterable<T>): Generator<T, void, undefined> {
  for (const value of values) {
    yield value;
    return;
  }
}
