import type { Listener } from '../../src/answer/peer.ts';

export const ECHO: number;
export const HOLD: number;
export const THROW: number;
export const DROP: number;
export const THROW_DEFER: number;
export const REPLY_AT_ONCE: number;
export const SIZED: number;
export const HOLD_SIZED: number;

export function answerTo(packet: Uint8Array, start: number, end: number): Uint8Array;
export function respond(
  packet: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  outStart: number,
): number;

export interface SeenPeer {
  address: string;
  port: number;
  local: string;
  listener: Listener;
  tcp: boolean;
}

export class Seen {
  constructor(memory: SharedArrayBuffer);
  readonly memory: SharedArrayBuffer;
  note(peer: object, room: number): void;
  read(): (SeenPeer & { room: number }) | undefined;
}
