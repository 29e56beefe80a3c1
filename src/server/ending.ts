/** The order in which a server ends: each part works until nobody needs it any more. */
import type { Deferred } from '../answer/defer/deferred.ts';
import type { Source } from '../model.ts';
import type { Lanes } from './transports.ts';
import type { ViewLife } from './staleness.ts';
import type { Outlets } from './subscribers.ts';
import type { Outside } from './forwarding.ts';

export interface Parts {
  lanes: Pick<Lanes, 'close'>;
  deferred: Pick<Deferred, 'close'>;
  outside: Pick<Outside, 'close'>;
  sources: readonly Pick<Source, 'close'>[];
  outlets: Pick<Outlets, 'close'>;
  life: Pick<ViewLife, 'close'>;
}

/** Longer than an outside name takes. */
const GRACE_MS = 5000;
/** What the last answers take to leave. */
const LAST_WORDS_MS = 100;

/**
 * The lanes first: no new question comes, and those under way are answered with the sources and the forwarder still
 * at work, or with SERVFAIL after `graceMs`. What may take its time, the saved view, comes when nobody is waiting.
 */
export async function endServer(parts: Parts, graceMs = GRACE_MS): Promise<void> {
  let silenced: Promise<void> | undefined;
  const silence = (): Promise<void> => {
    parts.deferred.close();
    return (silenced ??= parts.outside.close(0));
  };
  const over = setTimeout(() => void silence(), graceMs);
  await parts.lanes.close(graceMs + LAST_WORDS_MS);
  clearTimeout(over);
  await silence();
  await Promise.all(parts.sources.map((source) => source.close()));
  await parts.outlets.close();
  parts.life.close();
}
