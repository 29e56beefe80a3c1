/** Ethernet frames of UDP, made and judged octet by octet, by code that shares nothing with the program. */

const ETHERNET = 14;
const UDP = 17;
const STATION = Buffer.from('0200000000020200000000010000', 'hex');

/** One's complement sum of the 16-bit words in network order, an odd octet as the upper half of one. */
function onesSum(...parts) {
  let sum = 0;
  for (const part of parts) {
    for (let i = 0; i < part.length; i += 2) sum += (part[i] << 8) | (part[i + 1] ?? 0);
  }
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** The pseudo-header over addresses of 16 octets; what both families differ in adds nothing. */
function pseudoSum(six, source, destination, length) {
  const from = six ? 0 : 12;
  return onesSum(source.subarray(from, 16), destination.subarray(from, 16), [
    0,
    UDP,
    length >> 8,
    length & 255,
  ]);
}

/**
 * A query's frame. Addresses are 16 octets, IPv4 mapped. `checksum`: `whole`, `partial` (what a sender leaves to its
 * interface), `none` or `wrong`. `bend`: changes the frame before its sums are made.
 *
 * @param {{ six: boolean, source: Uint8Array, destination: Uint8Array, sourcePort: number, port: number,
 *   message: Uint8Array, checksum?: string, padding?: number, bend?: (frame: Buffer) => void }} parts
 */
export function frameOf({
  six,
  source,
  destination,
  sourcePort,
  port,
  message,
  checksum = 'whole',
  padding = 0,
  bend,
}) {
  const header = six ? 40 : 20;
  const length = 8 + message.length;
  const udp = ETHERNET + header;
  const frame = Buffer.alloc(udp + length + padding);
  STATION.copy(frame);
  frame.writeUInt16BE(six ? 0x86dd : 0x0800, 12);
  if (six) {
    frame.writeUInt32BE(0x60000000, ETHERNET);
    frame.writeUInt16BE(length, ETHERNET + 4);
    frame[ETHERNET + 6] = UDP;
    frame[ETHERNET + 7] = 64;
    frame.set(source, ETHERNET + 8);
    frame.set(destination, ETHERNET + 24);
  } else {
    frame[ETHERNET] = 0x45;
    frame.writeUInt16BE(header + length, ETHERNET + 2);
    frame.writeUInt16BE(0x4000, ETHERNET + 6);
    frame[ETHERNET + 8] = 64;
    frame[ETHERNET + 9] = UDP;
    frame.set(source.subarray(12), ETHERNET + 12);
    frame.set(destination.subarray(12), ETHERNET + 16);
  }
  frame.writeUInt16BE(sourcePort, udp);
  frame.writeUInt16BE(port, udp + 2);
  frame.writeUInt16BE(length, udp + 4);
  frame.set(message, udp + 8);
  bend?.(frame);
  if (!six) frame.writeUInt16BE(~onesSum(frame.subarray(ETHERNET, udp)) & 0xffff, ETHERNET + 10);
  const pseudo = pseudoSum(six, source, destination, length);
  const whole = ~onesSum([pseudo >> 8, pseudo & 255], frame.subarray(udp, udp + length)) & 0xffff || 0xffff;
  // Wrong in every reading.
  const wrong = (whole ^ 0x1001) === pseudo ? whole ^ 0x1002 : whole ^ 0x1001;
  const sum = { whole, partial: pseudo, none: 0, wrong }[checksum];
  frame.writeUInt16BE(sum, udp + 6);
  return frame;
}

/**
 * What is wrong with a frame that should answer `query` with `message`, or undefined. `checksum` as in `frameOf`.
 *
 * @returns {string | undefined}
 */
export function fault(query, frame, message, { six, source, destination, sourcePort, port, checksum }) {
  const udp = ETHERNET + (six ? 40 : 20);
  const length = 8 + message.length;
  if (frame.length !== udp + length) return `${frame.length} octets, not ${udp + length}`;
  const octets = Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength);
  const expected = frameOf({
    six,
    source: destination,
    destination: source,
    sourcePort: port,
    port: sourcePort,
    message,
    checksum,
  });
  query.copy(expected, 0, 6, 12);
  query.copy(expected, 6, 0, 6);
  if (expected.equals(octets)) return undefined;
  const at = expected.findIndex((octet, i) => octet !== octets[i]);
  return `octet ${at}: ${octets.toString('hex')} instead of ${expected.toString('hex')}`;
}

/** What kind of UDP checksum a frame without options has, as in `frameOf`. */
export function checksumOf(frame) {
  const six = frame.readUInt16BE(12) === 0x86dd;
  const udp = ETHERNET + (six ? 40 : 20);
  const length = frame.readUInt16BE(udp + 4);
  const size = six ? 16 : 4;
  const from = udp - 2 * size;
  const pseudo = onesSum(frame.subarray(from, udp), [0, UDP, length >> 8, length & 255]);
  const sum = frame.readUInt16BE(udp + 6);
  if (sum === 0) return 'none';
  if (onesSum([pseudo >> 8, pseudo & 255], frame.subarray(udp, udp + length)) === 0xffff) return 'whole';
  return sum === pseudo ? 'partial' : 'wrong';
}
