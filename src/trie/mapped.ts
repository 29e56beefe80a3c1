/** IPv4 addresses among keys: ::ffff:a.b.c.d. */

/** Third word of every IPv4-mapped address. */
export const MAPPED_WORD = new Int32Array(new Uint8Array([0, 0, 0xff, 0xff]).buffer)[0];

/** True when the key is an IPv4 address, ::ffff:a.b.c.d. */
export function isMappedKey(key: Int32Array): boolean {
  return key[0] === 0 && key[1] === 0 && key[2] === MAPPED_WORD;
}
