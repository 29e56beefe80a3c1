/** `/v1/find?q=&limit=`: pods and services by a part of what they are known by, searched in slices. */
import type { FastifyInstance } from 'fastify';
import type { Pod, Resource, Service } from '../../model.ts';
import type { ServerCore } from '../../server.ts';
import { limitedJson } from './limited.ts';
import { matchOf, matchSteps, typedText, TYPED_MOST, type Match } from './matching.ts';

/** The answer. */
export interface Findings {
  /** What was looked for, as it was compared. */
  query: string;
  /** The best first, then by path. */
  matches: { match: Match; resource: Pod | Service }[];
  /** All that fit, also those beyond the limit. */
  total: number;
  /** Pods and services that were compared. */
  compared: number;
}

export const FIND_LIMITS = {
  /** Searches at the same time. */
  searches: 8,
  matches: 100,
  /** Steps of work (texts read or compared) between two passes of the event loop: less than a millisecond. */
  slice: 400,
};
const USUAL_MATCHES = 20;

interface FindQuery {
  q?: unknown;
  limit?: unknown;
}

export function findRoutes(app: FastifyInstance, server: ServerCore, limits = FIND_LIMITS): void {
  const limited = limitedJson(limits.searches, 'too many searches are under way');
  app.get<{ Querystring: FindQuery }>('/v1/find', async (request, reply) => {
    void reply.type('text/plain; charset=utf-8');
    const { q = '', limit = String(USUAL_MATCHES) } = request.query;
    if (typeof q !== 'string' || q.trim() === '' || q.length > TYPED_MOST)
      return reply.code(400).send(`q: what to look for, 1 to ${TYPED_MOST} characters\n`);
    if (typeof limit !== 'string' || !/^[1-9]\d{0,2}$/.test(limit) || Number(limit) > limits.matches)
      return reply.code(400).send(`limit: a whole number, 1 to ${limits.matches}\n`);
    // Whoever types on asks anew, and closes the connection of the last question.
    const isWanted = (): boolean => !reply.raw.destroyed;
    const typed = typedText(q, server.config.zone);
    return limited(reply, () => search(server, typed, Number(limit), isWanted, limits.slice));
  });
}

/** Undefined once nobody wants the answer any more. */
export async function search(
  server: Pick<ServerCore, 'catalog'>,
  query: string,
  limit: number,
  isWanted: () => boolean,
  slice = FIND_LIMITS.slice,
): Promise<Findings | undefined> {
  const found: Findings = { query, matches: [], total: 0, compared: 0 };
  for (const step of searchSteps(server.catalog.effective(), found, limit, slice)) {
    void step;
    await new Promise(setImmediate);
    if (!isWanted()) return undefined;
  }
  return found;
}

/** Fills `found`; a step ends where others may have their turn. */
export function* searchSteps(
  records: Iterable<{ resource: Resource } | undefined>,
  found: Findings,
  limit: number,
  slice: number,
): Generator<number, void, undefined> {
  let steps = 0;
  for (const record of records) {
    const resource = record?.resource;
    if (resource === undefined) steps = slice;
    else if (resource.kind !== 'pod' && resource.kind !== 'service') steps++;
    else {
      steps += matchSteps(resource);
      found.compared++;
      const match = matchOf(resource, found.query);
      if (match !== undefined) {
        found.total++;
        keep(found.matches, { match, resource }, limit);
      }
    }
    if (steps < slice) continue;
    yield steps;
    steps = 0;
  }
}

/** Puts a match in its place among the best. */
function keep(matches: Findings['matches'], one: Findings['matches'][number], limit: number): void {
  if (matches.length === limit && !isBefore(one, matches[limit - 1]!)) return;
  let at = matches.length;
  while (at > 0 && isBefore(one, matches[at - 1]!)) at--;
  matches.splice(at, 0, one);
  if (matches.length > limit) matches.pop();
}

function isBefore(one: Findings['matches'][number], other: Findings['matches'][number]): boolean {
  if (one.match.rank !== other.match.rank) return one.match.rank < other.match.rank;
  return pathText(one.resource) < pathText(other.resource);
}

/** A service comes before the pod of its name: it is what the name answers. */
function pathText({ vpc, namespace, name, kind }: Pod | Service): string {
  return `${vpc}/${namespace}/${name} ${kind === 'service' ? 0 : 1}`;
}
