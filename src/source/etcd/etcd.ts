/** etcd v3 as a source: one key per resource, listed page by page at one revision, then watched from there. */

import {
  EtcdClient,
  TooLargeError,
  type EtcdClientOptions,
  type EtcdKeyValue,
  type RangeResponse,
} from './client.ts';
import { changeEvent, failWatch, putEvent, type Naming, type WatchEvent } from './events.ts';
import { EtcdHistory, UNREAD } from './history.ts';
import { DEFAULT_PREFIX, rangeEnd } from './keys.ts';
import { readRange, WatchLines } from './pieces.ts';
import { firstChangeAfter } from './second-watch.ts';
import {
  compareRevisions,
  isRevision,
  StreamError,
  type Dialect,
  type StreamEvent,
} from '../reflector/dialect.ts';
import { holdingClock, type Clock } from '../../base/clock.ts';
import { reflectorSource } from '../reflector/run.ts';
import { inTurns, slices } from '../reflector/slices.ts';
import type http from 'node:http';
import type { ResumePoint, Source } from '../../model.ts';

export interface EtcdOptions extends EtcdClientOptions {
  /** Default `/podns/`. */
  prefix?: string;
  /** Only these VPCs, each with a list and a watch of its own, so that a role may be limited to the keys of one VPC. */
  vpcs?: string[];
  /** Keys per page. Default 1,000; halved if an answer becomes too large. */
  pageSize?: number;
  /** Milliseconds of silence after which podns asks the member whether it is alive. Default 15,000. */
  probeAfter?: number;
  /** The canonical suffix; names must fit below it. */
  zone?: string;
  /** @internal For tests. */
  clock?: Clock;
  /** @internal For tests: from 0 to 1. */
  random?: () => number;
}

const PAGE_SIZE = 1000;
const PROBE_AFTER = 15_000;
/** Milliseconds that the watch may be behind a second one. */
const GRACE = 1000;
/** A healthy watch sends something at least every 10 min, unless etcd has another setting (progress_notify). */
const WATCH_SILENCE = 11 * 60_000;
/** Resources that are validated in one batch. */
const BATCH = 100;

/** One source for the whole prefix, or one per VPC. Throws `TypeError` if an endpoint is not a URL. */
export function etcdSources(options: EtcdOptions): Source[] {
  let prefix = options.prefix ?? DEFAULT_PREFIX;
  if (!prefix.endsWith('/')) prefix += '/';
  if (options.vpcs === undefined || options.vpcs.length === 0) return [etcdSource(options, prefix, '')];
  return options.vpcs.map((vpc) => etcdSource(options, prefix, `${vpc}/`, [vpc]));
}

function etcdSource(options: EtcdOptions, prefix: string, below: string, vpcs?: string[]): Source {
  const client = new EtcdClient(options);
  const family = `etcd:${client.endpoint.protocol}//${client.endpoint.host}${prefix}`;
  const { clock, random } = options;
  const dialect = new EtcdDialect(client, options, prefix, below);
  return reflectorSource(family + below, dialect, { clock, random, family, vpcs });
}

class EtcdDialect implements Dialect {
  // The probe detects a silent member before the reflector times out.
  private readonly client: EtcdClient;
  private readonly naming: Naming;
  private readonly range: { key: string; range_end: string };
  private readonly history = new EtcdHistory();
  private readonly clock: Clock;
  private readonly probeAfter: number;
  private pageSize: number;
  /** Everything up to this revision has been delivered. */
  private reached = '0';
  /** When the watch said something last, by the clock. */
  private lastLine = 0;
  heard: number | undefined;

  constructor(client: EtcdClient, options: EtcdOptions, prefix: string, below: string) {
    this.client = client;
    this.naming = { prefix, zone: options.zone };
    const start = prefix + below;
    this.range = {
      key: Buffer.from(start).toString('base64'),
      range_end: rangeEnd(start).toString('base64'),
    };
    this.clock = options.clock ?? holdingClock;
    this.probeAfter = options.probeAfter ?? PROBE_AFTER;
    this.pageSize = options.pageSize ?? PAGE_SIZE;
  }

  proof(revision: string): string | undefined {
    return this.history.proof(revision);
  }

  resume(point: ResumePoint): boolean {
    return isRevision(point.revision) && this.history.restore(point);
  }

  async *connect(revision: string | undefined, signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    let fine = false;
    try {
      await this.client.refreshCredentials();
      if (revision === undefined) {
        yield* this.list(signal);
      } else {
        this.reached = revision;
        await this.prove(signal);
      }
      yield* this.watch(signal, revision !== undefined);
    } catch (error) {
      // Another member would answer the same.
      fine = error instanceof StreamError && error.failure === 'gone';
      throw error;
    } finally {
      if (!fine) this.client.rotate();
    }
  }

  /** Reads all pages at the revision of the first, so that together they are one consistent state. */
  private async *list(signal: AbortSignal): AsyncGenerator<StreamEvent[]> {
    const agent = this.client.agent();
    let revision: string | undefined;
    let key = this.range.key;
    try {
      for (;;) {
        const body = { ...this.range, key, limit: String(this.pageSize), revision };
        let page: RangeResponse;
        try {
          page = await this.readKeys(body, signal, agent);
        } catch (error) {
          if (!(error instanceof TooLargeError) || this.pageSize === 1) throw error;
          this.pageSize = this.pageSize >> 1;
          continue;
        }
        if (revision === undefined) {
          revision = page.header.revision;
          this.history.begin(page.header);
          yield [{ type: 'snapshot', revision }];
        } else {
          this.history.checkHeader(page.header, revision);
        }
        const kvs = page.kvs ?? [];
        yield* inTurns(this.events(kvs, (kv) => putEvent(kv, this.naming, false)));
        for (const kv of kvs) this.saw(kv, false);
        if (page.more !== true || kvs.length === 0) break;
        const last = Buffer.from(kvs[kvs.length - 1]!.key, 'base64');
        key = Buffer.concat([last, Buffer.from([0])]).toString('base64');
      }
    } finally {
      agent.destroy();
    }
    this.reached = revision;
    yield [{ type: 'synced', revision }];
    this.history.settle(revision);
  }

  /** Reads the keys of a range one by one, so that neither their number nor a large value blocks the thread. */
  private readKeys(body: object, signal: AbortSignal, agent?: http.Agent): Promise<RangeResponse> {
    const read = (response: AsyncIterable<Buffer>) => readRange(response, this.client.endpoint.host);
    return this.client.read('/v3/kv/range', body, read, signal, agent);
  }

  /**
   * Throws unless this member has the history that podns applied. The read is linearizable, so a lagging member waits.
   */
  private async prove(signal: AbortSignal): Promise<void> {
    const key = this.history.witnessKey ?? this.range.key;
    const answer = await this.readKeys({ key, revision: this.reached }, signal);
    this.history.checkHeader(answer.header, this.reached);
    this.history.checkWitness(answer);
  }

  /** Throws unless the member answers, has a quorum, has not gone back, and the watch delivers what it has. */
  private async probe(signal: AbortSignal): Promise<void> {
    const reached = this.reached;
    const body = { key: this.range.key, keys_only: true };
    const answer = await this.readKeys(body, signal);
    this.history.checkHeader(answer.header, reached);
    if (compareRevisions(answer.header.revision, reached) <= 0) return;
    // Something has changed in etcd, perhaps not under our keys.
    const began = this.lastLine;
    const missed = await firstChangeAfter(this.client, this.range, reached, this.clock, signal);
    if (missed === undefined) return;
    // The watch may just be about to say it.
    await new Promise<void>((resolve) => this.clock.setTimeout(resolve, GRACE));
    if (this.lastLine !== began || compareRevisions(this.reached, missed) >= 0) return;
    throw new StreamError(
      'retry',
      `${this.client.endpoint.host}: the watch is dead: it has not delivered revision ${missed}`,
    );
  }

  private async *watch(signal: AbortSignal, resumed: boolean): AsyncGenerator<StreamEvent[]> {
    const start_revision = String(BigInt(this.reached) + 1n);
    const create_request = { ...this.range, start_revision, progress_notify: true, fragment: true };
    const response = await this.client.stream('/v3/watch', { create_request }, signal);
    const chunks = (response as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
    const reader = new WatchLines();
    let held: WatchEvent[] = [];
    let next = chunks.next();
    next.catch(() => undefined);
    let probe: Promise<unknown> | undefined;
    this.lastLine = this.clock.now();
    for (;;) {
      const heard = await this.chunkOrProbe(next, probe);
      if (heard === 'silence') {
        if (this.clock.now() - this.lastLine > WATCH_SILENCE) {
          throw new StreamError('retry', `${this.client.endpoint.host}: the watch has fallen silent`);
        }
        probe = this.probe(signal).catch((error: unknown) => error);
        continue;
      }
      if (heard === 'probed') {
        const failure = await probe;
        // oxlint-disable-next-line typescript/only-throw-error -- it was caught a moment ago
        if (failure !== undefined) throw failure;
        probe = undefined;
        yield [{ type: 'bookmark', revision: this.reached }];
        this.history.settle(this.reached);
        continue;
      }
      if (heard.done === true) {
        throw new StreamError('retry', `${this.client.endpoint.host}: etcd ended the watch`);
      }
      this.lastLine = this.clock.now();
      this.heard = performance.now();
      for (const answer of reader.push(heard.value)) {
        await slices.pause();
        if (answer === undefined) continue;
        const { line, events } = answer;
        const result = line.result;
        if (result === undefined || result.canceled === true) failWatch(line);
        if (result.created === true) {
          yield [{ type: 'connected', resumed }];
          continue;
        }
        held = held.length === 0 ? events : held.concat(events);
        if (held.length > 0) {
          if (result.fragment === true) continue;
          yield* this.changes(held);
          this.history.settle(this.reached);
          held = [];
        } else if (compareRevisions(result.header.revision, this.reached) > 0) {
          this.reached = result.header.revision;
          yield [{ type: 'bookmark', revision: this.reached }];
          this.history.settle(this.reached);
        }
      }
      next = chunks.next();
      next.catch(() => undefined);
    }
  }

  private async *changes(events: WatchEvent[]): AsyncGenerator<StreamEvent[]> {
    yield* inTurns(
      this.events(events, (event, i) => {
        this.saw(event.kv, event.type === 'DELETE');
        return changeEvent(event, this.naming, events[i + 1]?.kv.mod_revision === event.kv.mod_revision);
      }),
    );
    this.reached = events[events.length - 1]!.kv.mod_revision;
  }

  /** The received events in batches, each small enough for a slice. */
  private *events<Item>(
    items: readonly Item[],
    read: (item: Item, i: number) => StreamEvent,
  ): Generator<StreamEvent[]> {
    let batch: StreamEvent[] = [];
    for (const [i, item] of items.entries()) {
      batch.push(read(item, i));
      if (batch.length < BATCH && !slices.due) continue;
      yield batch;
      batch = [];
    }
    yield batch;
  }

  private saw({ key, value = '', fault, mod_revision }: EtcdKeyValue, deleted: boolean): void {
    this.history.saw(key, deleted ? undefined : fault === undefined ? value : UNREAD, mod_revision);
  }

  /** Waits for the next chunk, for the end of the running probe, or, without one, for the time of the next probe. */
  private chunkOrProbe(
    next: Promise<IteratorResult<Buffer>>,
    probe: Promise<unknown> | undefined,
  ): Promise<IteratorResult<Buffer> | 'silence' | 'probed'> {
    return new Promise((resolve, reject) => {
      let timer: unknown;
      if (probe === undefined) timer = this.clock.setTimeout(() => resolve('silence'), this.probeAfter);
      else void probe.then(() => resolve('probed'));
      next.then(
        (result) => {
          this.clock.clearTimeout(timer);
          resolve(result);
        },
        (error: unknown) => {
          this.clock.clearTimeout(timer);
          reject(error as Error);
        },
      );
    });
  }
}
