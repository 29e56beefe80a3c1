/** The order in which a server ends: each part works as long as another one needs it. */
import type { Deferred } from '../answer/defer/deferred.ts';
import type { Source } from '../model.ts';
import type { Gateways } from './gateways.ts';
import type { Transports } from './transports.ts';
import type { Staleness } from './staleness.ts';
import type { Subscribers } from './subscribers.ts';
import type { Forwarding } from './forwarding.ts';

export interface Parts {
  gateways: Pick<Gateways, 'close'>;
  transports: Pick<Transports, 'close'>;
  deferred: Pick<Deferred, 'close'>;
  outside: Pick<Forwarding, 'close'>;
  sources: readonly Pick<Source, 'close'>[];
  subscribers: Pick<Subscribers, 'close'>;
  staleness: Pick<Staleness, 'close'>;
}

/** Longer than an outside name can take. */
const GRACE_MS = 5000;
/** The time that the last answers need to leave. */
const LAST_WORDS_MS = 100;

/**
 * Closes the transports first, after it has ceased to open listeners: no new query arrives, and those in flight get their answer while the sources and the
 * forwarder still work, or SERVFAIL after `graceMs`. The saved view, which may take long, comes last, when no client
 * waits any more.
 */
export async function endServer(parts: Parts, graceMs = GRACE_MS): Promise<void> {
  let silenced: Promise<void> | undefined;
  const silence = (): Promise<void> => {
    parts.deferred.close();
    return (silenced ??= parts.outside.close(0));
  };
  const over = setTimeout(() => void silence(), graceMs);
  await parts.gateways.close();
  await parts.transports.close(graceMs + LAST_WORDS_MS);
  clearTimeout(over);
  await silence();
  await Promise.all(parts.sources.map((source) => source.close()));
  await parts.subscribers.close();
  parts.staleness.close();
}
