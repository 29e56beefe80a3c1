/** Runs the parsers over a file of hostile packets, each with its length before it in 16 bits, where one is named. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseQuery } from '../../src/dns/message.ts';
import { encodeName } from '../../src/dns/name.ts';
import { decodeName } from './decode-name.ts';
import { parseMessage } from '../../src/dns/print.ts';
import { PARSED, PARSED_DROP, PARSED_FORMERR, Query } from '../../src/dns/query.ts';
import { MessageError } from '../../src/dns/rdata.ts';

const file = process.env['PODNS_CORPUS'];

if (file === undefined || file === '') {
  test('hostile packets (skipped: PODNS_CORPUS names no file of them)', (context) => {
    context.skip('set PODNS_CORPUS to a file of packets, each behind its length in 16 bits');
  });
} else {
  const octets = new Uint8Array(readFileSync(file));
  const packets: Uint8Array[] = [];
  for (let at = 0; at + 2 <= octets.length;) {
    const length = (octets[at] << 8) | octets[at + 1];
    packets.push(octets.subarray(at + 2, at + 2 + length));
    at += 2 + length;
  }

  describe(`${packets.length} hostile packets`, () => {
    test('parseQuery reads or refuses each', () => {
      expect(packets.length).toBeGreaterThan(0);
      const query = new Query();
      for (const packet of packets) {
        const parsed = parseQuery(packet, 0, packet.length, query);
        const isQuery = packet.length >= 12 && packet[2] < 0x80;
        expect(parsed !== PARSED_DROP).toBe(isQuery);
        if (parsed !== PARSED) continue;
        const name = query.name.slice(0, query.qnameLength);
        expect(encodeName(decodeName(name, 0))).toEqual(name);
      }
    });

    test('parseMessage reads or refuses each, and agrees with parseQuery', () => {
      const query = new Query();
      for (const packet of packets) {
        const parsed = parseQuery(packet, 0, packet.length, query);
        try {
          const message = parseMessage(packet);
          if (parsed !== PARSED_FORMERR) continue;
          // Stricter: a question is needed, and no pointer may stand in it.
          if (message.question === undefined) continue;
          const plain = encodeName(message.question.name);
          expect(packet.slice(12, 12 + plain.length)).not.toEqual(plain);
        } catch (error) {
          expect(error).toBeInstanceOf(MessageError);
        }
      }
    });
  });
}
