/** Hostile packets beside the load: a few over UDP all the time, and TCP connections that break off. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { Ledger } from '../../bench/hostile-ledger.mjs';
import { hostile, ownSeeds } from '../../bench/hostile-packets.mjs';

/** Octets of an answer over UDP at most. */
const LIMIT = 1232;
const EVERY = 20;

export class Hostile {
  ledger = new Ledger(LIMIT);
  sent = 0;
  connections = 0;
  #packets;
  #below;
  #socket = createSocket('udp4');
  #timer;

  /** @param {number} seed @param {(below: number) => number} below */
  constructor(seed, below) {
    this.#packets = hostile(ownSeeds(), seed);
    this.#below = below;
  }

  async start(port, rate) {
    // An address of its own: what is limited for each client must not be the load's.
    this.#socket.bind(0, '127.0.0.66');
    await once(this.#socket, 'listening');
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (answer) => this.ledger.take(answer));
    const each = Math.max(1, Math.round((rate * EVERY) / 1000));
    let ticks = 0;
    this.#timer = setInterval(() => {
      for (let i = 0; i < each; i++) this.#send(port);
      if (ticks++ % 25 === 0) this.#connect(port);
    }, EVERY);
  }

  #next() {
    return /** @type {Buffer} */ (this.#packets.next().value);
  }

  #send(port) {
    const packet = this.#next();
    this.ledger.note(packet, packet.length >= 12 && packet[2] < 0x80);
    this.sent++;
    this.#socket.send(packet, port, '127.0.0.1');
  }

  /** Some frames, the last of them of a length that is not so; then it ends, resets, or stays for a while. */
  #connect(port) {
    this.connections++;
    const socket = connect({ port, host: '127.0.0.1', localAddress: '127.0.0.66' });
    socket.on('error', () => undefined);
    socket.resume();
    for (let i = 0; i < 5; i++) {
      const packet = this.#next();
      const length = Buffer.alloc(2);
      length.writeUInt16BE(i === 4 ? this.#below(65_536) : packet.length);
      socket.write(Buffer.concat([length, packet]));
    }
    const kind = this.#below(3);
    if (kind === 0) socket.end();
    else setTimeout(() => (kind === 1 ? socket.resetAndDestroy() : socket.destroy()), this.#below(3000));
  }

  async stop() {
    clearInterval(this.#timer);
    await this.ledger.settle();
    this.#socket.close();
  }
}
