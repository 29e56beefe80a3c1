/** The flight recorder: memory for each thread that answers, and the main thread's own entries. */
import * as dns from '../dns/constants.ts';
import { WAIT_FAIL } from '../answer/decide/client.ts';
import * as decision from '../answer/decide/decision.ts';
import type { Peer } from '../answer/peer.ts';
import { FLAG_HELD, reserveRecord } from '../answer/record/layout.ts';
import type { RecordMemory, RecordMode } from '../answer/record/layout.ts';
import { RecordReader } from '../answer/record/reader.ts';
import { RecordWriter } from '../answer/record/writer.ts';
import { Responder } from '../answer/responder.ts';
import type { AnswerSettings } from '../answer/settings.ts';
import type { TrieMemory } from '../trie/memory.ts';
import { View } from '../trie/read/view.ts';

export interface RecorderOptions {
  keeps: RecordMode;
  /** Octets per thread. */
  size: number;
  /** Share of the answers that go into the query log. */
  logRate: number;
  memory: TrieMemory;
  settings: AnswerSettings;
  /** Milliseconds since 1970. */
  wallClock: () => number;
}

const RCODE_MASK = 0xf;

export class Recorder {
  readonly keeps: RecordMode;
  readonly logRate: number;
  /** One per thread, in a fixed order; a thread that replaces another writes on where that one ended. */
  readonly readers: RecordReader[] = [];
  private readonly options: RecorderOptions;
  private readonly free: RecordMemory[] = [];
  private readonly writer: RecordWriter;
  /** For what was answered late: who asked, and why, is found anew, and only of what is recorded. */
  private readonly responder: Responder;

  constructor(options: RecorderOptions) {
    const { keeps, logRate, memory, settings, wallClock } = options;
    this.options = options;
    this.keeps = keeps;
    this.logRate = logRate;
    this.writer = new RecordWriter(this.reserve(), wallClock, true);
    this.responder = new Responder(new View(memory), settings, () => Math.floor(wallClock() / 1000));
  }

  /** Memory for a thread that starts. */
  take(): RecordMemory {
    return this.free.pop() ?? this.reserve();
  }

  /** The thread has ended; what it recorded stays. */
  release(memory: RecordMemory): void {
    this.free.push(memory);
  }

  /** The main thread has answered at once: octets of `out` from 0 on. */
  answered(responder: Responder, peer: Peer, out: Uint8Array): void {
    this.writer.answered(responder, peer, out, 0);
    this.writer.leave();
  }

  /** The `reply` of a query that is answered later, with the recording in front. */
  replying(
    packet: Uint8Array,
    peer: Peer,
    reply: (answer: Uint8Array) => void,
  ): (answer: Uint8Array) => void {
    const began = performance.now();
    return (answer) => {
      const rcode = answer.length >= dns.HEADER_LENGTH ? answer[3]! & RCODE_MASK : undefined;
      reply(answer);
      if (rcode !== undefined) this.late(packet, peer, rcode, performance.now() - began);
    };
  }

  private late(packet: Uint8Array, peer: Peer, rcode: number, milliseconds: number): void {
    const { responder, writer } = this;
    const d = responder.decision;
    responder.view.refresh();
    responder.judge(packet, 0, packet.length, peer, WAIT_FAIL);
    if (d.outcome === decision.OUTCOME_HOLD_SYNC) d.giveUp(dns.EDE_NOT_READY, decision.TEXT_NOT_SYNCED);
    const isHeld = d.outcome === decision.OUTCOME_ANSWER;
    const microseconds = Math.max(1, Math.min(0x7fffffff, Math.round(milliseconds * 1000)));
    writer.count(responder, peer, rcode);
    writer.keep(responder, peer, rcode, isHeld ? FLAG_HELD : 0, microseconds);
    writer.leave();
  }

  private reserve(): RecordMemory {
    const { size, keeps, logRate } = this.options;
    const memory = reserveRecord(size, keeps, logRate);
    this.readers.push(new RecordReader(memory));
    return memory;
  }
}
