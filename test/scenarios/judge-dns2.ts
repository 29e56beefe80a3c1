/** An independent reader beside the strict one: dns2 must see the same message. */
import { createRequire } from 'node:module';
import type { WireMessage } from '../harness/wire.ts';

const dns2 = createRequire(import.meta.url)('dns2') as {
  Packet: {
    parse(bytes: Buffer): {
      header: { id: number; rcode: number; qr: number; aa: number; tc: number };
      questions: unknown[];
      answers: { address?: string; type: number }[];
      authorities: unknown[];
      additionals: unknown[];
    };
  };
};

/** dns2 reads names by joining labels with dots, and is slow: it is asked where it is able. */
export function judgeByDns2(bytes: Uint8Array, message: WireMessage): string[] {
  if (
    bytes.length > 4096 ||
    message.question.some((question) => question.name.some((label) => label.includes('.')))
  ) {
    return [];
  }
  const packet = dns2.Packet.parse(Buffer.from(bytes));
  const faults: string[] = [];
  const compare = (what: string, got: unknown, wanted: unknown): void => {
    if (got !== wanted)
      faults.push(`dns2 reads ${what} as ${String(got)}, the strict reader as ${String(wanted)}`);
  };
  compare('id', packet.header.id, message.id);
  compare('rcode', packet.header.rcode, message.rcode);
  compare('AA', packet.header.aa, Number(message.flags.aa));
  compare('TC', packet.header.tc, Number(message.flags.tc));
  compare('answers', packet.answers.length, message.answer.length);
  compare('authorities', packet.authorities.length, message.authority.length);
  compare(
    'additionals',
    packet.additionals.length,
    message.additional.length + (message.edns === undefined ? 0 : 1),
  );
  packet.answers.forEach((record, index) => {
    if (record.type === 1 || record.type === 28)
      compare('address', record.address, message.answer[index]?.text);
  });
  return faults;
}
