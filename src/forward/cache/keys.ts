/** The key under which a question is cached and joined, the question itself, and unpredictable ids. */
import { randomFillSync } from 'node:crypto';
import type { Query } from '../../dns/query.ts';
import { endOf, marksOf, NO_MARKS } from '../question.ts';
import type { Question } from '../question.ts';
import { FLAG_CD } from '../../dns/flags.ts';

const MARKED_DO = 1;
const MARKED_CD = 2;

/** VPC, folded qname, type, class, DO and CD: an answer is the same only where all of them are. */
export function keyOf(tenant: number, query: Query): string {
  const bits = (query.dnssecOk ? MARKED_DO : 0) | ((query.flags & FLAG_CD) !== 0 ? MARKED_CD : 0);
  const name = Buffer.from(query.name.buffer, query.name.byteOffset, query.qnameLength).toString('latin1');
  return `${tenant}/${bits}/${query.qtype}/${query.qclass}/${name}`;
}

/** The keys of all questions that differ from that with this key in DO and CD alone; its own too. */
export function keysAlike(key: string): string[] {
  const at = key.indexOf('/') + 1;
  const before = key.slice(0, at);
  const after = key.slice(at + 1);
  return [0, MARKED_DO, MARKED_CD, MARKED_DO | MARKED_CD].map((bits) => `${before}${bits}${after}`);
}

/** True for the keys of this VPC. */
export function isOf(key: string, tenant: number): boolean {
  return key.startsWith(`${tenant}/`);
}

/** What to ask of an upstream for the query that was parsed from `packet`. */
export function questionOf(query: Query, packet: Uint8Array): Question {
  return {
    name: query.name.slice(0, query.qnameLength),
    type: query.qtype,
    class: query.qclass,
    dnssecOk: query.dnssecOk,
    checkingDisabled: (query.flags & FLAG_CD) !== 0,
    marks: query.edns ? marksOf(packet, endOf(query)) : NO_MARKS,
  };
}

/** A source of ids from the system's generator, drawn in bulk. */
export function randomIds(): () => number {
  const pool = new Uint16Array(512);
  let used = pool.length;
  return () => {
    if (used === pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    return pool[used++];
  };
}
