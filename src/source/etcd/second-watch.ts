/**
 * A second, short watch that tells whether the first one is dead though its member lives: what the member has under our
 * keys since then comes at once to a new watch. A range by revision would tell it too, but etcd reads all keys for it.
 */
import type { Clock } from '../../base/clock.ts';
import type { EtcdClient } from './client.ts';
import { WatchLines } from './pieces.ts';

/** Milliseconds for which a new watch is listened to: etcd catches up with it every 100 ms. */
const LISTENED = 2000;

/**
 * The revision of the first change after `reached` that the member gives to a new watch; undefined if there is none, or if
 * it does not say in time. Throws what a connection may throw, but for an abort of its own.
 */
export async function firstChangeAfter(
  client: EtcdClient,
  range: object,
  reached: string,
  clock: Clock,
  signal: AbortSignal,
): Promise<string | undefined> {
  const ending = new AbortController();
  const end = (): void => ending.abort();
  signal.addEventListener('abort', end, { once: true });
  const timer = clock.setTimeout(end, LISTENED);
  try {
    const start_revision = String(BigInt(reached) + 1n);
    const create_request = { ...range, start_revision, fragment: true };
    const response = await client.stream('/v3/watch', { create_request }, ending.signal);
    const lines = new WatchLines();
    for await (const chunk of response as AsyncIterable<Buffer>) {
      for (const answer of lines.push(chunk)) {
        // One that is cancelled says nothing: what it asks for may be compacted.
        if (answer?.line.result === undefined) continue;
        if (answer.line.result.canceled === true) return undefined;
        const [first] = answer.events;
        if (first !== undefined) return first.kv.mod_revision;
      }
    }
    return undefined;
  } catch (error) {
    if (ending.signal.aborted && !signal.aborted) return undefined;
    throw error;
  } finally {
    clock.clearTimeout(timer);
    signal.removeEventListener('abort', end);
    end();
  }
}
