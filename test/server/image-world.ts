/** A server with a state folder and a source that says what a test tells it, over several lives. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../src/base/clock.ts';
import { completeConfig } from '../../src/config.ts';
import type { Config } from '../../src/config/table.ts';
import type { Resource, ResourceKey, Sink, Source } from '../../src/model.ts';
import { ServerCore } from '../../src/server.ts';
import { servedImage } from '../../src/server/image.ts';
import type { ServedImage } from '../../src/server/image.ts';
import type { Reserve } from '../../src/trie/memory.ts';
import type { TrieWriter } from '../../src/trie/write/writer.ts';
import { makeCrowdsAbove } from '../harness/own-writer.ts';

export const RESERVE: Reserve = { names: 1 << 22, addresses: 1 << 22, arena: 1 << 25 };
/** Equal for all, so that the answers of two servers can be compared octet by octet. */
const SECRET = Uint8Array.from({ length: 16 }, (_, index) => index);

export class Told implements Source {
  readonly name: string;
  sink: Sink | undefined;
  private revision = 0;

  constructor(name = 'told') {
    this.name = name;
  }

  start(sink: Sink): void {
    this.sink = sink;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  say(full: boolean, put: readonly Resource[], remove: readonly ResourceKey[] = []): void {
    const { sink } = this;
    sink!.begin(full, String(++this.revision));
    for (const key of remove) sink!.delete(key);
    for (const resource of put) sink!.put(resource);
    void sink!.commit();
    sink!.state('live');
  }
}

export interface Line {
  level: 'info' | 'warn' | 'error';
  text: string;
}

export interface Life {
  server: ServerCore;
  source: Told;
  image: ServedImage | undefined;
}

export class ImageWorld {
  readonly folder = mkdtempSync(join(tmpdir(), 'podns-image-'));
  readonly state = join(this.folder, 'state');
  readonly path = join(this.state, 'view.ndjson.image');
  lines: Line[] = [];
  private readonly lives: ServerCore[] = [];

  /** A process that begins; `config` and `version` as it was started. */
  async begin(
    config: Partial<Config> = {},
    {
      version = '1',
      most,
      reads = true,
      reserve = RESERVE,
      clock,
    }: {
      version?: string;
      most?: number;
      reads?: boolean;
      reserve?: Reserve;
      clock?: Clock | undefined;
    } = {},
  ): Promise<Life> {
    const source = new Told();
    const given = { workers: 0, syncHold: 50, podHold: 1, ...config, state: this.state };
    const logger = {
      info: (_: object, text: string) => void this.lines.push({ level: 'info', text }),
      warn: (_: object, text: string) => void this.lines.push({ level: 'warn', text }),
      error: (_: object, text: string) => void this.lines.push({ level: 'error', text }),
    };
    const whole = completeConfig(given);
    const sources = [source];
    const image = reads ? await servedImage({ config: whole, version, logger, reserve, sources }) : undefined;
    const server = new ServerCore({
      ...{
        config: given,
        sources,
        logger,
        version,
        reserve,
        image,
        keepsImage: true,
        cookieSecret: SECRET,
        ...(clock && { clock }),
      },
    });
    if (most !== undefined) makeCrowdsAbove((server as unknown as { writer: TrieWriter }).writer, most);
    this.lives.push(server);
    return { server, source, image };
  }

  /** One that is begun, started and told a whole list, and has saved it. */
  async grown(resources: readonly Resource[], config: Partial<Config> = {}, clock?: Clock): Promise<Life> {
    const life = await this.begin(config, { clock });
    await life.server.start();
    life.source.say(true, resources);
    await life.server.settled();
    return life;
  }

  /** Ends all lives; nothing is saved that is not saved yet by those that have ended already. */
  async close(): Promise<void> {
    for (const server of this.lives) await server.close(0);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
