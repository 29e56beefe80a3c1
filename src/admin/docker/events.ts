/**
 * Docker's events, for as long as somebody reads them, and a while after, so that who comes back misses nothing. All
 * readers share what is known, and the last events for those who ask since when.
 */
import type { Overlay, Pod, Resource } from '../../model.ts';
import type { ServerCore } from '../../server.ts';
import { Known, type Happening } from './known.ts';
import { eachPaced, opened, type Catalog, type Paced } from './view.ts';

export interface DockerEvent extends Happening {
  /** Milliseconds since 1970. */
  time: number;
}

export interface DockerEventsOptions {
  catalog: Catalog;
  changes: ServerCore['subscribers']['events'];
  wallClock?: () => number;
  /** How long it goes on after the last reader has left, milliseconds. */
  linger?: number;
}

type SessionOptions = Required<Omit<DockerEventsOptions, 'linger'>> & { publish: Reader };

type Reader = (event: DockerEvent) => void;

/** As dockerd keeps. */
const KEPT = 256;
const LINGER = 60_000;
/** Lines that wait; more of them are missed, and all is listed again. */
const QUEUE_MAX = 20_000;
/** Lines that are read in one slice. */
const SLICE = 32;
const BEFORE_ANOTHER_LIST = 100;

/** A line of the server's own stream of changes. */
type Line =
  | { type: 'put'; time: string; object: Resource }
  | {
      type: 'delete';
      time: string;
      object: { kind: 'pod' | 'overlay'; vpc: string; namespace: string; name: string };
    }
  | { type: 'problem' }
  | { type: 'missed' };

export class DockerEvents {
  private readonly options: SessionOptions;
  private readonly linger: number;
  private readonly readers = new Set<Reader>();
  private session: Session | undefined;
  private end: NodeJS.Timeout | undefined;

  constructor({ catalog, changes, wallClock = Date.now, linger = LINGER }: DockerEventsOptions) {
    this.linger = linger;
    const publish = (event: DockerEvent): void => {
      for (const each of this.readers) each(event);
    };
    this.options = { catalog, changes, wallClock, publish };
  }

  get size(): number {
    return this.readers.size;
  }

  /** Calls with what happens from now on, until the result is called. */
  listen(reader: Reader): () => void {
    clearTimeout(this.end);
    this.session ??= new Session(this.options);
    this.readers.add(reader);
    return () => {
      if (!this.readers.delete(reader) || this.readers.size > 0) return;
      this.end = setTimeout(() => this.close(), this.linger).unref();
    };
  }

  /** The last events from that time on, the oldest first, as far as they are kept. */
  since(time: number): DockerEvent[] {
    return this.session?.kept.filter((event) => event.time >= time) ?? [];
  }

  close(): void {
    clearTimeout(this.end);
    this.session?.close();
    this.session = undefined;
  }
}

/** One time of listening to the server's changes. */
class Session {
  readonly kept: DockerEvent[] = [];
  private readonly known: Known;
  private readonly options: SessionOptions;
  private listener: { drained(): void; left(): void } | undefined;
  private queue: string[] = [];
  /** What is told meanwhile waits for the list. */
  private listing = true;
  private silent = true;
  private closed = false;
  private blocked = false;
  private scheduled = false;
  private time = 0;

  constructor(options: SessionOptions) {
    this.options = options;
    this.known = new Known((happening) => {
      if (this.silent) return;
      const event = { ...happening, time: this.time };
      if (this.kept.push(event) > KEPT) this.kept.shift();
      options.publish(event);
    });
    void this.begin();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.queue = [];
    this.listener?.left();
  }

  private async begin(): Promise<void> {
    // Of a change that is being applied only the rest would be told.
    while (this.options.catalog.busy) await new Promise(setImmediate);
    if (this.closed) return;
    this.listener = this.options.changes.listen({
      write: (bytes) => this.write(Buffer.from(bytes).toString()),
      cut: () => this.close(),
    });
    await this.list();
    this.silent = false;
  }

  private write(text: string): boolean {
    for (const line of text.split('\n')) if (line !== '') this.queue.push(line);
    this.schedule();
    this.blocked = this.queue.length > QUEUE_MAX;
    return !this.blocked;
  }

  private schedule(): void {
    if (this.scheduled || this.listing || this.closed || this.queue.length === 0) return;
    this.scheduled = true;
    setImmediate(() => {
      this.scheduled = false;
      this.read();
    });
  }

  private read(): void {
    for (const text of this.queue.splice(0, SLICE)) {
      const line = JSON.parse(text) as Line;
      if (line.type === 'missed') {
        // What is waiting came before the list that follows, and is part of it.
        this.queue = [];
        void this.list();
        break;
      }
      // Docker has no word for a problem.
      if (line.type === 'problem') continue;
      this.time = Date.parse(line.time);
      if (line.type === 'put') this.known.put(line.object);
      else if (line.object.kind === 'pod' || line.object.kind === 'overlay') this.known.delete(line.object);
    }
    if (this.blocked && this.queue.length === 0) {
      this.blocked = false;
      this.listener!.drained();
    }
    this.schedule();
  }

  /** Puts all there is, and deletes the rest. */
  private async list(): Promise<void> {
    const { catalog, wallClock } = this.options;
    this.listing = true;
    while (!this.closed) {
      this.time = wallClock();
      this.known.beginList();
      // Both show this moment: what comes later is in the queue.
      const overlays = opened(catalog.listPaced('overlay') as Paced<Overlay>);
      const pods = opened(catalog.listPaced('pod') as Paced<Pod>);
      const put = (resource: Pod | Overlay): void => this.known.put(resource);
      const isGone = (): boolean => this.closed;
      try {
        await eachPaced<Overlay>(overlays, put, isGone);
        await eachPaced<Pod>(pods, put, isGone);
        if (!this.closed) await eachPaced<never>(this.known.endList(), put, isGone);
        break;
      } catch {
        // Too much has changed for a list of one moment.
        await new Promise((resolve) => setTimeout(resolve, BEFORE_ANOTHER_LIST).unref());
      } finally {
        overlays.return();
        pods.return();
      }
    }
    this.listing = false;
    // Who made this silent has to end that before anything is read.
    this.schedule();
  }
}
