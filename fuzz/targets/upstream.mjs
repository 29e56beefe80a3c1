/** Answers of upstreams: what is taken of a message, how long it is kept, and what clients get of it. */
import { buildQuery } from '../../bench/wire.mjs';
import { load } from '../code.mjs';
import { must } from '../fault.mjs';
import { checkReply } from '../well-formed.mjs';
import { LABELS, PIECES } from '../words.mjs';

const NAME = 'www.example.com';
const QUERY = buildQuery(7, NAME, 1);
const QUESTION = QUERY.subarray(12);
/** Of clients: without EDNS, with it, over TCP. */
const LIMITS = [512, 1232, 65_535];
const POSITIVE_MOST = 86_400;
const EDE = { code: 22, text: 'the upstream does not answer' };

function answer(counts, ...records) {
  const header = Buffer.from('000781800001000000000000', 'hex');
  counts.forEach((count, i) => header.writeUInt16BE(count, 6 + 2 * i));
  return Buffer.concat([header, QUESTION, ...records.map((record) => Buffer.from(record, 'hex'))]);
}

/** Puts our id, direction and question into any octets, which hardly ever have them by themselves. */
function mended(input) {
  const message = Buffer.concat([
    Buffer.from(input.subarray(0, 12)),
    QUESTION,
    input.subarray(12 + QUESTION.length),
  ]);
  message.writeUInt16BE(7, 0);
  message[2] = (message[2] & 0x87) | 0x80;
  message.writeUInt16BE(1, 4);
  return message;
}

/** An OPT record as the server writes one, with an extended error. */
function writeOpt(_query, _tcp, ede, out, at) {
  const text = Buffer.from(ede?.text ?? '', 'latin1');
  const length = ede === undefined ? 0 : 6 + text.length;
  const opt = Buffer.alloc(11 + length);
  opt.writeUInt16BE(41, 1);
  opt.writeUInt16BE(1232, 3);
  opt.writeUInt16BE(length, 9);
  if (ede !== undefined) {
    opt.writeUInt16BE(15, 11);
    opt.writeUInt16BE(2 + text.length, 13);
    opt.writeUInt16BE(ede.code, 15);
    opt.set(text, 17);
  }
  out.set(opt, at);
  return at + opt.length;
}

/** @type {import('../engine.mjs').Target} */
export default {
  name: 'upstream',
  about: 'a DNS message as an upstream sends it; forward/upstream, forward/cache, shared-cache',
  most: 8192,
  text: false,
  words: [...PIECES, ...LABELS],
  seeds: () => [
    answer([1, 0, 0], 'c00c000100010000003c0004c0000201'),
    answer(
      [2, 0, 1],
      'c00c000500010000003c0006036162630' + '0',
      'c02d000100010000003c0004c0000201',
      '0000290000000000000000',
    ),
    answer([0, 1, 0], 'c010000600010000003c0011026e73c010c010000000010000000200000003000000040000003c'),
    answer([1, 0, 1], 'c00c00ff000100000000000461626364', '00002904d0000000000009000f0005000f6f6f70'),
    answer([1, 0, 0], 'c00c001000018000000000050461626364'),
    answer([1, 0, 0], 'c00c002100010000003c0008000100010050c00c'),
    Buffer.from('000781850000000000000000', 'hex'),
  ],
  async open() {
    const { matchReply, readAnswer, freshness } = await load('forward/upstream/upstream-answer.js');
    const { ReplyWriter, AS_RECEIVED } = await load('forward/cache/reply.js');
    const { SharedCache } = await load('shared-cache/shared-cache.js');
    const { SharedCacheReader } = await load('shared-cache/cache-reader.js');
    const { reserveSharedCache } = await load('shared-cache/memory.js');
    const { parseQuery } = await load('dns/message.js');
    const { Query } = await load('dns/query.js');
    const writer = new ReplyWriter(writeOpt);
    const clock = () => 1_000_000;
    const cache = new SharedCache(reserveSharedCache(1 << 20, [3, 4]), clock);
    cache.lease(1_000_000);
    const reader = new SharedCacheReader(cache.memory, 0, clock);
    const out = new Uint8Array(65_535);
    const query = new Query();

    function read(message, type) {
      const asked = buildQuery(7, NAME, type);
      // The message was mended for type A: only the type of its question differs.
      if (message.length >= asked.length && message.readUInt16BE(4) === 1) asked.copy(message, 12, 12);
      if (matchReply(message, asked, asked.length) === 0) return;
      const question = {
        name: new Uint8Array(asked.subarray(12, asked.length - 4)),
        type,
        class: 1,
        dnssecOk: false,
        checkingDisabled: false,
        marks: new Uint8Array(0),
      };
      const before = Buffer.from(message);
      // It keeps what it reads, and may change it.
      const taken = readAnswer(Buffer.from(message), question);
      if (taken === undefined) return;
      const told = () => before.toString('hex');
      const records = taken.answers + taken.authorities + taken.additionals;
      must(taken.octets.length === 0 || taken.ttlOffsets.length === records, 'records and TTLs differ', told);
      must(taken.octets.length <= 65_535, 'grown beyond a message', told);
      for (const at of taken.ttlOffsets)
        must(at + 6 <= taken.octets.length && taken.octets[at] < 0x80, 'TTL out of place', told);
      must(
        taken.ede === undefined || /^[ -~]*$/.test(taken.ede.text),
        'a text for terminals with controls',
        told,
      );
      const { seconds, negative } = freshness(taken);
      must(seconds >= 0 && seconds <= POSITIVE_MOST, 'kept too long', told);
      for (const limit of LIMITS) {
        for (const edns of limit === 512 ? [false] : [false, true]) {
          const packet = buildQuery(0x1234, NAME, type, edns);
          const request = { packet, limit, tcp: limit === 65_535 };
          checkReply(writer.answer(request, taken, AS_RECEIVED, edns ? EDE : undefined), packet, limit);
          checkReply(
            writer.answer(request, taken, { age: 3, most: 10, fixed: -1 }, undefined),
            packet,
            limit,
          );
        }
      }
      if (seconds === 0 || taken.rcode > 15 || taken.octets.length === 0) return;
      const times = { storedAt: clock(), seconds, negative };
      const unit = cache.publish({ tenant: 3, ...question }, taken, times);
      if (unit === 0) return;
      try {
        const packet = buildQuery(0x4321, NAME, type);
        parseQuery(packet, 0, packet.length, query);
        reader.enter();
        const at = reader.find(3, query);
        if (at !== 0) checkReply(out.subarray(0, reader.write(at, query, out, 0)), packet, 65_535);
        must(reader.find(4, query) === 0, 'another tenant finds it', told);
        reader.leave();
      } finally {
        cache.remove(unit);
      }
    }

    return {
      run(input) {
        for (const message of [input, mended(input)])
          for (const type of [1, 255, 33]) read(Buffer.from(message), type);
      },
    };
  },
};
