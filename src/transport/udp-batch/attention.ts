/**
 * Which sockets of a worker are watched, and which are read unasked.
 *
 * A socket that has given a whole batch is not watched until it has nothing: with every packet that comes and every
 * answer that leaves, the kernel would look for a sleeper, which is 5 % of what an answer costs.
 */
import { Epoll } from './epoll.ts';
import type { System } from '../syscalls.ts';
import type { Post } from './station.ts';

/** Milliseconds of sleep that need no reason; a call ends it at once. */
const IDLE_TIMEOUT = 60_000;

export class Attention {
  /** Those that are not watched. */
  readonly busy: Post[] = [];
  readonly #system: System;
  readonly #epoll: Epoll;
  readonly #callfd: number;
  readonly #event = new ArrayBuffer(8);

  /** `epoll`, `callfd`: as in `BatchWorkerData`. */
  constructor(system: System, epoll: number, callfd: number) {
    this.#system = system;
    this.#epoll = new Epoll(system, epoll);
    this.#callfd = callfd;
  }

  /** Throws the system's error. */
  watch(post: Post): void {
    this.#epoll.add(post.fd, post.number);
  }

  /** It is read unasked from now on. */
  unwatch(post: Post): void {
    if (this.busy.includes(post)) return;
    this.#epoll.remove(post.fd);
    this.busy.push(post);
  }

  /** The one at `place` among the busy has nothing more. */
  calm(place: number): void {
    const [post] = this.busy.splice(place, 1);
    this.watch(post!);
  }

  /** It is not read any more. */
  forget(post: Post): void {
    const place = this.busy.indexOf(post);
    if (place >= 0) this.busy.splice(place, 1);
    this.#epoll.remove(post.fd);
  }

  /** Watches all, and sleeps until a descriptor can be read; returns as `look`. */
  sleep(): number {
    while (this.busy.length > 0) this.calm(this.busy.length - 1);
    return this.#wait(IDLE_TIMEOUT);
  }

  /** How many of the watched descriptors can be read, the call's among them; that one is read. */
  look(): number {
    return this.#wait(0);
  }

  /** The number of the `i`th of these; 0 is the call. */
  at(i: number): number {
    return this.#epoll.at(i);
  }

  #wait(timeout: number): number {
    const ready = this.#epoll.wait(timeout);
    for (let i = 0; i < ready; i++) {
      if (this.#epoll.at(i) !== 0) continue;
      this.#system.read(this.#callfd, this.#system.pin(this.#event), 8);
    }
    return ready;
  }
}
