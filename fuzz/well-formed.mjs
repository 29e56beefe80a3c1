/** Whether a DNS message is a sound reply to a query; reads octets by itself, without the code under test. */
import { must } from './fault.mjs';

const OPT = 41;
/** Types whose data begin with so many octets and then a name, compressed or not. */
const NAME_AFTER = new Map([
  [2, 0],
  [5, 0],
  [6, 0],
  [12, 0],
  [15, 2],
  [33, 6],
]);

/**
 * The end of the name at `at`; -1 where it is broken. Pointers only lead back, so that none loops.
 *
 * @param {Uint8Array} message
 */
export function nameEnd(message, at) {
  let end = -1;
  let length = 1;
  let before = at;
  for (;;) {
    if (at >= message.length) return -1;
    const octet = message[at];
    if (octet === 0) return end < 0 ? at + 1 : end;
    if (octet >= 0xc0) {
      if (at + 2 > message.length) return -1;
      if (end < 0) end = at + 2;
      const to = ((octet & 0x3f) << 8) | message[at + 1];
      if (to < 12 || to >= before) return -1;
      before = at = to;
      continue;
    }
    if (octet > 63) return -1;
    length += 1 + octet;
    if (length > 255) return -1;
    at += 1 + octet;
  }
}

/** The octets of the question behind the header, or undefined when it cannot be read as one without pointers. */
export function questionOf(message) {
  let at = 12;
  while (at < message.length && message[at] !== 0 && message[at] <= 63) at += message[at] + 1;
  if (at + 5 > message.length || message[at] !== 0 || at - 11 > 255) return undefined;
  return message.subarray(12, at + 5);
}

const text = (octets) => Buffer.from(octets).toString('hex');

/**
 * Throws a Fault unless `reply` is a sound reply to `query` of at most `limit` octets.
 *
 * @param {Uint8Array} reply
 * @param {Uint8Array} query
 */
export function checkReply(reply, query, limit) {
  const told = () => `query ${text(query)}, reply ${text(reply)}`;
  must(reply.length >= 12, 'reply without a header', told);
  must(reply.length <= limit, 'reply too long', () => `${reply.length} > ${limit}, ${told()}`);
  must(reply[0] === query[0] && reply[1] === query[1], 'another id', told);
  must(reply[2] >= 0x80, 'reply without QR', told);
  must((reply[2] & 0x78) === (query[2] & 0x78), 'another opcode', told);
  must((reply[3] & 0x40) === 0, 'Z is set', told);
  const view = Buffer.from(reply.buffer, reply.byteOffset, reply.length);
  const questions = view.readUInt16BE(4);
  must(questions <= 1, 'more than one question', told);
  let at = 12;
  if (questions === 1) {
    const question = questionOf(query);
    must(question !== undefined, 'an answer with a question to a query without one', told);
    at += question.length;
    must(Buffer.compare(question, view.subarray(12, at)) === 0, 'another question', told);
  }
  let opts = 0;
  for (const [section, counter] of [6, 8, 10].entries()) {
    for (let left = view.readUInt16BE(counter); left > 0; left--) {
      const start = at;
      at = nameEnd(reply, at);
      must(at >= 0 && at + 10 <= reply.length, 'broken record', told);
      const type = view.readUInt16BE(at);
      const end = at + 10 + view.readUInt16BE(at + 8);
      must(end <= reply.length, 'rdata past the end', told);
      if (type === OPT) {
        must(section === 2 && reply[start] === 0 && ++opts === 1, 'OPT out of place', told);
        must(query[10] !== 0 || query[11] !== 0, 'OPT to a query without records', told);
      }
      // The layout of data is known of class IN alone.
      if (type === OPT || view.readUInt16BE(at + 2) === 1) checkData(view, type, at + 10, end, told);
      at = end;
    }
  }
  must(at === reply.length, 'octets behind the last record', told);
}

function checkData(reply, type, at, end, told) {
  const length = end - at;
  if (type === 1) must(length === 4, 'A of another length', told);
  if (type === 28) must(length === 16, 'AAAA of another length', told);
  if (type === 16 || type === OPT) {
    const isText = type === 16;
    while (at < end) at += isText ? 1 + reply[at] : at + 4 > end ? Infinity : 4 + reply.readUInt16BE(at + 2);
    must(at === end, isText ? 'broken TXT' : 'broken options', told);
  }
  const before = NAME_AFTER.get(type);
  if (before === undefined) return;
  let next = nameEnd(reply, at + before);
  if (type === 6 && next >= 0) {
    next = nameEnd(reply, next);
    if (next >= 0) next += 20;
  }
  must(next === end, 'broken name in data', told);
}
