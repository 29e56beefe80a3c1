/** Asks a server for known names and compares: nothing is measured that answers wrongly. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { serverAddress } from './blast.mjs';
import { pod4, pod4Octets, pod6, pod6Octets, podDomain } from './pods.mjs';
import { askStream } from './stream.mjs';
import { A, AAAA, buildQuery, NXDOMAIN, parseAnswer } from './wire.mjs';

/** A client at the address of pod 0. */
export class Asker {
  #socket;
  #family;
  #port;
  #id = 1;

  static async open(family, port) {
    const asker = new Asker();
    asker.#family = family;
    asker.#port = port;
    asker.#socket = createSocket(family === 6 ? 'udp6' : 'udp4');
    asker.#socket.bind({ address: family === 6 ? pod6(0) : pod4(0), port: 0 });
    await once(asker.#socket, 'listening');
    asker.#socket.on('error', () => {});
    return asker;
  }

  /** Undefined when there is no answer in time. */
  async ask(name, type, milliseconds = 500) {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    const query = buildQuery(id, name, type);
    this.#socket.send(query, this.#port, serverAddress(this.#family));
    const signal = AbortSignal.timeout(milliseconds);
    try {
      for (;;) {
        const [answer] = await once(this.#socket, 'message', { signal });
        if (answer.length >= 12 && answer.readUInt16BE(0) === id) return parseAnswer(answer);
      }
    } catch {
      return undefined;
    }
  }

  close() {
    this.#socket.close();
  }
}

function expectation(i, type) {
  const octets = type === AAAA ? pod6Octets(i) : pod4Octets(i);
  return { rcode: 0, rdata: [octets.toString('hex')] };
}

function compare(what, answer, { rcode, rdata }) {
  if (answer === undefined) throw new Error(`${what}: no answer`);
  if (answer.rcode !== rcode || answer.rdata.join() !== rdata.join()) {
    throw new Error(
      `${what}: rcode ${answer.rcode} ${answer.rdata.join()}, expected ${rcode} ${rdata.join()}`,
    );
  }
}

/** Resolves once the last pod is answered; rejects when the process ends or `seconds` pass. */
export async function untilLoaded(child, family, port, pods, seconds) {
  const asker = await Asker.open(family, port);
  const last = pods - 1;
  const end = performance.now() + seconds * 1000;
  try {
    while (performance.now() < end) {
      if (child.exitCode !== null) throw new Error(`ended with ${child.exitCode} while it loaded`);
      const answer = await asker.ask(podDomain(last), AAAA, 50);
      if (answer?.rcode === 0 && answer.rdata.length === 1) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    throw new Error(`not loaded after ${seconds} s`);
  } finally {
    asker.close();
  }
}

export async function checkAnswers(family, port, pods, protocols) {
  const asker = await Asker.open(family, port);
  try {
    for (let n = 0; n < 100; n++) {
      const i = Math.floor((n * (pods - 1)) / 99);
      const name = podDomain(i);
      for (const type of [AAAA, A])
        compare(`${name} ${type}`, await asker.ask(name, type), expectation(i, type));
      compare(`x${name}`, await asker.ask(`x${name}`, AAAA), { rcode: NXDOMAIN, rdata: [] });
    }
    if (!protocols.includes('tcp')) return;
    const answer = parseAnswer(await askStream(family, port, buildQuery(9, podDomain(1), AAAA)));
    compare('over TCP', answer, expectation(1, AAAA));
  } finally {
    asker.close();
  }
}
