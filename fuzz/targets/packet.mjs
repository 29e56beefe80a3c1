/** Queries: one packet to a whole server without sockets, from pods of two tenants, a scoped listener and a stranger. */
import { buildQuery } from '../../bench/wire.mjs';
import { ownSeeds } from '../../bench/hostile-packets.mjs';
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { checkReply } from '../well-formed.mjs';
import { LABELS, PIECES } from '../words.mjs';
import { CLIENTS, STRANGER, openWorld } from '../world.mjs';

/** A name of 255 octets. */
const LONGEST = buildQuery(1, [63, 63, 63, 61].map((length) => 'n'.repeat(length)).join('.'), 28, true);
const UDP_MOST = 1232;
/** Of a query without EDNS (RFC 1035 section 4.2.1). */
const UDP_PLAIN = 512;
const TCP_MOST = 65_535;
/** Members, attachments and ports that one answer may read: the largest set of the small world, with its additional records. */
const STEPS_MAX = 4096;

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'packet',
  about: 'a DNS message; dns/message, answer/responder, answer/defer over a real trie',
  most: 4200,
  text: false,
  words: [...PIECES, ...LABELS],
  seeds: () => [...ownSeeds(), LONGEST],
  async open() {
    const server = await openWorld();
    const { View } = await load('trie/read/view.js');
    const { Responder, DEFERRED } = await load('answer/responder.js');
    const view = new View(server.memory);
    const responder = new Responder(view, server.settings, () => 1_795_824_000);
    const { peers } = /** @type {any} */ (server);
    const out = new Uint8Array(65_535);

    async function ask(packet, client, tcp) {
      const before = Buffer.from(packet);
      const isQuery = packet.length >= 12 && packet[2] < 0x80;
      const answer = await server.answer(packet, { ...client, tcp });
      must(before.equals(packet), 'the query is written to', () => before.toString('hex'));
      if (!isQuery)
        return must(answer === undefined, 'an answer to what is no query', () => before.toString('hex'));
      // Whom nobody knows is told so only so many times a second.
      if (answer === undefined) return must(client === STRANGER, 'no answer', () => before.toString('hex'));
      const plain = packet[10] === 0 && packet[11] === 0;
      checkReply(answer, packet, tcp ? TCP_MOST : plain ? UDP_PLAIN : UDP_MOST);
      must(!tcp || (answer[2] & 2) === 0, 'truncated over TCP', () => before.toString('hex'));
      // The same by another reader of the same memory, as a worker is one.
      view.refresh();
      const length = responder.answer(packet, 0, packet.length, peers.of({ ...client, tcp }), out, 0);
      must(view.steps <= STEPS_MAX, 'too many steps', () => `${view.steps}, ${before.toString('hex')}`);
      if (length !== DEFERRED && client !== STRANGER)
        must(Buffer.compare(out.subarray(0, length), answer) === 0, 'two readers differ', () =>
          before.toString('hex'),
        );
    }

    return {
      async run(packet) {
        for (const client of CLIENTS) await ask(packet, client, false);
        await ask(packet, CLIENTS[0], true);
        await ask(packet, STRANGER, false);
      },
      close: () => server.close(0),
    };
  },
};
