/** Puts many questions to one server, and tells silence from slowness by a question behind them. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { encodeQuery } from '../harness/build.ts';
import { TcpClient } from '../transport/clients.ts';

/** In flight at once: few enough for the smallest receive queue. */
const WINDOW = 32;
const SENTINEL = 0xffff;
const sentinel = encodeQuery({ id: SENTINEL, name: 'db.web.vpc.internal', type: 'AAAA' });

/** How nsd wants to be asked: what it takes for an error it answers a hundred times in a second, and then not at all. */
export const ERRORS_AT_ONCE = 64;
const NEXT_SECOND = 1100;

/** The packets in windows; those that may be errors in windows of their own, which `pause` comes before. */
export type Window = { places: number[]; pause: boolean };

export function windows(errors: boolean[], careful: boolean): Window[] {
  const cut = (places: number[], size: number, pause: boolean): Window[] =>
    Array.from({ length: Math.ceil(places.length / size) }, (_, i) => ({
      places: places.slice(i * size, (i + 1) * size),
      pause: pause && (i * size) % ERRORS_AT_ONCE === 0,
    }));
  const of = (wanted: boolean): number[] =>
    errors.flatMap((error, place) => (error === wanted ? [place] : []));
  return [...cut(of(false), WINDOW, false), ...cut(of(true), WINDOW, careful)];
}

export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, NEXT_SECOND));
}

/** The packet with an id of ours in its first two octets, where it has them. */
function numbered(packet: Buffer, id: number): Buffer {
  const copy = Buffer.from(packet);
  if (copy.length >= 2) copy.writeUInt16BE(id, 0);
  return copy;
}

/**
 * Answers over UDP in the order of `packets`, undefined where the server was silent. It must answer in the order
 * of arrival, as every server with one thread does.
 */
export async function askUdp(
  port: number,
  packets: Buffer[],
  plan: Window[] = windows(
    packets.map(() => false),
    false,
  ),
): Promise<(Buffer | undefined)[]> {
  const socket = createSocket('udp4');
  const answers: (Buffer | undefined)[] = packets.map(() => undefined);
  let places: number[] = [];
  let done = (): void => undefined;
  let fail = (_: Error): void => undefined;
  socket.on('message', (answer) => {
    const id = answer.readUInt16BE(0);
    if (id === SENTINEL) return done();
    const place = places[id];
    if (place !== undefined && answers[place] === undefined) answers[place] = answer;
    else fail(new Error(`an answer that nobody asked for: ${answer.toString('hex')}`));
  });
  socket.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  for (const window of plan) {
    if (window.pause) await pause();
    places = window.places;
    places.forEach((place, id) => socket.send(numbered(packets[place]!, id)));
    // Twice: nsd answers the last packet of a batch in the place of one that it drops.
    for (let round = 0; round < 2; round++) {
      const through = new Promise<void>((resolve, reject) => {
        done = resolve;
        fail = reject;
      });
      socket.send(sentinel);
      await through;
    }
  }
  socket.close();
  return answers;
}

/**
 * The same over TCP, one after the other on one connection: what pipelining costs knot (it waits for more octets
 * behind a long answer) and nsd (a delayed acknowledgement an answer) is not the matter here.
 */
export async function askTcp(
  port: number,
  packets: Buffer[],
  plan: Window[],
): Promise<(Buffer | undefined)[]> {
  const answers: (Buffer | undefined)[] = packets.map(() => undefined);
  const client = await TcpClient.open('127.0.0.1', port);
  const closed = client.closed.then((code) => {
    throw new Error(`closed ${code} by the server `);
  });
  closed.catch(() => undefined);
  for (const window of plan) {
    if (window.pause) await pause();
    for (const place of window.places) {
      client.messages.length = 0;
      client.send(numbered(packets[place]!, place));
      answers[place] = (await Promise.race([client.received(1), closed]))[0];
    }
  }
  await client.close();
  return answers;
}
