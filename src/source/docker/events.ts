/** The events of an engine. They only say what to look at: nothing is read from them but who is concerned, and when. */
import { LineSplitter } from '../watch/line-splitter.ts';
import { LINE_OCTETS_MAX } from '../validate/bounds.ts';
import { sliced, slices } from '../reflector/slices.ts';
import { isId } from './facts.ts';

export type EngineEvent =
  | { about: 'container'; id: string; at: number | undefined }
  | { about: 'network'; id: string; container: string; at: number | undefined }
  /** Something has happened to a service of the swarm. */
  | { about: 'services' }
  /** Something has happened, and nobody can say what. */
  | { about: 'unknown' };

/** What docker's engine is asked for; each health check would make three events of `exec`. */
const ACTIONS = [
  ...[
    'create',
    'start',
    'restart',
    'die',
    'stop',
    'kill',
    'oom',
    'destroy',
    'rename',
    'pause',
    'unpause',
    'update',
  ],
  ...['health_status', 'connect', 'disconnect', 'remove'],
];

/** The filters of `/events`. Other engines than docker's have other actions, so they are asked for all of them. */
export function eventFilters(server: string): object {
  const type = ['container', 'network'];
  return server.startsWith('Docker') ? { type: [...type, 'service'], event: ACTIONS } : { type };
}

/** Reads the stream as fast as it comes: an engine forgets events for a reader that is not quick enough. */
export async function readEvents(
  chunks: AsyncIterable<Buffer>,
  take: (event: EngineEvent) => void,
): Promise<void> {
  const splitter = new LineSplitter(LINE_OCTETS_MAX);
  for await (const chunk of chunks) {
    for (const part of sliced(chunk)) {
      slices.scanned(part.length);
      for (const line of splitter.push(part)) {
        slices.piece(line.text.length);
        const event = line.error === undefined ? eventOf(line.text) : ({ about: 'unknown' } as const);
        if (event !== undefined) take(event);
      }
      await slices.pause();
    }
  }
}

/** Undefined for an event that changes nothing that podns reads. */
export function eventOf(text: string): EngineEvent | undefined {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    return { about: 'unknown' };
  }
  if (typeof raw !== 'object' || raw === null) return { about: 'unknown' };
  const { Type: type, Action, Actor, status, id: oldId, timeNano, time } = raw as Record<string, unknown>;
  const action = textOf(Action ?? status);
  if (
    /^(exec_|top$|attach$|detach$|resize$|export$|archive-path$|extract-to-dir$|copy$|commit$)/.test(action)
  )
    return undefined;
  if (type === 'service') return { about: 'services' };
  const { ID, Attributes } = (Actor ?? {}) as { ID?: unknown; Attributes?: unknown };
  const id = textOf(ID ?? oldId);
  if (!isId(id)) return { about: 'unknown' };
  const at = timeOf(timeNano, time);
  if (type === 'container') return { about: 'container', id, at };
  if (type !== 'network') return undefined;
  const { container } = (Attributes ?? {}) as { container?: unknown };
  // Podman names the container in place of the network.
  const known = typeof container === 'string' && isId(container);
  const joins = action === 'connect' || action === 'disconnect';
  return { about: 'network', id, container: known ? container : joins ? id : '', at };
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** Milliseconds since 1970. */
function timeOf(nanoseconds: unknown, seconds: unknown): number | undefined {
  if (typeof nanoseconds === 'number' && nanoseconds > 0) return Math.floor(nanoseconds / 1e6);
  return typeof seconds === 'number' && seconds > 0 ? seconds * 1000 : undefined;
}
