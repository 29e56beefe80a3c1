/** Names on the wire as text, for what the tests look at. */
import { NameError, labelText } from '../../src/dns/name.ts';

/**
 * Uncompressed wire form to presentation text with a final dot; the root is `.`. Specials get a backslash,
 * unprintable octets `\DDD`.
 * @throws NameError where the octets at `offset` are not a whole uncompressed name.
 */
export function decodeName(wire: Uint8Array, offset: number): string {
  let at = offset;
  let text = '';
  for (;;) {
    if (at >= wire.length) throw new NameError('name is cut off');
    const length = wire[at];
    if (length === 0) return text === '' ? '.' : text;
    if (length > 63) throw new NameError(`label type 0x${length.toString(16)} in an uncompressed name`);
    // The root octet must still fit behind this label.
    if (at + length + 2 - offset > 255) throw new NameError('name longer than 255 octets');
    if (at + 1 + length >= wire.length) throw new NameError('name is cut off');
    text += labelText(wire, at + 1, length) + '.';
    at += 1 + length;
  }
}
