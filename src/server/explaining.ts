/** Hands explaining what it needs of a server: its listeners, its sources, what it would forward. */
import type { Deferred } from '../answer/defer/deferred.ts';
import type { InventoryFacts } from '../answer/defer/inventory.ts';
import type { Listener } from '../answer/peer.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import { Explainer } from '../explain/explainer.ts';
import { formatListen, parseListen } from '../transport/listen.ts';
import type { TrieMemory } from '../trie/memory.ts';
import type { Feed } from './feed.ts';
import type { Forwarding } from './forwarding.ts';
import type { Transports } from './transports.ts';

export interface ExplainingOptions {
  memory: TrieMemory;
  settings: AnswerSettings;
  config: Pick<Config, 'listen' | 'syncHold' | 'podHold'>;
  catalog: Catalog;
  inventory: InventoryFacts;
  feed: Feed;
  deferred: Deferred;
  outside: Forwarding;
  transports: Transports;
  seconds: () => number;
}

/** Makes it when it is first asked. */
export function lazyExplainer(options: ExplainingOptions): () => Explainer {
  let explainer: Explainer | undefined;
  return () => (explainer ??= explainerOf(options));
}

function explainerOf(options: ExplainingOptions): Explainer {
  const { memory, settings, config, catalog, inventory, feed, deferred, outside, transports, seconds } =
    options;
  // One number for all: whoever keeps something for a listener by its number looks whether it is still that one.
  const { id } = transports.virtual({ address: '::1', port: 53, vpc: '', namespace: '' });
  const listenerOf = (text: string): Listener => {
    const { address, port, vpc, namespace } = parseListen(text);
    return { id, text: formatListen({ address, port, vpc, namespace }), address, port, vpc, namespace };
  };
  return new Explainer({
    memory,
    settings,
    catalog,
    inventory,
    seconds,
    // Before they are bound, as with zone files alone, those that would be.
    listeners: () =>
      transports.listeners.length > 0
        ? transports.listeners.map(({ listener }) => listener)
        : config.listen.map(({ text }) => listenerOf(text)),
    listenerOf,
    podWait: (vpc, source) => deferred.waitOf(vpc, source),
    holds: { sync: config.syncHold, pod: config.podHold },
    age: (source, revision) => feed.age(source, revision),
    outside: (packet, responder, peer) => outside.look(packet, responder, peer),
    pause: () => new Promise((resolve) => setImmediate(resolve)),
  });
}
