/**
 * What a process and its successor say to each other.
 *
 * ```
 * successor                     running process
 * hello {protocol, version, pid}
 *                               welcome {protocol, version, pid, cookieSecret, watchdog, problems, gateways} | refusal {reason}
 * view
 *                               view {head}, its text in pieces, an empty piece
 * sockets
 *                               sockets {sockets, digest}, their descriptors in that order
 * serving                       both answer now, on the same sockets
 *                               left: it reads none of them any more, and writes nothing to the state folder
 * ```
 * The running process closes the connection when the successor has lived for a while; if the successor ends before,
 * it goes on as if nothing had happened. A process that closes the connection earlier has given up.
 */
import { channel as diagnostics } from 'node:diagnostics_channel';
import { ChannelError } from './channel.ts';

/** Raised whenever a process with the old one and one with the new could not understand each other. */
export const PROTOCOL = 1;

/** Milliseconds that one step may take; a large view is made of many. */
export const STEP_MS = 10_000;

/** One socket, in the order of the descriptors. */
export interface HandedSocket {
  protocol: 'udp' | 'tcp' | 'admin';
  /** Of the listener, not of the socket: for a wildcard they may differ. `ADDR:PORT` or `unix:PATH` of admin. */
  address: string;
  port: number;
}

export interface StandingSince {
  /** Kind, subject and text of a problem as one text. */
  identity: string;
  /** Milliseconds since 1970. */
  since: number;
}

/** What the running process tells at first. */
export interface Welcome {
  version: string;
  pid: number;
  /** 16 octets. */
  cookieSecret: Uint8Array;
  /** Microseconds between signs of life that the service manager expects, as text; '' for none. */
  watchdog: string;
  problems: StandingSince[];
  /** Where the hosts of container engines are: an engine may be away when the successor starts. */
  gateways: HandedGateways[];
}

export interface HandedGateways {
  vpc: string;
  addresses: readonly string[];
}

const PROBLEMS_MAX = 10_000;
const ENGINES_MAX = 256;
const SOCKETS_MAX = 8192;

/** Programs that test a takeover are told of each step here: `{ step }`. */
const steps = diagnostics('podns.takeover');

export function step(name: string): void {
  if (steps.hasSubscribers) steps.publish({ step: name });
}

export function textOf(message: Record<string, unknown>, key: string): string {
  const value = message[key];
  if (typeof value !== 'string') throw new ChannelError(`${String(message['type'])}: ${key} is no text`);
  return value;
}

export function numberOf(message: Record<string, unknown>, key: string): number {
  const value = message[key];
  if (typeof value !== 'number') throw new ChannelError(`${String(message['type'])}: ${key} is no number`);
  return value;
}

/** The objects of a list of at most so many. */
export function objectsOf(
  message: Record<string, unknown>,
  key: string,
  most: number,
): Record<string, unknown>[] {
  const value = message[key];
  if (
    !Array.isArray(value) ||
    value.length > most ||
    value.some((one) => typeof one !== 'object' || one === null)
  )
    throw new ChannelError(`${String(message['type'])}: ${key} is no list of at most ${most}`);
  return value as Record<string, unknown>[];
}

export function expectType(message: Record<string, unknown>, type: string): void {
  if (message['type'] === 'refusal') throw new ChannelError(`it refuses: ${textOf(message, 'reason')}`);
  if (message['type'] !== type)
    throw new ChannelError(`${type} was expected, and ${JSON.stringify(message['type'])} came`);
}

export function welcomeMessage(welcome: Welcome): object {
  const { cookieSecret, problems, ...rest } = welcome;
  return {
    type: 'welcome',
    protocol: PROTOCOL,
    ...rest,
    cookieSecret: Buffer.from(cookieSecret).toString('hex'),
    problems: problems.slice(0, PROBLEMS_MAX),
  };
}

/** Throws ChannelError. */
export function readWelcome(message: Record<string, unknown>): Welcome {
  expectType(message, 'welcome');
  const protocol = numberOf(message, 'protocol');
  if (protocol !== PROTOCOL)
    throw new ChannelError(`it speaks version ${protocol} of the protocol, and this podns ${PROTOCOL}`);
  const cookieSecret = Buffer.from(textOf(message, 'cookieSecret'), 'hex');
  if (cookieSecret.length !== 16) throw new ChannelError('welcome: cookieSecret has not 16 octets');
  return {
    version: textOf(message, 'version'),
    pid: numberOf(message, 'pid'),
    cookieSecret: Uint8Array.from(cookieSecret),
    watchdog: textOf(message, 'watchdog'),
    problems: objectsOf(message, 'problems', PROBLEMS_MAX).map((one) => ({
      identity: textOf(one, 'identity'),
      since: numberOf(one, 'since'),
    })),
    gateways: objectsOf({ gateways: [], ...message }, 'gateways', ENGINES_MAX).map((one) => ({
      vpc: textOf(one, 'vpc'),
      addresses: textsOf(one, 'addresses'),
    })),
  };
}

function textsOf(message: Record<string, unknown>, key: string): string[] {
  const value = message[key];
  if (!Array.isArray(value) || value.some((one) => typeof one !== 'string'))
    throw new ChannelError(`${key} is no list of texts`);
  return value as string[];
}

/** Throws ChannelError. */
export function readSockets(message: Record<string, unknown>): HandedSocket[] {
  expectType(message, 'sockets');
  return objectsOf(message, 'sockets', SOCKETS_MAX).map((one) => {
    const protocol = textOf(one, 'protocol');
    if (protocol !== 'udp' && protocol !== 'tcp' && protocol !== 'admin')
      throw new ChannelError(`sockets: the protocol ${protocol} is not known`);
    return { protocol, address: textOf(one, 'address'), port: numberOf(one, 'port') };
  });
}
