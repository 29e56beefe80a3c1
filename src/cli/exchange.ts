/** Sends one query to one server: over UDP with retries, over TCP if the answer is truncated. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { FLAG_QR, FLAG_TC, flagsOf } from '../dns/flags.ts';
import { Frames, frame } from '../dns/frames.ts';
import { parseMessage, type Message } from '../dns/print.ts';
import { secondOpinion } from './second-opinion.ts';

export interface Target {
  /** Without brackets. */
  address: string;
  port: number;
}

export interface ExchangeOptions {
  /** How many times the query is sent over UDP. */
  tries: number;
  /** Milliseconds to wait after each try over UDP, and for the whole exchange over TCP. */
  timeout: number;
  /** Start with TCP. */
  tcp?: boolean;
}

export interface Exchange {
  message: Message;
  /** Where an independent parser disagrees. */
  doubts: string[];
  octets: number;
  protocol: 'UDP' | 'TCP';
  /** From the last sending of the query to its answer, as dig counts it. */
  milliseconds: number;
  /** Why TCP failed after a truncated answer; `message` is then the truncated answer. */
  tcpFailure?: string;
}

/** There was no answer: connection refused, host unreachable, timeout, or only packets that answer other queries. */
export class Unreachable extends Error {}

/** Resolves with the server's answer. Rejects with Unreachable. */
export async function exchange(
  query: Uint8Array,
  target: Target,
  options: ExchangeOptions,
): Promise<Exchange> {
  const done = ({ answer, milliseconds }: Timed, protocol: 'UDP' | 'TCP', tcpFailure?: string): Exchange => {
    const message = parseMessage(answer);
    return {
      message,
      doubts: secondOpinion(answer, message),
      octets: answer.length,
      protocol,
      milliseconds: Math.floor(milliseconds),
      ...(tcpFailure === undefined ? {} : { tcpFailure }),
    };
  };
  if (options.tcp) return done(await overTcp(query, target, options.timeout), 'TCP');
  const timed = await overUdp(query, target, options);
  if ((flagsOf(timed.answer) & FLAG_TC) === 0) return done(timed, 'UDP');
  try {
    return done(await overTcp(query, target, options.timeout), 'TCP');
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    return done(timed, 'UDP', error.message);
  }
}

interface Timed {
  answer: Uint8Array;
  milliseconds: number;
}

/** An answer to this query: the same id, a response, and the same question where there is one. */
function answers(packet: Uint8Array, query: Uint8Array): boolean {
  if (
    packet.length < 12 ||
    packet[0] !== query[0] ||
    packet[1] !== query[1] ||
    (flagsOf(packet) & FLAG_QR) === 0
  )
    return false;
  const questions = (packet[4]! << 8) | packet[5]!;
  // FORMERR and NOTIMP may come without the question (RFC 9619 allows no more than one).
  if (questions === 0) return true;
  let end = 12;
  while (query[end] !== 0) end += 1 + query[end]!;
  end += 5;
  return packet.length >= end && Buffer.from(packet.subarray(12, end)).equals(query.subarray(12, end));
}

function overUdp(query: Uint8Array, target: Target, options: ExchangeOptions): Promise<Timed> {
  const socket = createSocket(target.address.includes(':') ? 'udp6' : 'udp4');
  let timer: NodeJS.Timeout | undefined;
  return new Promise<Timed>((resolve, reject) => {
    let left = options.tries;
    let sent = 0;
    const send = (): void => {
      if (left === 0) {
        const whole = options.tries * options.timeout;
        reject(new Unreachable(`no answer within ${whole} ms (${options.tries} tries)`));
        return;
      }
      left--;
      sent = performance.now();
      socket.send(query);
      timer = setTimeout(send, options.timeout);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => reject(new Unreachable(reasonOf(error))));
    socket.on('message', (packet) => {
      if (answers(packet, query)) resolve({ answer: packet, milliseconds: performance.now() - sent });
    });
    // A connected socket reports a closed port at once, and takes answers from this server only.
    socket.connect(target.port, target.address, send);
  }).finally(() => {
    clearTimeout(timer);
    socket.close();
  });
}

function overTcp(query: Uint8Array, target: Target, timeout: number): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: target.address, port: target.port, noDelay: true });
    const fail = (reason: string): void => {
      clearTimeout(timer);
      socket.destroy();
      reject(new Unreachable(`${reason} (TCP)`));
    };
    const timer = setTimeout(() => fail(`no answer within ${timeout} ms`), timeout);
    const frames = new Frames();
    let sent = 0;
    socket.on('connect', () => {
      sent = performance.now();
      socket.write(frame(query));
    });
    socket.on('error', (error) => fail(reasonOf(error)));
    socket.on('end', () => fail('the connection was closed without an answer'));
    socket.on('data', (part) => {
      frames.push(part);
      for (let packet = frames.next(); packet !== null; packet = frames.next()) {
        if (!answers(packet, query)) continue;
        clearTimeout(timer);
        socket.destroy();
        resolve({ answer: packet, milliseconds: performance.now() - sent });
        return;
      }
    });
  });
}

const REASONS: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  EHOSTUNREACH: 'no route to that address',
  ENETUNREACH: 'no route to that network',
  EADDRNOTAVAIL: 'no route to that address',
};

function reasonOf(error: NodeJS.ErrnoException): string {
  return REASONS[error.code ?? ''] ?? error.message;
}
