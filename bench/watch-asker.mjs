/** Asks for pods over UDP, one question at a time, until a change shows. */
import { createSocket } from 'node:dgram';
import { SERVER4 } from './namespace.mjs';
import { pod6Octets, podDomain } from './pods.mjs';
import { quantile, round } from './statistics.mjs';
import { AAAA, buildQuery, parseAnswer } from './wire.mjs';

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Of times in milliseconds. */
export function quantiles(times) {
  const at = (q) => round(quantile(times, q), 3);
  return { p50: at(0.5), p99: at(0.99), most: at(1), timed: times.length };
}

export class Asker {
  #socket = createSocket('udp4');
  #port;
  #id = 0;
  #waiting;

  constructor(port) {
    this.#port = port;
    this.#socket.on('message', (message) => this.#waiting?.(message));
    this.#socket.on('error', () => {});
  }

  /** The address of a pod, hexadecimal; empty when there is none, undefined without an answer in time. */
  ask(i, milliseconds = 20) {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    return new Promise((resolve) => {
      const end = (value) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        resolve(value);
      };
      const timer = setTimeout(() => end(undefined), milliseconds);
      this.#waiting = (message) => {
        if (message.readUInt16BE(0) === id) end(parseAnswer(message).rdata[0] ?? '');
      };
      this.#socket.send(buildQuery(id, podDomain(i), AAAA), this.#port, SERVER4);
    });
  }

  /** Resolves once the pod has this address; throws after a minute. `rest`: milliseconds between questions. */
  async until(i, generation, rest = 0) {
    const expected = pod6Octets(i, generation).toString('hex');
    const began = performance.now();
    while (performance.now() - began < 60_000) {
      if ((await this.ask(i, rest > 0 ? 200 : 20)) === expected) return;
      if (rest > 0) await pause(rest);
    }
    throw new Error(`pod ${i} has not come to generation ${generation}`);
  }

  close() {
    this.#socket.close();
  }
}
