/**
 * Takes up what there was before this process: the view of a predecessor, or the saved one. Of the saved one an image may be
 * served meanwhile (`image.ts`), which its records then replace.
 */
import type { Clock } from '../base/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Config } from '../config/table.ts';
import { ExplainError } from '../explain/facts.ts';
import type { Kind, Resource, ResourceKey, Sink, Source } from '../model.ts';
import type { TrieMemory } from '../trie/memory.ts';
import type { TrieWriter } from '../trie/write/writer.ts';
import type { Feed } from './feed.ts';
import type { HandedView, Handing } from './handing.ts';
import { keepImage, type ServedImage } from './image.ts';
import type { Logger } from './logger.ts';
import { releaseOctets } from './release-memory.ts';
import type { ServerOptions } from './options.ts';
import { checkStateFolder } from './state-folder.ts';
import { SETTLED } from './staleness.ts';
import type { Readiness, Staleness } from './staleness.ts';
import type { Subscribers } from './subscribers.ts';

export interface RestoringOptions {
  config: Config;
  catalog: Catalog;
  clock: Clock;
  feed: Pick<Feed, 'sink' | 'expect' | 'forgetSaved'>;
  handing: Pick<Handing, 'hold' | 'take'>;
  logger: Required<Logger>;
  memory: TrieMemory;
  /** Where the sinks of the sources go once they may deliver. */
  sinks: Sink[];
  sources: readonly Source[];
  staleness: Pick<Staleness, 'look'>;
  subscribers: Pick<Subscribers, 'saved'>;
  writer: Pick<TrieWriter, 'begun' | 'image' | 'imageVpcs' | 'unveil'>;
}

export type ImageOptions = Pick<ServerOptions, 'image' | 'keepsImage' | 'version'>;

/** Why something cannot be told yet. */
export const WAIT = 'the records of the saved view are being loaded';
const LOADING = `degraded: ${WAIT}: names are answered, lists and explanations wait`;

export class Restoring {
  /** An image is served, and its records are not there yet. */
  isLoading: boolean;
  private readonly options: RestoringOptions;
  /** What the memory of the view holds already. */
  private readonly image: ServedImage | undefined;
  private readonly onReplaced: () => void;
  private restored: Promise<void> | undefined;
  /** The VPCs of the image that have settings for outside names. */
  private readonly declared = new Map<string, Resource>();
  /** The server ends: what has not been restored yet comes no more. */
  isClosed = false;
  private isDone = false;

  /** `onReplaced`: the records have replaced the image. */
  constructor(options: RestoringOptions, image: ServedImage | undefined, onReplaced: () => void) {
    this.options = options;
    this.image = image;
    this.onReplaced = onReplaced;
    this.isLoading = image !== undefined;
    for (const [name, , , declared] of image?.vpcs ?? [])
      if (declared !== undefined) this.declared.set(name, declared);
  }

  /** See `ServerCore.restore`. */
  restore(handed?: HandedView): Promise<void> {
    this.restored ??= this.load(handed).finally(() => (this.isDone = true));
    return this.restored;
  }

  close(): void {
    this.isClosed = true;
  }

  /** The next pass of the event loop; never, where the server ends while it restores. */
  turn(): Promise<void> {
    return new Promise((resolve) => {
      const isCutOff = this.isClosed && this.restored !== undefined && !this.isDone;
      if (!isCutOff) setImmediate(resolve);
    });
  }

  /** As of the catalog; for a VPC while records are being loaded, what the image has of it. */
  get(key: ResourceKey): Resource | undefined {
    if (this.isLoading && key.kind === 'vpc') return this.declared.get(key.vpc);
    return this.options.catalog.get(key);
  }

  /** Resources of a kind that are served. */
  count(kind: Kind): number {
    const { catalog } = this.options;
    return this.isLoading ? this.image!.counts[kind] : catalog.count(kind);
  }

  /** Throws ExplainError while records are being loaded. */
  checkThere(): void {
    if (this.isLoading) throw new ExplainError(`${WAIT}: ask again in a moment`);
  }

  readiness({ ready, reasons }: Readiness): Readiness {
    return { ready, reasons: this.isLoading ? [...reasons, LOADING] : reasons };
  }

  private async load(handed: HandedView | undefined): Promise<void> {
    const { config, feed, handing, logger, sinks, sources, subscribers } = this.options;
    const { image } = this;
    const { saved } = subscribers;
    if (config.state !== '') checkStateFolder(config.state);
    sinks.push(...sources.map((source) => feed.sink(source.name)));
    if (handed !== undefined) {
      handing.hold();
      await handing.take(handed);
      return;
    }
    if (image !== undefined) this.serve(image);
    const records = await saved?.load();
    if (image !== undefined) await this.replace(records);
    else if (records !== undefined && records > 0)
      logger.info({ path: saved!.path, records }, 'the saved view is served');
  }

  private serve({ saved, path, counts }: ServedImage): void {
    const { feed, staleness, logger } = this.options;
    for (const { name, revision, heard } of saved.sources)
      feed.expect(name, revision, heard ?? Date.parse(saved.saved));
    staleness.look();
    logger.info(
      { path, pods: counts.pod },
      'the image of the saved view is served; its records are being loaded',
    );
  }

  private async replace(records: number | undefined): Promise<void> {
    const { feed, staleness, logger, writer, memory } = this.options;
    if (this.isClosed) return;
    if (records === undefined) {
      // What the image was made of cannot be read any more. Queries are held before it goes, never denied.
      feed.forgetSaved();
      staleness.look();
      await new Promise((resolve) => setTimeout(resolve, SETTLED));
      logger.warn({}, 'the image is served no more, because the records of its saved view cannot be read');
    }
    this.isLoading = false;
    this.declared.clear();
    writer.unveil(releaseOctets(memory.arena));
    if (records !== undefined)
      logger.info({ records }, 'the saved view is served, and all of its records are there');
    this.onReplaced();
  }
}

/** With an image beside the saved view, if `ServerOptions` want one. */
export function restoringOf(
  parts: RestoringOptions,
  { image, keepsImage, version = '' }: ImageOptions,
  onReplaced: () => void,
): Restoring {
  const { saved } = parts.subscribers;
  if (keepsImage === true && saved !== undefined) keepImage(saved, parts, version);
  return new Restoring(parts, image, onReplaced);
}
