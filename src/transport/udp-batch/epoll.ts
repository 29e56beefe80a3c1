/** Tells which of many descriptors can be read, in the order in which they became so. */
import * as sys from '../syscalls.ts';
import type { System } from '../syscalls.ts';

/** struct epoll_event is packed on x64 alone: its data stands right after the four octets of its events. */
const PACKED = process.arch === 'x64';
const STRIDE = (PACKED ? 12 : 16) / 4;
const DATA = (PACKED ? 4 : 8) / 4;
/** Descriptors told of in one `wait`; the rest come first in the next one. */
const EVENTS_MAX = 64;
const OWN = EVENTS_MAX * STRIDE;

export class Epoll {
  /** Works in every thread of the process: one registers, another waits. */
  readonly fd: number;
  readonly #system: System;
  /** What `wait` was told, then one event for what is told to the kernel, so that `at` stays true meanwhile. */
  readonly #words = new Int32Array((EVENTS_MAX + 1) * STRIDE);
  readonly #address: number;

  /** Throws the system's error. `fd`: that of another `Epoll`, which closes it. */
  constructor(system: System, fd = system.epoll_create1(sys.EPOLL_CLOEXEC)) {
    if (fd < 0) throw sys.systemError('epoll_create1', system.errno());
    this.fd = fd;
    this.#system = system;
    this.#address = system.pin(this.#words.buffer);
  }

  /**
   * `number`, 32 bits, is what `at` returns when `fd` can be read. Does nothing where `fd` is watched already. Throws
   * the system's error.
   */
  add(fd: number, number: number): void {
    this.#words[OWN] = sys.EPOLLIN;
    this.#words[OWN + DATA] = number;
    if (this.#system.epoll_ctl(this.fd, sys.EPOLL_CTL_ADD, fd, this.#address + OWN * 4) === 0) return;
    const errno = this.#system.errno();
    if (errno !== sys.EEXIST) throw sys.systemError('epoll_ctl', errno);
  }

  /** It is not reported any more, also where another process has a duplicate of it. */
  remove(fd: number): void {
    this.#system.epoll_ctl(this.fd, sys.EPOLL_CTL_DEL, fd, this.#address);
  }

  /** How many can be read; sleeps up to `timeout` milliseconds until there is one. 0 also when a signal came. */
  wait(timeout: number): number {
    return Math.max(0, this.#system.epoll_wait(this.fd, this.#address, EVENTS_MAX, timeout));
  }

  /** Which one the `i`th of the last `wait` is. */
  at(i: number): number {
    return this.#words[i * STRIDE + DATA];
  }

  close(): void {
    this.#system.close(this.fd);
  }
}
