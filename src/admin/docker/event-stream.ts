/** `/events`: what happens, one JSON object after another, since and until when the client wants it. */
import type { FastifyReply } from 'fastify';
import type { DockerEvent, DockerEvents } from './events.ts';
import { DockerFailure } from './failure.ts';
import { Filters, parseFilters } from './filters.ts';
import { SCOPE } from './networks.ts';
import type { DockerView } from './view.ts';

const FILTERS = [
  ...['config', 'container', 'daemon', 'event', 'image', 'label', 'network', 'node', 'plugin'],
  ...['scope', 'secret', 'service', 'type', 'volume'],
];
/** Filters by name or id, each for events of its own type, of which there are only two here. */
const BY_ACTOR = [
  'config',
  'container',
  'daemon',
  'network',
  'node',
  'plugin',
  'secret',
  'service',
  'volume',
];
/** Octets that a reader may leave unread before it is cut; it can come back and ask since when. */
const UNREAD_MAX = 1 << 20;
const READERS_MAX = 64;
/** The longest that a timer can wait, milliseconds. */
const TIMER_MAX = 2 ** 31 - 1;

export interface EventQuery {
  /** Milliseconds since 1970. */
  since: number | undefined;
  until: number | undefined;
  filters: Filters;
}

/** Throws DockerFailure. */
export function eventQuery(query: URLSearchParams): EventQuery {
  const since = timeOf(query, 'since');
  const until = timeOf(query, 'until');
  if (since !== undefined && until !== undefined && since > until)
    throw new DockerFailure(400, '`since` time cannot be after `until` time');
  return { since, until, filters: parseFilters(query.get('filters'), FILTERS) };
}

/** Seconds, with as many digits after the point as one likes. */
function timeOf(query: URLSearchParams, key: string): number | undefined {
  const text = query.get(key) ?? '';
  if (text === '' || text === '0') return undefined;
  if (!/^-?\d{1,15}(\.\d{1,9})?$/.test(text))
    throw new DockerFailure(
      400,
      `invalid value for '${key}': seconds since 1970 are expected, not "${text}"`,
    );
  return Number(text) * 1000;
}

/** Whether an event is shown to who asks at that base path with those filters. */
export function isShown(event: DockerEvent, { vpc }: DockerView, filters: Filters): boolean {
  const { id, action, type, attributes } = event;
  const name = attributes['name']!;
  return (
    (vpc === undefined || event.vpc === vpc) &&
    filters.exact('type', type) &&
    // Docker takes `health_status` for all of its kind.
    (filters.exact('event', action) ||
      (action.startsWith('health_status:') && filters.get('event').includes('health_status'))) &&
    filters.exact('scope', SCOPE) &&
    filters.exact('image', '') &&
    BY_ACTOR.every((key) => !filters.has(key) || (key === type && filters.begins(key, id, name))) &&
    filters.labelled(attributes)
  );
}

/** One line. */
export function eventText({ type, action, id, attributes, time }: DockerEvent): string {
  const legacy = type === 'container' ? { status: action, id, from: attributes['image'] } : {};
  const whole = Math.floor(time);
  const message = {
    ...legacy,
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: SCOPE,
    time: Math.floor(whole / 1000),
  };
  // Nanoseconds are more than a number can hold here.
  return `${JSON.stringify(message).slice(0, -1)},"timeNano":${whole}000000}\n`;
}

/** Answers, and goes on until the client leaves, or until the time that it gave. Throws DockerFailure. */
export function streamEvents(
  reply: FastifyReply,
  headers: Record<string, string>,
  events: DockerEvents,
  view: DockerView,
  query: EventQuery,
  now: number,
): void {
  if (events.size >= READERS_MAX) throw new DockerFailure(503, 'too many readers of events');
  const { since, until = Infinity, filters } = query;
  const past = since === undefined ? [] : events.since(since);
  const { raw: response } = reply.hijack();
  response.writeHead(200, { ...headers, 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.flushHeaders();
  const write = (event: DockerEvent): void => {
    if (event.time > until || !isShown(event, view, filters)) return;
    response.write(eventText(event));
    if (response.writableLength > UNREAD_MAX) response.destroy();
  };
  past.forEach(write);
  if (until <= now) {
    response.end();
    return;
  }
  const leave = events.listen(write);
  const timer = until - now < TIMER_MAX ? setTimeout(() => response.end(), until - now) : undefined;
  const left = (): void => {
    clearTimeout(timer);
    leave();
  };
  response.on('close', left);
  response.on('error', left);
  if (response.destroyed) left();
}
