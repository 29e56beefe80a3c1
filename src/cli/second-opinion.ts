/** What an independent reader, dns2, makes of an answer: a server's encoder and this one's reader are kin, it is not. */
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

/** dns2 takes seconds for some messages of 64 KiB, and none over UDP is longer than this. */
const LONGEST = 4096;

/**
 * A sentence for each thing that dns2 reads otherwise (but not of EDNS, where it knows few options); none when both agree, or the
 * answer is too long for it.
 */
export function secondOpinion(answer: Uint8Array, message: Message): string[] {
  if (answer.length > LONGEST) return [];
  const { Packet } = createRequire(import.meta.url)('dns2') as Dns2;
  try {
    const read = Packet.parse(Buffer.from(answer));
    const faults: string[] = [];
    const compare = (what: string, theirs: number, ours: number): void => {
      if (theirs !== ours) faults.push(`an independent reader finds ${theirs} as ${what}, not ${ours}`);
    };
    compare('id', read.header.id, message.id);
    compare('number of answers', read.answers.length, message.answer.length);
    compare('number of authority records', read.authorities.length, message.authority.length);
    return faults;
  } catch (error) {
    return [`an independent reader cannot read this answer: ${(error as Error).message}`];
  }
}
