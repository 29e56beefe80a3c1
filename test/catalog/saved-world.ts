/** What tests of the saved view share: a catalog that is told things, a clock that stands, a disk that fails. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Change } from '../../src/catalog/catalog.ts';
import { SavedFiles } from '../../src/catalog/saved/saved-files.ts';
import type { Clock as ClockLike } from '../../src/base/clock.ts';
import type { Pod, Problem, Resource } from '../../src/model.ts';

export function pod(name: string, fields: Partial<Pod> = {}): Pod {
  const none = { names: [], overlays: [], ports: [] };
  const key = { kind: 'pod', vpc: 'aep', namespace: 'shop', name } as const;
  return { ...key, aid: 'p0123456789', ...none, ready: true, ...fields };
}

export function say(
  catalog: Catalog,
  source: string,
  full: boolean,
  revision: string,
  list: Resource[],
  at?: number,
): Change[] {
  const transaction = catalog.begin(source, full, revision, at);
  for (const resource of list) transaction.put(resource);
  return [...transaction.commit()];
}

/** JSON, and stamps in it as text. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each));
}

/** Time that passes only when told. */
export class Clock implements ClockLike {
  time = 0;
  waiting: { at: number; run: () => void }[] = [];

  now(): number {
    return this.time;
  }

  setTimeout(run: () => void, ms: number): unknown {
    const entry = { at: this.time + ms, run };
    this.waiting.push(entry);
    return entry;
  }

  clearTimeout(timer: unknown): void {
    this.waiting = this.waiting.filter((entry) => entry !== timer);
  }

  async pass(ms: number): Promise<void> {
    this.time += ms;
    for (const entry of this.waiting.filter(({ at }) => at <= this.time)) {
      this.waiting.splice(this.waiting.indexOf(entry), 1);
      entry.run();
    }
    await new Promise(setImmediate);
  }
}

/** What a process finds after the one before was killed: the files as they are at this moment. */
export class Killed {
  private readonly files: { name: string; octets: Buffer }[];

  constructor(folder: string) {
    this.files = readdirSync(folder).map((name) => ({ name, octets: readFileSync(join(folder, name)) }));
  }

  /** With one file changed. */
  with(name: string, change: (octets: Buffer) => Buffer): this {
    const file = this.files.find((each) => each.name === name)!;
    file.octets = change(file.octets);
    return this;
  }

  /** Starts anew in a folder that is made for it, and which the caller removes. */
  async start(
    folder: string,
    sources: string[],
  ): Promise<{ catalog: Catalog; problem?: Problem; files: SavedFiles }> {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const { name, octets } of this.files) writeFileSync(join(folder, name), octets);
    const catalog = new Catalog({ sources });
    const files = new SavedFiles({ catalog, path: join(folder, 'view.ndjson'), now: () => 1 });
    const { view, problem } = await files.load();
    for (const transaction of view?.transactions ?? []) for (const _ of transaction.commit()) void _;
    return { catalog, files, ...(problem && { problem }) };
  }
}

/** A disk with room for so many octets more, of which each write takes at most a few. */
export class Disk {
  room = Number.POSITIVE_INFINITY;
  most = Number.POSITIVE_INFINITY;

  readonly open: typeof open = async (...args) => {
    const file = await open(...args);
    const write = file.write.bind(file) as (
      octets: Buffer,
      offset: number,
      length: number,
      at: number,
    ) => Promise<{ bytesWritten: number; buffer: Buffer }>;
    const limited = async (octets: Buffer, offset: number, length: number, at: number) => {
      const taken = Math.min(length, this.room, this.most);
      if (taken === 0)
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' });
      this.room -= taken;
      return write(octets, offset, taken, at);
    };
    return Object.assign(file, { write: limited });
  };
}
