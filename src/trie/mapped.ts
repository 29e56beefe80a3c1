/** IPv4 addresses among keys: ::ffff:a.b.c.d. */
import * as layout from './layout.ts';

/** Third word of every IPv4-mapped address. */
export const MAPPED_WORD = new Int32Array(new Uint8Array([0, 0, 0xff, 0xff]).buffer)[0];

/** True when the key is an IPv4 address, ::ffff:a.b.c.d. */
export function isMappedKey(key: Int32Array): boolean {
  return key[0] === 0 && key[1] === 0 && key[2] === MAPPED_WORD;
}

/** True when the POD with this tail owns an IPv4 on the overlay `scope`, or on one of that namespace node. */
export function holdsOn(words: Int32Array, tail: number, ip4: number, scope: number, bits: number): boolean {
  const counts = words[tail + layout.TAIL_COUNTS];
  let at = tail + layout.TAIL_NAMES + ((counts >>> 16) & 0xff);
  for (let i = counts >>> 24; i > 0; i--) {
    const flags = words[at + layout.ATTACHMENT_FLAGS];
    const overlay = words[at + layout.ATTACHMENT_OVERLAY];
    const place = bits === layout.OVERLAY_BITS ? overlay : words[overlay + layout.OVERLAY_NAMESPACE];
    const isIt = place === scope && words[at + layout.ATTACHMENT_IP4] === ip4;
    if (isIt && (flags & layout.ATTACHED_IP4) !== 0) return true;
    at += layout.ATTACHMENT_IP6 + ((flags & layout.ATTACHED_IP6) !== 0 ? 4 : 0);
  }
  return false;
}
