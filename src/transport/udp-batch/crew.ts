/**
 * The worker threads of a process that answer UDP: as many as it was told, each for a socket of every listener.
 *
 * A worker that is asleep in the kernel keeps a process from ending, so every way out calls it first: `close`, and
 * the exit of the process for whatever reason.
 */
import type { Listener } from '../../answer/peer.ts';
import type { Answering } from '../transport.ts';
import { loadSystem } from '../syscalls.ts';
import type { System } from '../syscalls.ts';
import { WorkerSlot } from './worker-slot.ts';
import type { Staffing } from './worker-slot.ts';
import type { Bound } from './socket.ts';
import type { Station } from './station.ts';

export interface CrewOptions extends Staffing {
  /** Threads. Default 1. */
  workers?: number;
}

/** A socket at a worker. */
export interface Assignment {
  slot: WorkerSlot;
  station: Station;
}

const crews = new Set<Crew>();

function stopAll(): void {
  for (const crew of crews) crew.stop();
}

export class Crew {
  readonly system: System;
  readonly slots: WorkerSlot[] = [];
  #started: Promise<void> | undefined;

  /** Throws the system's error when there are no descriptors left, and an Error where there are no system calls. */
  constructor(answering: Answering, options: CrewOptions) {
    const { system, reason } = loadSystem();
    if (system === undefined) throw new Error(reason);
    this.system = system;
    const workers = Math.max(1, options.workers ?? 1);
    try {
      for (let index = 0; index < workers; index++)
        this.slots.push(new WorkerSlot(system, index, answering, options));
    } catch (error) {
      for (const slot of this.slots) slot.close();
      throw error;
    }
  }

  /** Gives each worker one socket. The first call starts the threads. */
  serve(listener: Listener, sockets: readonly Bound[]): Assignment[] {
    const { slots } = this;
    const assigned: Assignment[] = [];
    try {
      for (let i = 0; i < Math.max(slots.length, sockets.length); i++) {
        const slot = slots[i % slots.length];
        assigned.push({ slot, station: slot.serve(listener, sockets[i % sockets.length]) });
      }
    } catch (error) {
      for (const { slot, station } of assigned) {
        void slot.leave(station);
        slot.receiver.remove(station);
      }
      throw error;
    }
    this.start();
    return assigned;
  }

  /**
   * Resolves when all threads serve, rejects when one could not start. Before the first `serve` there is nothing to
   * wait for.
   */
  async ready(): Promise<void> {
    await this.#started;
  }

  /** Tells the workers to answer what is queued and to end. Synchronous: the process may be exiting. */
  stop(): void {
    for (const slot of this.slots) slot.stop();
  }

  /** The sockets are those of the transports, which were closed before. */
  async close(): Promise<void> {
    this.stop();
    await Promise.all(this.slots.map((slot) => slot.ended));
    for (const slot of this.slots.splice(0)) slot.close();
    if (crews.delete(this) && crews.size === 0) process.off('exit', stopAll);
  }

  /** Starts the threads, unless they have been: sockets may come later. */
  start(): void {
    if (this.#started !== undefined) return;
    if (crews.size === 0) process.on('exit', stopAll);
    crews.add(this);
    this.#started = Promise.all(this.slots.map((slot) => slot.start())).then(() => undefined);
    // The caller that waits for it is told; an unhandled rejection would end the process.
    this.#started.catch(() => undefined);
  }
}
