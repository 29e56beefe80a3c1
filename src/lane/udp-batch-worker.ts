/**
 * The worker thread of the batch lane: receives, answers and sends whole batches, blocked in the kernel between.
 *
 * It never returns to its event loop while it serves. What it cannot finish goes into the ring. It ends when
 * its stop flag is up, once what the socket had queued is answered.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { Batch } from '../answer/ahead.ts';
import type { Listener, Peer } from '../answer/peer.ts';
import { RingWriter } from './ring.ts';
import { askForShortSlice } from './short-slice.ts';
import * as sys from './syscalls.ts';
import type { System } from './syscalls.ts';
import * as count from './udp-batch-control.ts';
import { handOver, wake } from './udp-batch-handoff.ts';
import { BATCH, BatchMessages } from './udp-batch-messages.ts';

/**
 * What answers in a worker. `respond`: octets written to `out` from `outStart` on, 0 for a packet that gets no
 * answer, -1 for one that needs the main thread. Between `enter` and `leave` the view stands still.
 */
export interface BatchResponder {
  enter(): void;
  leave(): void;
  /** After `enter`: may look at all packets of the batch before the first is answered. */
  look?(batch: Batch, count: number): void;
  respond(
    packet: Uint8Array,
    start: number,
    end: number,
    peer: Peer,
    out: Uint8Array,
    outStart: number,
    /** The packet's number in its batch. */
    index: number,
  ): number;
  /** Writes SERVFAIL with the reason for the packet that `respond` has just returned -1 for. */
  overload(out: Uint8Array, outStart: number): number;
}

/** The module that a worker loads exports this. */
export type CreateResponder = (data: unknown, listener: Listener) => BatchResponder;

export interface BatchWorkerData {
  listener: Listener;
  fd: number;
  family: number;
  wildcard: boolean;
  /** 16 octets; where the socket is bound. */
  local: Uint8Array;
  control: SharedArrayBuffer;
  ring: SharedArrayBuffer;
  /** Written to wake the main thread, and read to be woken for the end. */
  eventfd: number;
  stopfd: number;
  /** URL of the module with `createResponder`, and what to call it with. */
  module: string;
  data: unknown;
}

/** Milliseconds of sleep that need no reason; the stop signal ends it at once. */
const IDLE_TIMEOUT = 60_000;
/** Receives after the stop flag, each a whole batch: the most a full queue holds, and an end under a flood. */
const LAST_RECEIVES = 512;

class BatchLoop {
  readonly #system: System;
  readonly #fd: number;
  readonly #eventfd: number;
  readonly #wildcard: boolean;
  readonly #control: count.WorkerControl;
  readonly #counts: Float64Array;
  readonly #messages: BatchMessages;
  readonly #ring: RingWriter;
  readonly #responder: BatchResponder;
  readonly #peer: Peer;
  /** Two struct pollfd: the socket, and the stop signal. */
  readonly #poll = new ArrayBuffer(16);

  constructor(system: System, data: BatchWorkerData, responder: BatchResponder) {
    this.#system = system;
    this.#fd = data.fd;
    this.#eventfd = data.eventfd;
    this.#wildcard = data.wildcard;
    this.#control = new count.WorkerControl(data.control);
    this.#counts = this.#control.counts;
    this.#messages = new BatchMessages(system, data.family, data.wildcard);
    this.#ring = new RingWriter(data.ring);
    this.#responder = responder;
    const address = new Uint8Array(16);
    if (data.family === sys.AF_INET) address.fill(0xff, 10, 12);
    this.#peer = {
      address,
      port: 0,
      local: Uint8Array.from(data.local),
      listener: data.listener,
      tcp: false,
    };
    const view = new DataView(this.#poll);
    view.setInt32(0, data.fd, true);
    view.setInt16(4, sys.POLLIN, true);
    view.setInt32(8, data.stopfd, true);
    view.setInt16(12, sys.POLLIN, true);
  }

  run(): void {
    const system = this.#system;
    const messages = this.#messages;
    // A predecessor may have died between filling the ring and waking the main thread.
    wake(system, this.#eventfd);
    for (let last = 0; last < LAST_RECEIVES;) {
      const stopping = this.#control.stopped;
      if (stopping) last += 1;
      messages.prepare();
      const flags = stopping ? sys.MSG_DONTWAIT : sys.MSG_WAITFORONE;
      const received = system.recvmmsg(this.#fd, messages.receiveVector, BATCH, flags, 0);
      if (received < 0) {
        const errno = system.errno();
        if (stopping && errno !== sys.EINTR) return;
        this.#pause(errno);
      } else {
        // One that brings no octets is no end: empty datagrams may have queries behind them.
        this.#answer(received);
      }
    }
  }

  #pause(errno: number): void {
    if (errno === sys.EINTR) return;
    if (errno === sys.EAGAIN) {
      // Nothing came for a while: sleep until something does, or until the end, without waking in between. So
      // does a socket that another process made non-blocking.
      this.#system.poll(this.#system.pin(this.#poll), 2, IDLE_TIMEOUT);
      return;
    }
    this.#counts[count.RECEIVE_ERRORS] += 1;
    const nothing = new Int32Array(new SharedArrayBuffer(4));
    Atomics.wait(nothing, 0, 0, 20);
  }

  #answer(received: number): void {
    const { bytes } = this.#messages;
    const messages = this.#messages;
    const counts = this.#counts;
    const peer = this.#peer;
    const responder = this.#responder;
    let octets = 0;
    let staged = 0;
    let dropped = 0;
    let handed = 0;
    let errors = 0;
    responder.enter();
    try {
      responder.look?.(messages, received);
      for (let i = 0; i < received; i++) {
        const length = messages.inputLength(i);
        octets += length;
        if (length === 0) {
          dropped += 1;
          continue;
        }
        messages.readAddress(i, peer.address);
        if (this.#wildcard) messages.readLocal(i, peer.local);
        peer.port = messages.port(i);
        const at = messages.inputAt(i);
        const out = messages.outputAt(staged);
        let written = 0;
        try {
          written = responder.respond(bytes, at, at + length, peer, bytes, out, i);
          if (written < 0) {
            if (handOver(this.#ring, messages, i, length, peer)) {
              handed += 1;
              continue;
            }
            counts[count.OVERFLOWS] += 1;
            written = responder.overload(bytes, out);
          }
        } catch {
          errors += 1;
          continue;
        }
        if (written === 0) {
          dropped += 1;
          continue;
        }
        counts[count.RCODES + (bytes[out + 3] & 15)] += 1;
        messages.stage(staged, i, written);
        staged += 1;
      }
    } finally {
      responder.leave();
    }
    // Ends of a shut socket are no packets.
    if (octets === 0 && this.#control.stopped) return;
    counts[count.RECEIVED] += received;
    counts[count.BATCHES] += 1;
    counts[count.DROPPED] += dropped;
    counts[count.ERRORS] += errors;
    // First what is ready: the main thread may be given this core.
    if (staged > 0) this.#send(staged);
    if (handed > 0) {
      counts[count.DEFERRED] += handed;
      if (this.#ring.publish()) wake(this.#system, this.#eventfd);
    }
  }

  #send(staged: number): void {
    const system = this.#system;
    const messages = this.#messages;
    let done = 0;
    let failed = 0;
    while (done < staged) {
      const sent = system.sendmmsg(
        this.#fd,
        messages.sendVector + done * 64,
        staged - done,
        sys.MSG_NOSIGNAL,
      );
      if (sent > 0) {
        done += sent;
        continue;
      }
      const errno = system.errno();
      if (errno === sys.EINTR) continue;
      // One that cannot be sent says nothing of the others; a queue that stays full does.
      const lost = errno === sys.EAGAIN ? staged - done : 1;
      done += lost;
      failed += lost;
    }
    this.#counts[count.ANSWERED] += staged - failed;
    if (failed > 0) this.#counts[count.SEND_ERRORS] += failed;
  }
}

async function main(data: BatchWorkerData): Promise<void> {
  const loaded = sys.loadSystem();
  if (loaded.system === undefined) throw new Error(loaded.reason);
  const module = (await import(data.module)) as { createResponder: CreateResponder };
  const loop = new BatchLoop(loaded.system, data, module.createResponder(data.data, data.listener));
  askForShortSlice(loaded.system);
  parentPort?.postMessage('ready');
  loop.run();
}

await main(workerData as BatchWorkerData);
