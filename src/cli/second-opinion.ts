/** Checks an answer with dns2, a parser that shares no code with the encoder and the parser of podns. */
import { createRequire } from 'node:module';
import type { Message } from '../dns/print.ts';

interface Dns2 {
  Packet: {
    parse(bytes: Buffer): {
      header: { id: number; rcode: number };
      answers: { address?: string }[];
      authorities: unknown[];
    };
  };
}

/** dns2 takes seconds for some messages of 64 KiB; no message over UDP is longer than this. */
const LONGEST = 4096;

/**
 * One sentence for each difference (EDNS excepted, because dns2 knows few options); empty if both agree, or the
 * answer is too long for dns2.
 */
export function secondOpinion(answer: Uint8Array, message: Message): string[] {
  if (answer.length > LONGEST) return [];
  const { Packet } = createRequire(import.meta.url)('dns2') as Dns2;
  try {
    const read = Packet.parse(Buffer.from(answer));
    const faults: string[] = [];
    const compare = (what: string, theirs: number, ours: number): void => {
      if (theirs !== ours) faults.push(`an independent parser reads ${theirs} as ${what}, not ${ours}`);
    };
    compare('id', read.header.id, message.id);
    compare('number of answers', read.answers.length, message.answer.length);
    compare('number of authority records', read.authorities.length, message.authority.length);
    return faults;
  } catch (error) {
    return [`an independent parser cannot read this answer: ${(error as Error).message}`];
  }
}
