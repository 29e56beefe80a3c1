/** HalfSipHash on big integers, slow and plain: the yardstick of the keyed hashes. */

const MASK = 0xffffffffn;
const rotate = (x: bigint, by: bigint): bigint => ((x << by) | (x >> (32n - by))) & MASK;

/** HalfSipHash-c-d with 32 bits of output, as the reference describes it. */
export function halfSipHash(c: number, d: number, k0: bigint, k1: bigint, message: number[]): bigint {
  let v = [k0, k1, 0x6c796765n ^ k0, 0x74656462n ^ k1] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    let [a, b, e, f] = v;
    a = (a + b) & MASK;
    b = rotate(b, 5n) ^ a;
    a = rotate(a, 16n);
    e = (e + f) & MASK;
    f = rotate(f, 8n) ^ e;
    a = (a + f) & MASK;
    f = rotate(f, 7n) ^ a;
    e = (e + b) & MASK;
    b = rotate(b, 13n) ^ e;
    e = rotate(e, 16n);
    v = [a, b, e, f];
  };
  const octets = [...message];
  while (octets.length % 4 !== 3) octets.push(0);
  octets.push(message.length & 0xff);
  for (let i = 0; i < octets.length; i += 4) {
    const word = BigInt(
      (octets[i]! | (octets[i + 1]! << 8) | (octets[i + 2]! << 16) | (octets[i + 3]! << 24)) >>> 0,
    );
    v[3] ^= word;
    for (let r = 0; r < c; r++) round();
    v[0] ^= word;
  }
  v[2] ^= 0xffn;
  for (let r = 0; r < d; r++) round();
  return v[1] ^ v[3];
}

/** Little-endian. */
export const octetsOf = (word: number): number[] => [
  word & 255,
  (word >>> 8) & 255,
  (word >>> 16) & 255,
  word >>> 24,
];
