/**
 * The image of the view beside the saved one: read at the start, so that the first query is answered before any record is
 * read, and written when the view has been quiet for a while and when the process ends.
 */
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { endianness } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { headAt, ImageError, imagePath, readImage, writeImage } from '../catalog/saved/image-file.ts';
import type { ImageHead, SavedPosition } from '../catalog/saved/image-file.ts';
import type { SavedHead } from '../catalog/saved/saved-lines.ts';
import type { Config } from '../config/table.ts';
import { KINDS, type Kind, type Source } from '../model.ts';
import { checkFits, imageOctets, partsOf, placeImage } from '../trie/image.ts';
import type { ImageVpc, PlacedImage, TrieImage } from '../trie/image.ts';
import * as layout from '../trie/layout.ts';
import { reserveMemory } from '../trie/memory.ts';
import type { Reserve, TrieMemory } from '../trie/memory.ts';
import type { TrieWriter } from '../trie/write/writer.ts';
import type { Logger } from './logger.ts';
import { VIEW_FILE } from './saved.ts';
import type { SavedView } from './saved.ts';
import { configuredSources } from './sources.ts';

/** An image that readers may use, in the memory that it was placed in. */
export interface ServedImage extends PlacedImage {
  path: string;
  memory: TrieMemory;
  /** What is saved of the sources. */
  saved: SavedHead;
  /** Effective resources. */
  counts: Record<Kind, number>;
}

interface Head extends ImageHead {
  image: TrieImage;
  counts: Record<Kind, number>;
  /** What each source of files has read, see `Source.seen`. */
  seen: Record<string, string>;
  /** Octets of the list of VPCs, which is the first part: an array in JSON. */
  vpcs: number;
}

/** Changes with what is in the file. */
const FORM = 1;

/** Equal for processes that build the same words of the same records. */
export function imageForm(config: Config, sources: readonly Pick<Source, 'name'>[], version: string): string {
  const { zone, suffixes, aRecords, forward, routes, hosts } = config;
  const settings = { zone, suffixes, aRecords, forward, routes, hosts };
  const names = sources.map(({ name }) => name);
  const all = [FORM, version, endianness(), Object.entries(layout), settings, names];
  return createHash('sha256').update(JSON.stringify(all)).digest('hex');
}

export interface ReadOptions {
  config: Config;
  version: string;
  logger: Logger;
  reserve?: Reserve;
  /** All of the server; they are not started. Default: those of the configuration. */
  sources?: readonly Source[];
  /** Octets of the saved view, default 0: of a smaller one the image is not read. */
  least?: number;
}

/** Some 4,000 pods: the records of a smaller view are read in less time than its image takes. */
export const WORTH_OCTETS = 1 << 20;

/**
 * The image in the state folder, placed in a memory of its own; undefined where there is none, or none that is exactly what is
 * saved and would be built of it. The folder must have been checked. Throws TypeError for an invalid URL of a source.
 */
export async function servedImage(options: ReadOptions): Promise<ServedImage | undefined> {
  const { config, version, logger, reserve } = options;
  if (config.state === '') return undefined;
  const { sources = configuredSources(config), least = 0 } = options;
  const view = join(config.state, VIEW_FILE);
  const path = imagePath(view);
  if ((statSync(view, { throwIfNoEntry: false })?.size ?? 0) < least) return undefined;
  try {
    let memory: TrieMemory | undefined;
    let saved: SavedHead | undefined;
    let list = Buffer.alloc(0);
    const head = await readImage<Head>(path, imageForm(config, sources, version), async (found) => {
      saved = await headAt(view, found.position);
      for (const { name } of sources)
        if (!saved.sources.some((one) => one.name === name))
          throw new ImageError(`${name} is not saved`, true);
      await checkSeen(found, sources);
      memory = reserveMemory(reserve);
      checkFits(found.image, memory);
      list = Buffer.alloc(found.vpcs);
      return [list, ...partsOf(found.image, memory)];
    });
    if (head === undefined || memory === undefined || saved === undefined) return undefined;
    const { image, counts } = head;
    const placed = { image, vpcs: JSON.parse(list.toString()) as ImageVpc[] };
    placeImage(placed, memory);
    return { ...placed, memory, saved, counts, path };
  } catch (error) {
    const { message, isUsual } = error as ImageError;
    const text = `the image of the view is not used: ${message}; podns reads the saved view first`;
    if (isUsual) logger.info({ path }, text);
    else logger.warn({ path }, text);
    return undefined;
  }
}

/** Edits that were made meanwhile are never answered from before: then the files are read first. */
async function checkSeen({ seen }: Head, sources: readonly Source[]): Promise<void> {
  for (const source of sources) {
    if (source.look === undefined) continue;
    const now = await source.look().catch(() => undefined);
    if (now === undefined || now !== seen[source.name])
      throw new ImageError(`${source.name} has changed since, or cannot be looked at`, true);
  }
}

export interface SavedImageOptions {
  path: string;
  /** See `imageForm`. */
  form: string;
  memory: TrieMemory;
  writer: Pick<TrieWriter, 'begun' | 'image' | 'imageVpcs'>;
  sources: readonly Source[];
  /** Where the saved view ends, while all is in it that readers see. */
  position: () => SavedPosition | undefined;
  count: (kind: Kind) => number;
  clock: Clock;
  logger: Logger;
}

type Parts = Omit<SavedImageOptions, 'path' | 'form' | 'position' | 'count'> & {
  catalog: Catalog;
  config: Config;
};

/** Keeps an image beside the saved view. */
export function keepImage(saved: SavedView, parts: Parts, version: string): void {
  const { catalog, clock, config, logger, memory, sources, writer } = parts;
  const image = new SavedImage({
    clock,
    logger,
    memory,
    sources,
    writer,
    path: imagePath(saved.path),
    form: imageForm(config, sources, version),
    position: () => saved.position(),
    count: (kind) => catalog.count(kind),
  });
  saved.keepImage(image);
}

/** Milliseconds without a change after which the image is written. */
const QUIET = 10_000;
/** Milliseconds after which it is where the view was written whole anew, which then is done. */
const SOON = 100;
/** Milliseconds after which it is tried again where something was in the way. */
const AGAIN = 2000;
/** Milliseconds between two images, and octets for each millisecond of it: a view that rests now and then costs little. */
const PAUSE = 60_000;
const OCTETS_A_MS = 250;
/** VPCs that are written down in one slice. */
const SLICE = 256;

/** Writes the image. Call `changed` after every commit, and `hold` where another process has the folder. */
export class SavedImage {
  private readonly options: SavedImageOptions;
  /** Of the last image: what it was made of. */
  private made = '';
  private timer: unknown;
  private changedAt = 0;
  private notBefore = 0;
  private held = false;
  /** The saved view has been written whole anew, so that the image that there is belongs to another one. */
  private isUrgent = false;
  private writing: Promise<boolean> | undefined;

  constructor(options: SavedImageOptions) {
    this.options = options;
  }

  changed(): void {
    this.isUrgent = false;
    this.changedAt = this.options.clock.now();
    if (this.timer === undefined && !this.held) this.wait(QUIET);
  }

  /** The saved view has been written whole anew: the image, if there is one, is written again soon. */
  rewritten(): void {
    if (this.held || !existsSync(this.options.path)) return;
    this.isUrgent = true;
    this.options.clock.clearTimeout(this.timer);
    this.wait(SOON);
  }

  /** Writes nothing from now on; what is being written is given up. Resolves when that is done. */
  async hold(): Promise<void> {
    this.held = true;
    this.options.clock.clearTimeout(this.timer);
    this.timer = undefined;
    await this.writing;
  }

  release(): void {
    this.held = false;
    this.changed();
  }

  /** Writes the image of what is served now, unless there is one of it; nothing is written after it. Never rejects. */
  async close(): Promise<void> {
    const isHeld = this.held;
    this.options.clock.clearTimeout(this.timer);
    this.timer = undefined;
    // One that is under way is of what is served, or comes to nothing.
    await this.writing;
    if (!isHeld) await this.write();
    await this.hold();
  }

  /** True where there is an image now of what is served. */
  write(): Promise<boolean> {
    this.writing ??= this.writeNow()
      .catch((error: unknown) => {
        const { path, logger } = this.options;
        const reason = error instanceof Error ? error.message : String(error);
        logger.warn(
          { path },
          `the image of the view cannot be written: ${reason}; the next start takes longer`,
        );
        this.notBefore = this.options.clock.now() + PAUSE;
        return false;
      })
      .finally(() => (this.writing = undefined));
    return this.writing;
  }

  private wait(milliseconds: number): void {
    this.timer = this.options.clock.setTimeout(() => {
      this.timer = undefined;
      void this.look();
    }, milliseconds);
  }

  private async look(): Promise<void> {
    const now = this.options.clock.now();
    const left = this.isUrgent ? 0 : Math.max(this.changedAt + QUIET, this.notBefore) - now;
    const isDone = left <= 0 && (await this.write());
    if (isDone) this.isUrgent = false;
    if (!isDone && !this.held && this.timer === undefined) this.wait(Math.max(left, AGAIN));
  }

  private async writeNow(): Promise<boolean> {
    const { path, form, memory, writer, position: positionOf, count, clock } = this.options;
    const position = positionOf();
    const image = writer.image();
    const seen = this.seen();
    if (position === undefined || image === undefined || seen === undefined) return false;
    const { begun } = writer;
    const made = `${begun} ${position.whole} ${JSON.stringify(seen)}`;
    if (made === this.made) return true;
    const goesOn = (): boolean => !this.held && writer.begun === begun;
    const list = await this.list(goesOn);
    if (list === undefined) return false;
    const head: Head = {
      form,
      position,
      octets: list.length + imageOctets(image),
      image,
      counts: Object.fromEntries(KINDS.map((kind) => [kind, count(kind)])) as Head['counts'],
      seen,
      vpcs: list.length,
    };
    if (!(await writeImage(path, head, [list, ...partsOf(image, memory)], goesOn))) return false;
    this.made = made;
    this.notBefore = clock.now() + Math.max(PAUSE, head.octets / OCTETS_A_MS);
    return true;
  }

  private seen(): Record<string, string> | undefined {
    const seen: Record<string, string> = {};
    for (const source of this.options.sources) {
      if (source.look === undefined) continue;
      const text = source.seen?.();
      if (text === undefined) return undefined;
      seen[source.name] = text;
    }
    return seen;
  }

  private async list(goesOn: () => boolean): Promise<Buffer | undefined> {
    const pieces: Buffer[] = [];
    let text = '[';
    let number = 0;
    for (const vpc of this.options.writer.imageVpcs()) {
      text += `${number++ === 0 ? '' : ','}${JSON.stringify(vpc)}`;
      if (number % SLICE !== 0) continue;
      pieces.push(Buffer.from(text));
      text = '';
      await new Promise(setImmediate);
      if (!goesOn()) return undefined;
    }
    return Buffer.concat([...pieces, Buffer.from(`${text}]`)]);
  }
}
