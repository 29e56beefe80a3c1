/**
 * What a worker thread of the batch transport answers with: a view and a responder of its own over the shared trie.
 */
import * as dns from '../dns/constants.ts';
import type { SharedCacheMemory } from '../shared-cache/memory.ts';
import { SharedCacheReader } from '../shared-cache/cache-reader.ts';
import type { TrieMemory } from '../trie/memory.ts';
import { View } from '../trie/read/view.ts';
import * as layout from '../trie/layout.ts';
import { typePlace } from './counts.ts';
import * as decision from './decide/decision.ts';
import { Prefetch } from './prefetch.ts';
import type { Batch } from './prefetch.ts';
import type { Listener, Peer } from './peer.ts';
import { Responder } from './responder.ts';
import type { AnswerSettings } from './settings.ts';
import { CachedAnswers } from './cached-answer.ts';
import type { RecordMemory } from './record/layout.ts';
import { RecordWriter } from './record/writer.ts';
import { VpcCounts } from './vpc-counts.ts';

/** Structured-cloneable: memory is shared, settings are copied. */
export interface WorkerData {
  memory: TrieMemory;
  /** Answers of upstreams; undefined where outside names are the main thread's alone. */
  sharedCache?: SharedCacheMemory;
  /** This reader's number in the heads of both. */
  reader: number;
  settings: AnswerSettings;
  /** This thread's flight recorder; undefined where it is off. */
  record?: RecordMemory;
  /** Of `VpcCounts`. */
  vpcCounts?: SharedArrayBuffer;
}

/**
 * Steps (`View.steps`) on one announcement, before the last answer's: more than a batch of usual questions ever
 * takes. A writer waits for it, and with it every change of every tenant.
 */
export const BATCH_STEPS = 4096;

class WorkerResponder {
  /** See `BatchResponder`. */
  asked = 0;
  private readonly responder: Responder;
  private readonly view: View;
  private readonly prefetch: Prefetch;
  private readonly record: RecordWriter | undefined;
  private readonly vpcCounts: VpcCounts;
  private peer: Peer | undefined;

  constructor({ memory, sharedCache, reader, settings, record, vpcCounts }: WorkerData) {
    this.vpcCounts = new VpcCounts(vpcCounts);
    this.view = new View(memory, reader);
    this.responder = new Responder(this.view, settings, () => Math.floor(Date.now() / 1000));
    this.prefetch = new Prefetch(this.view, this.responder.identifier);
    this.record = record === undefined ? undefined : new RecordWriter(record, Date.now);
    if (sharedCache === undefined) return;
    const { opt } = this.responder.encoder;
    this.responder.cached = new CachedAnswers(new SharedCacheReader(sharedCache, reader), this.view, opt);
  }

  /** Pins the copy of the trie, and prefetches what the first `count` packets of the batch need, where that pays. */
  enter(batch: Batch, count: number, listener: Listener): void {
    this.view.enter();
    if (this.prefetch.pays(count)) this.prefetch.look(batch, count, listener);
  }

  leave(): void {
    this.prefetch.forget();
    this.view.leave();
    const { cached } = this.responder;
    if (cached !== undefined && cached.reader.isInside) cached.reader.leave();
    this.record?.leave();
  }

  answerPacket(
    packet: Uint8Array,
    start: number,
    end: number,
    peer: Peer,
    out: Uint8Array,
    outStart: number,
    index: number,
  ): number {
    this.peer = peer;
    if (this.view.steps >= BATCH_STEPS) {
      this.leave();
      this.view.enter();
    }
    this.prefetch.use(index);
    const { responder } = this;
    const length = responder.answer(packet, start, end, peer, out, outStart);
    if (this.record !== undefined && length > 0) this.record.answered(responder, peer, out, outStart);
    this.asked = typePlace(responder.query.qtype);
    const { vpc } = responder.decision;
    if (vpc !== 0) {
      const number = this.view.words[vpc + layout.VPC_NUMBER];
      this.vpcCounts.query(number);
      if (length > 0) this.vpcCounts.answer(number, out[outStart + 3] & 15);
    }
    return length;
  }

  /** SERVFAIL for the packet that `answerPacket` has just deferred: the ring is full. */
  overload(out: Uint8Array, outStart: number): number {
    const d = this.responder.decision;
    d.outcome = decision.OUTCOME_ANSWER;
    d.authoritative = false;
    d.truncated = false;
    d.data = decision.DATA_NONE;
    d.soaLabel = -1;
    d.fail(dns.RCODE_SERVFAIL, dns.EDE_NOT_READY, decision.TEXT_BUSY);
    const length = this.responder.encode(this.peer!, out, outStart);
    this.record?.answered(this.responder, this.peer!, out, outStart);
    return length;
  }
}

/** Called once in a worker thread, by the transport. */
export function createResponder(data: unknown): WorkerResponder {
  return new WorkerResponder(data as WorkerData);
}
