/** TCP: octets of one client in any pieces, over a socket pair in the process, to a whole server. */
import { Duplex } from 'node:stream';
import { ownSeeds } from '../../bench/hostile-packets.mjs';
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { checkReply } from '../well-formed.mjs';
import { LABELS, PIECES } from '../words.mjs';
import { CLIENTS, openWorld } from '../world.mjs';
import { pieces } from './stream.mjs';

/** As `TCP_LIMITS.maxIgnored`: messages that are no queries before the connection is closed. */
const HEADER = 12;

function frame(message) {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

/** One end of a connection; the server has it as its socket. */
class Wire extends Duplex {
  /** @type {Buffer[]} */
  sent = [];
  /** Resolves when the server has ended its side. */
  done;
  #end = () => {};
  constructor() {
    super({ allowHalfOpen: true });
    this.done = new Promise((resolve) => (this.#end = () => resolve(undefined)));
    this.on('close', this.#end);
  }
  /** @override */
  _read() {}
  /** @override */
  _write(chunk, _encoding, callback) {
    this.sent.push(Buffer.from(chunk));
    callback();
  }
  /** @override */
  _final(callback) {
    callback();
    this.#end();
  }
}

/** The frames of a stream; `rest`: octets of one that is not whole. */
function framesOf(stream) {
  const frames = [];
  let at = 0;
  while (at + 2 <= stream.length && at + 2 + stream.readUInt16BE(at) <= stream.length) {
    const end = at + 2 + stream.readUInt16BE(at);
    frames.push(stream.subarray(at + 2, end));
    at = end;
  }
  return { frames, rest: stream.length - at };
}

/** The queries that must be answered: up to the message that ends the connection. */
function owed(stream, maxIgnored) {
  const queries = [];
  let ignored = 0;
  for (const message of framesOf(stream).frames) {
    if (message.length < HEADER) break;
    if (message[2] < 0x80) queries.push(message);
    else if (++ignored >= maxIgnored) break;
  }
  return queries;
}

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'tcp',
  about: 'octets of a TCP client; dns/frames, transport/tcp/connection over a real server',
  most: 16_384,
  text: false,
  words: [...PIECES, ...LABELS, Buffer.from([0, 12]), Buffer.from([0, 0]), Buffer.from([0xff, 0xff])],
  seeds() {
    const queries = ownSeeds().filter((packet) => packet.length < 1024);
    const few = queries.filter((_, i) => i % 9 === 0).map(frame);
    return [
      ...few.slice(0, 8),
      Buffer.concat(few),
      frame(Buffer.alloc(3)),
      Buffer.concat([...few.slice(0, 3), Buffer.from([0, 40, 1])]),
      Buffer.alloc(2),
    ];
  },
  async open() {
    const server = await openWorld();
    const { Connection } = await load('transport/tcp/connection.js');
    const { TcpPool } = await load('transport/tcp/pool.js');
    const { TCP_LIMITS, newTcpCounters } = await load('transport/tcp/limits.js');
    const { answering, peers } = /** @type {any} */ (server);
    const peer = peers.of({ ...CLIENTS[0], tcp: true });

    async function converse(chunks) {
      const pool = new TcpPool({ sweepMs: 0 });
      const counters = newTcpCounters();
      const wire = new Wire();
      let closed = 0;
      const connection = new Connection(
        { answering, counters, pool, closed: () => closed++ },
        wire,
        peer,
        'client',
      );
      for (const chunk of chunks) wire.push(chunk);
      wire.push(null);
      await wire.done;
      connection.destroy();
      must(closed === 1, 'closed more or less than once', String(closed));
      must(pool.outputTotal === 0, 'octets that stay on the account', String(pool.outputTotal));
      must(counters.errors === 0, 'an error while answering', JSON.stringify(counters));
      return Buffer.concat(wire.sent);
    }

    return {
      async run(input) {
        const queries = owed(input, TCP_LIMITS.maxIgnored);
        for (const chunks of [[Buffer.from(input)], pieces(input).map((piece) => Buffer.from(piece))]) {
          const { frames, rest } = framesOf(await converse(chunks.filter(({ length }) => length > 0)));
          must(rest === 0, 'half a frame', String(rest));
          must(
            frames.length === queries.length,
            'other answers than queries',
            `${frames.length} of ${queries.length}`,
          );
          // Answers that took time may come out of order (RFC 7766 section 6.2.1.1).
          const open = [...queries];
          for (const reply of frames) {
            const at = open.findIndex((query) => query[0] === reply[0] && query[1] === reply[1]);
            must(at >= 0, 'an answer that nobody asked for', reply.toString('hex'));
            let sound = false;
            let fault;
            for (const [i, query] of open.entries()) {
              if (query[0] !== reply[0] || query[1] !== reply[1]) continue;
              try {
                checkReply(reply, query, 65_535);
                open.splice(i, 1);
                sound = true;
                break;
              } catch (error) {
                fault = error;
              }
            }
            if (!sound) throw fault;
          }
        }
      },
      close: () => server.close(0),
    };
  },
};
