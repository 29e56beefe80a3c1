/** Packets for the tests of dns/, from hexadecimal text and from arbitrary octets. */
import fc from 'fast-check';
import { encodeName } from '../../src/dns/name.ts';

/** Octets of hexadecimal text; blanks are ignored. */
export function hex(text: string): Uint8Array {
  const digits = text.replace(/\s+/g, '');
  if (!/^(?:[0-9a-f]{2})*$/i.test(digits)) throw new Error(`not hexadecimal: ${text}`);
  return Uint8Array.from(Buffer.from(digits, 'hex'));
}

export function join(...parts: Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** A header with id 0x1234: its second 16 bits and the four counts. */
export function header(flags: number, counts: [number, number, number, number]): Uint8Array {
  const words = [0x1234, flags, ...counts];
  return Uint8Array.from(words.flatMap((word) => [word >>> 8, word & 255]));
}

/** `db` AAAA IN. */
export const QUESTION_DB = hex('02 6462 00 001c 0001');

/** A record: owner and rdata in hexadecimal. */
export function record(owner: string, type: number, rdata: string, rdlength?: number): Uint8Array {
  const octets = hex(rdata);
  const length = rdlength ?? octets.length;
  const fixed = Uint8Array.from([type >>> 8, type & 255, 0, 1, 0, 0, 0, 5, length >>> 8, length & 255]);
  return join(hex(owner), fixed, octets);
}

/** An OPT record with payload size 1232: options in hexadecimal. */
export function opt(options: string, version = 0, owner = '00', rdlength?: number): Uint8Array {
  const octets = hex(options);
  const length = rdlength ?? octets.length;
  return join(
    hex(owner),
    Uint8Array.from([0, 41, 4, 0xd0, 0, version, 0, 0, length >>> 8, length & 255]),
    octets,
  );
}

/** A COOKIE option of the given length. */
export function cookie(length: number): string {
  return '000a' + length.toString(16).padStart(4, '0') + 'c0'.repeat(length);
}

/** A question's name as wire octets. */
export const anyName = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 20 }), { maxLength: 8 })
  .map((labels) => Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]));

/** Octets that look like a message for a while: few records, names that point about, lengths that may lie. */
export const anyPacket = fc
  .tuple(
    fc.constantFrom(0x0100, 0, 0x2000, 0x8180),
    fc.tuple(fc.constantFrom(1, 1, 1, 0, 2), fc.nat(2), fc.nat(2), fc.constantFrom(0, 1, 2, 0xffff)),
    fc.array(
      fc.oneof(
        fc.constantFrom(
          hex('00'),
          hex('c00c'),
          hex('c012'),
          hex('0000 2904d0 00000000'),
          hex('0001 0001 00000001'),
          hex('0000'),
          hex('0008'),
          hex('ffff'),
          hex('000a 0008 0102030405060708'),
          encodeName('db.shop'),
          QUESTION_DB,
          opt(''),
        ),
        fc.uint8Array({ maxLength: 12 }),
      ),
      { maxLength: 12 },
    ),
  )
  .map(([flags, counts, parts]) => join(header(flags, counts), ...parts));
