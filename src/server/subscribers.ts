/** The subscribers of changes besides the trie: readers of the watch stream and of the events, and the saved view. */
import type { Catalog, Change } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import type { Problem, Source } from '../model.ts';
import { Events, type ChangesFollower } from '../watch/events.ts';
import type { Feed } from './feed.ts';
import type { ProblemEvent } from './problems.ts';
import type { ShrinkGuard } from './shrink-guard.ts';
import type { Staleness } from './staleness.ts';
import { WatchServer } from '../watch/watch-server.ts';
import { SavedView } from './saved.ts';

export interface SubscribersOptions {
  config: Pick<Config, 'state' | 'zone'>;
  catalog: Catalog;
  feed: Feed;
  guard: Pick<ShrinkGuard, 'holdsOf'>;
  staleness: Staleness;
  /** Not all of what is served is in the catalog yet. */
  isLoading: () => boolean;
  sources: readonly Source[];
  version: string;
  wallClock: () => number;
  report: (problem: Problem) => void;
  /** The library's user. */
  follower: ChangesFollower | undefined;
}

/** Grace period before restored data is relayed, in ms; within it the sources can replace that data. */
const RESTORED_GRACE = 10_000;

export class Subscribers {
  readonly watchServer: WatchServer;
  readonly events: Events;
  /** See `WordsOptions.reading`. */
  readonly reading: string;
  /** Undefined without a state folder. */
  readonly saved: SavedView | undefined;

  constructor(options: SubscribersOptions) {
    const { config, catalog, feed, guard, staleness, isLoading, sources, version, wallClock, report } =
      options;
    let began = performance.now();
    this.watchServer = new WatchServer({
      catalog,
      // If they were served earlier, a restart would take readers back to the last saved state.
      view: () => {
        const now = performance.now();
        if (isLoading()) began = now;
        const isOld = staleness.covered && now - began > RESTORED_GRACE;
        return { whole: !isLoading() && (staleness.synced || isOld), lostSince: staleness.lostSince };
      },
    });
    this.events = new Events(wallClock, options.follower);
    this.reading = `${version} ${config.zone}`;
    if (config.state === '') return;
    this.saved = new SavedView({
      folder: config.state,
      catalog,
      feed,
      states: () => feed.states(),
      // What is held is saved with the rest, and only a whole list can say again that it is to go.
      proofOf: (source, revision) =>
        guard.holdsOf(source) ? undefined : sources.find(({ name }) => name === source)?.proof?.(revision),
      reading: this.reading,
      wallClock,
      report: (problem) => problem !== undefined && report(problem),
    });
  }

  /** Passes on one effective change, before it is visible. */
  change(change: Change, at: number | undefined): void {
    this.watchServer.change(change, at);
    this.events.change(change);
  }

  /** A problem has begun, or is over. */
  problem({ type, problem }: ProblemEvent): void {
    this.events.tell({ type: 'problem', state: type, problem });
  }

  /** What was changed is visible. */
  commit(): void {
    this.watchServer.commit();
    this.events.commit();
    this.saved?.changed();
  }

  /** Disconnects readers, and saves pending changes. */
  async close(): Promise<void> {
    this.watchServer.close();
    this.events.close();
    await this.saved?.close();
  }
}
