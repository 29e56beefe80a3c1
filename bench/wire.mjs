/** Queries as bytes, and just enough of a parser to check answers; independent of the server's own code. */

export const A = 1;
export const AAAA = 28;
export const NXDOMAIN = 3;

/** `edns`: with an OPT record that offers 1232 octets. */
export function buildQuery(id, name, type, edns = false) {
  const labels = name.split('.');
  const length = labels.reduce((all, label) => all + label.length + 1, 1);
  const packet = Buffer.alloc(12 + length + 4 + (edns ? 11 : 0));
  packet.writeUInt16BE(id, 0);
  packet[2] = 1;
  packet[5] = 1;
  let at = 12;
  for (const label of labels) {
    packet[at] = label.length;
    packet.write(label, at + 1, 'latin1');
    at += label.length + 1;
  }
  packet.writeUInt16BE(type, at + 1);
  packet.writeUInt16BE(1, at + 3);
  if (edns) {
    packet[11] = 1;
    packet[at + 7] = 41;
    packet.writeUInt16BE(1232, at + 8);
  }
  return packet;
}

function skipName(packet, start) {
  let at = start;
  while (packet[at] !== 0) {
    if ((packet[at] & 0xc0) === 0xc0) return at + 2;
    at += packet[at] + 1;
  }
  return at + 1;
}

/** `rdata`: of the answer section, hexadecimal and sorted. */
export function parseAnswer(packet) {
  /** @type {string[]} */
  const rdata = [];
  let at = 12;
  for (let question = packet.readUInt16BE(4); question > 0; question--) at = skipName(packet, at) + 4;
  for (let record = packet.readUInt16BE(6); record > 0; record--) {
    at = skipName(packet, at);
    const length = packet.readUInt16BE(at + 8);
    rdata.push(packet.toString('hex', at + 10, at + 10 + length));
    at += 10 + length;
  }
  return {
    id: packet.readUInt16BE(0),
    response: packet[2] >= 0x80,
    rcode: packet[3] & 15,
    rdata: rdata.sort(),
  };
}

/** A small generator of numbers, the same in every run: xorshift32. */
export function random(seed) {
  let state = seed | 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}
