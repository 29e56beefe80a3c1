/**
 * The worker thread of the batch transport: receives, answers and sends whole batches, asleep in the kernel between.
 *
 * With one socket it is blocked in the receive itself. With several it sleeps until some can be read, and takes one
 * batch of each of those, so that a flood of one delays the others by one batch only. It never returns to its event
 * loop while it serves: it is called by a word in shared memory, and reads its port then. What it cannot finish goes
 * into the ring. It ends when it is told to stop, once what its sockets had queued is answered.
 */
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import type { Listener, Peer } from '../../answer/peer.ts';
import type { Batch } from '../../answer/prefetch.ts';
import { Attention } from './attention.ts';
import { RingWriter } from './ring.ts';
import { sendInFragments } from './socket.ts';
import { requestShortSlice } from '../scheduler-slice.ts';
import * as sys from '../syscalls.ts';
import type { System } from '../syscalls.ts';
import * as count from './control.ts';
import { handOver, wake } from './handoff.ts';
import { allowInlining } from './inlining.ts';
import { BATCH, BatchMessages } from './messages.ts';
import { Restraint } from './restraint.ts';
import { Post } from './station.ts';
import * as answers from '../../answer/counts.ts';
import type { StationData } from './station.ts';

/**
 * What answers in a worker. `answerPacket`: octets written to `out` from `outStart` on, 0 for a packet that gets no
 * answer, -1 for one that needs the main thread. Between `enter` and `leave` the view stands still.
 */
interface BatchResponder {
  /** What the packet of the last `answerPacket` asked for: a place of answer/counts. Absent: not told. */
  readonly asked?: number;
  /** May read all packets of the batch, which came to one listener, before the first is answered. */
  enter(batch: Batch, count: number, listener: Listener): void;
  leave(): void;
  answerPacket(
    packet: Uint8Array,
    start: number,
    end: number,
    peer: Peer,
    out: Uint8Array,
    outStart: number,
    /** The packet's number in its batch. */
    index: number,
  ): number;
  /** Writes SERVFAIL with the reason for the packet that `answerPacket` has just returned -1 for. */
  overload(out: Uint8Array, outStart: number): number;
}

/** The module that a worker loads exports `createResponder`. */
type CreateResponder = (data: unknown) => BatchResponder;

/** What comes through the port: serve this socket, or leave the one with this number. */
export type Order = StationData | number;

export interface BatchWorkerData {
  stations: StationData[];
  /** The control's count of orders that `stations` fulfils. */
  orders: number;
  control: SharedArrayBuffer;
  ring: SharedArrayBuffer;
  /** Written to wake the main thread, and read to be called. */
  eventfd: number;
  callfd: number;
  /** Every socket is registered there with its number, and `callfd` with 0. */
  epoll: number;
  /** URL of the module with `createResponder`, and what to call it with. */
  module: string;
  data: unknown;
}

/** The global of this name is an accessor: with each use it takes longer to be found than to tell the time. */
const { performance } = globalThis;

/** Milliseconds to wait where every receive fails. */
const FAILURE_PAUSE = 20;
/** Receives from a socket that is left, each a whole batch: the most a full queue holds, and an end under a flood. */
const LAST_RECEIVES = 512;

class BatchLoop {
  readonly #system: System;
  readonly #data: BatchWorkerData;
  readonly #control: count.WorkerControl;
  readonly #messages: BatchMessages;
  readonly #ring: RingWriter;
  readonly #responder: BatchResponder;
  readonly #attention: Attention;
  readonly #posts = new Map<number, Post>();
  /** The only one there is. */
  #only: Post | undefined;
  /** The one that the messages fit. */
  #fitted: Post | undefined;
  #orders: number;
  #isAsked = false;
  readonly #restraint = new Restraint();

  constructor(system: System, data: BatchWorkerData, responder: BatchResponder) {
    this.#system = system;
    this.#data = data;
    this.#control = new count.WorkerControl(data.control);
    this.#messages = new BatchMessages(system);
    this.#ring = new RingWriter(data.ring);
    this.#responder = responder;
    this.#attention = new Attention(system, data.epoll, data.callfd);
    this.#orders = data.orders;
    for (const station of data.stations) this.#serve(station);
  }

  run(): void {
    // A predecessor may have died between filling the ring and waking the main thread.
    wake(this.#system, this.#data.eventfd);
    parentPort!.postMessage(this.#orders);
    for (;;) {
      if (this.#control.orders !== this.#orders && this.#obey()) return;
      if (this.#only !== undefined) this.#block(this.#only);
      else this.#round();
    }
  }

  /** Does what was ordered, and reports it. True when the order is to end. */
  #obey(): boolean {
    this.#orders = this.#control.orders;
    for (let next = receiveMessageOnPort(parentPort!); next; next = receiveMessageOnPort(parentPort!)) {
      const order = next.message as Order;
      if (typeof order === 'number') this.#leave(order);
      else this.#serve(order);
    }
    const { stopped } = this.#control;
    if (stopped) for (const post of this.#posts.values()) this.#empty(post);
    parentPort!.postMessage(this.#orders);
    return stopped;
  }

  #serve(station: StationData): void {
    const post = new Post(station, this.#system);
    this.#posts.set(station.number, post);
    // A predecessor may have died while it did not watch it.
    this.#attention.watch(post);
    this.#count();
  }

  #leave(number: number): void {
    const post = this.#posts.get(number);
    if (post === undefined) return;
    this.#empty(post);
    this.#posts.delete(number);
    this.#attention.forget(post);
    this.#fitted = undefined;
    this.#count();
  }

  #count(): void {
    this.#only = undefined;
    if (this.#posts.size === 1) for (const post of this.#posts.values()) this.#only = post;
  }

  /** Answers what it has queued. */
  #empty(post: Post): void {
    for (let last = 0; last < LAST_RECEIVES; last++) {
      if (this.#receive(post, sys.MSG_DONTWAIT) < 0 && this.#system.errno() !== sys.EINTR) return;
    }
  }

  #block(post: Post): void {
    const received = this.#receive(post, sys.MSG_WAITFORONE);
    if (received === BATCH) this.#attention.unwatch(post);
    if (received >= 0) return;
    const errno = this.#system.errno();
    // Nothing came for a while: from now on a call wakes it at once. Another process may have made the socket
    // non-blocking, so this is no busy loop either.
    if (errno === sys.EAGAIN) this.#attention.sleep();
    else if (errno !== sys.EINTR) this.#fail(post);
  }

  #round(): void {
    const attention = this.#attention;
    const { busy } = attention;
    const ready = busy.length > 0 ? attention.look() : attention.sleep();
    const tried = ready + busy.length;
    let failed = 0;
    // From the end: one that has nothing more leaves the list.
    for (let i = busy.length - 1; i >= 0; i--) {
      const taken = this.#take(busy[i]);
      if (taken > 0) continue;
      if (taken < 0) failed += this.#countFailure(busy[i]);
      attention.calm(i);
    }
    for (let i = 0; i < ready; i++) {
      const post = this.#posts.get(attention.at(i));
      if (post === undefined) continue;
      const taken = this.#take(post);
      if (taken < 0) failed += this.#countFailure(post);
      if (taken === BATCH) attention.unwatch(post);
    }
    if (failed > 0 && failed === tried) this.#pause();
  }

  /** After a receive that failed: 1 for a failure that may last. */
  #countFailure(post: Post): number {
    const errno = this.#system.errno();
    // Another thread that reads the same socket may have been faster.
    if (errno === sys.EINTR || errno === sys.EAGAIN) return 0;
    post.counts[count.RECEIVE_ERRORS] += 1;
    return 1;
  }

  /**
   * Receives a batch; its rest may come while its beginning is answered, and receiving again costs less than
   * asking what can be read. Never more than a batch in all: the other sockets wait. Returns how many came; negative
   * when nothing did: `errno` says why.
   */
  #take(post: Post): number {
    let taken = this.#receive(post, sys.MSG_DONTWAIT);
    if (taken < 0) return taken;
    const restraint = this.#restraint;
    restraint.received();
    while (taken < BATCH && restraint.mayTry) {
      const more = this.#receive(post, sys.MSG_DONTWAIT, BATCH - taken);
      if (more > 0) {
        taken += more;
        restraint.foundMore();
      } else restraint.foundNothing();
    }
    return taken;
  }

  #fail(post: Post): void {
    post.counts[count.RECEIVE_ERRORS] += 1;
    this.#pause();
  }

  #pause(): void {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, FAILURE_PAUSE);
  }

  /** How many came; negative when nothing did: `errno` says why. */
  #receive(post: Post, flags: number, most = BATCH): number {
    const messages = this.#messages;
    if (post !== this.#fitted) {
      this.#fitted = post;
      messages.use(post.family, post.wildcard);
    }
    messages.prepare();
    const received = this.#system.recvmmsg(post.fd, messages.receiveVector, most, flags, 0);
    // A message without octets is not the end: queries may follow empty datagrams.
    if (received > 0) this.#answer(post, received);
    return received;
  }

  #answer(post: Post, received: number): void {
    if (!this.#isAsked) {
      this.#isAsked = true;
      allowInlining();
    }
    const { bytes } = this.#messages;
    const messages = this.#messages;
    const { counts, peer, wildcard, answers: tally } = post;
    const responder = this.#responder;
    const began = performance.now();
    // What is shed is shed first: the rest of the batch is prefetched as ever, under a flood most of all.
    const shed = post.fairShare.begins(post.fd, received, began)
      ? post.fairShare.shed(messages, received)
      : 0;
    let queried = 0;
    let answered = 0;
    let staged = 0;
    let dropped = 0;
    let deferred = 0;
    let handed = 0;
    let errors = 0;
    try {
      responder.enter(messages, shed === received ? 0 : received, peer.listener);
      for (let i = 0; i < received; i++) {
        const length = messages.inputLength(i);
        if (length === 0) {
          dropped += 1;
          continue;
        }
        messages.readAddress(i, peer.address);
        if (wildcard) messages.readLocal(i, peer.local);
        peer.port = messages.port(i);
        const at = messages.inputAt(i);
        const out = messages.outputAt(staged);
        let written = 0;
        try {
          written = responder.answerPacket(bytes, at, at + length, peer, bytes, out, i);
          tally[answers.TYPES + (responder.asked ?? 0)] += 1;
          tally[answers.QUERY_SIZES + answers.sizePlace(length)] += 1;
          queried += length;
          if (written < 0 && post.tally.closing) written = 0;
          if (written < 0) {
            const octets = handOver(this.#ring, messages, i, length, peer, post, handed);
            if (octets > 0) {
              deferred += 1;
              handed += octets;
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
        tally[answers.RCODES + answers.rcodePlace(bytes[out + 2], bytes[out + 3])] += 1;
        tally[answers.ANSWER_SIZES + answers.sizePlace(written)] += 1;
        answered += written;
        messages.stage(staged, i, written);
        staged += 1;
      }
    } finally {
      responder.leave();
    }
    counts[count.RECEIVED] += received;
    counts[count.BATCHES] += 1;
    counts[count.DROPPED] += dropped - shed;
    counts[count.ERRORS] += errors;
    if (shed > 0) counts[count.SHED] += shed;
    tally[answers.QUERY_OCTETS] += queried;
    tally[answers.ANSWER_OCTETS] += answered;
    // First what is ready: the main thread may be given this core.
    if (staged > 0) {
      this.#send(post, staged);
      // One look at the clock a batch: each of its answers has taken at most as long as all of them.
      const took = performance.now() - began;
      tally[answers.DURATIONS + answers.durationPlace(took)] += staged;
      tally[answers.DURATION_SUM] += (took * staged) / 1000;
    }
    if (deferred > 0) {
      counts[count.DEFERRED] += deferred;
      post.tally.handed(handed);
      if (this.#ring.publish()) wake(this.#system, this.#data.eventfd);
    }
  }

  #send(post: Post, staged: number): void {
    const system = this.#system;
    const messages = this.#messages;
    // Only the only socket may wait for a full queue: no other socket's answers wait with it.
    const flags = this.#only === post ? sys.MSG_NOSIGNAL : sys.MSG_NOSIGNAL | sys.MSG_DONTWAIT;
    let done = 0;
    let failed = 0;
    while (done < staged) {
      const sent = system.sendmmsg(post.fd, messages.sendVector + done * 64, staged - done, flags);
      if (sent > 0) {
        done += sent;
        continue;
      }
      const errno = system.errno();
      if (errno === sys.EINTR) continue;
      if (errno === sys.EMSGSIZE && this.#sendInFragments(post, done)) {
        done += 1;
        continue;
      }
      // One that cannot be sent tells nothing about the others; a queue that stays full does.
      const lost = errno === sys.EAGAIN ? staged - done : 1;
      done += lost;
      failed += lost;
    }
    post.counts[count.ANSWERED] += staged - failed;
    if (failed > 0) post.counts[count.SEND_ERRORS] += failed;
  }

  /** True when the `k`th answer has left. */
  #sendInFragments(post: Post, k: number): boolean {
    const at = this.#messages.sendVector + k * 64;
    const flags = sys.MSG_NOSIGNAL | sys.MSG_DONTWAIT;
    return sendInFragments(this.#system, post.fd, () => this.#system.sendmmsg(post.fd, at, 1, flags) === 1);
  }
}

function main(data: BatchWorkerData): void {
  const loaded = sys.loadSystem();
  if (loaded.system === undefined) throw new Error(loaded.reason);
  // The scripts of a bundle cannot import what is only known now, and need not wait for it.
  const load = createRequire(import.meta.url);
  const module = load(fileURLToPath(data.module)) as { createResponder: CreateResponder };
  const loop = new BatchLoop(loaded.system, data, module.createResponder(data.data));
  requestShortSlice(loaded.system);
  loop.run();
}

main(workerData as BatchWorkerData);
