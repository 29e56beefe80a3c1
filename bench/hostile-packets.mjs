/** Packets that nobody should send: a corpus, sound and broken seeds of our own, and what chance makes of them. */
import { readFileSync } from 'node:fs';
import { AAAA, buildQuery, random } from './wire.mjs';

/** A file of packets, each behind its length in 16 bits. */
export function readCorpus(file) {
  const octets = readFileSync(file);
  const packets = [];
  for (let at = 0; at + 2 <= octets.length;) {
    const length = octets.readUInt16BE(at);
    packets.push(octets.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }
  return packets;
}

/** Sound queries of many kinds, and the usual ways to be broken; changed at random they become the rest. */
export function ownSeeds() {
  const names = ['db', 'app', 'app.web', 'db.web.vpc.internal', '_http._tcp.app', 'nope', 'vpc.internal'];
  names.push('_whoami.vpc.internal', '_namespaces.vpc.internal', '1.0.0.127.in-addr.arpa', 'example.com');
  const types = [1, AAAA, 33, 16, 6, 255, 252, 12, 41, 65535];
  const seeds = names.flatMap((name) => types.map((type) => buildQuery(0, name, type, type % 2 === 0)));
  const options = [
    '0003 0000',
    '000a 0008 0123456789abcdef',
    '000a 0007 01234567890abc',
    '000c 0004 00000000',
  ];
  for (const option of options) {
    const data = Buffer.from(option.replaceAll(' ', ''), 'hex');
    const query = Buffer.concat([buildQuery(0, 'db', AAAA, true), data]);
    query.writeUInt16BE(data.length, query.length - data.length - 2);
    seeds.push(query);
  }
  const loop = buildQuery(0, 'db', AAAA);
  loop[12] = 0xc0;
  loop[13] = 12;
  seeds.push(
    loop,
    Buffer.alloc(0),
    Buffer.alloc(11),
    Buffer.alloc(12),
    Buffer.alloc(4097, 1),
    Buffer.alloc(600, 255),
  );
  const crowd = Buffer.concat([
    buildQuery(0, 'db', AAAA),
    ...Array(40).fill(Buffer.from('c00c00290001000000000000', 'hex')),
  ]);
  crowd.writeUInt16BE(40, 10);
  seeds.push(crowd);
  const response = buildQuery(0, 'db', AAAA, true);
  response[2] = 0x84;
  seeds.push(response);
  return seeds;
}

const INTERESTING = [0, 1, 0x0c, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff];

/** A copy with up to five changes: octets set, cut out, put in, repeated, or everything behind a place cut off. */
function change(seed, below) {
  let packet = Buffer.from(seed);
  for (let changes = below(6); changes > 0; changes--) {
    const at = below(packet.length + 1);
    switch (below(8)) {
      case 0:
        packet = packet.subarray(0, at);
        break;
      case 1:
        packet = Buffer.concat([
          packet.subarray(0, at),
          packet.subarray(Math.min(packet.length, at + 1 + below(8))),
        ]);
        break;
      case 2:
        packet = Buffer.concat([
          packet.subarray(0, at),
          Buffer.alloc(1 + below(24), below(256)),
          packet.subarray(at),
        ]);
        break;
      case 3:
        packet = Buffer.concat([packet, packet.subarray(at, at + 64)]);
        break;
      case 4:
        if (packet.length >= 12)
          packet.writeUInt16BE(below(2) === 0 ? below(4) : below(65536), 4 + 2 * below(4));
        break;
      default:
        if (at < packet.length)
          packet[at] = below(2) === 0 ? INTERESTING[below(INTERESTING.length)] : below(256);
    }
  }
  return packet.subarray(0, 65_000);
}

/** The seeds as they are, then changed ones for ever, the same in every run. */
export function* hostile(seeds, seed) {
  const below = random(seed);
  for (const seed of seeds) yield Buffer.from(seed);
  for (;;) yield change(seeds[below(seeds.length)], below);
}
