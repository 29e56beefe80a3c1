/** TCP transports and clients of a test, closed at its end. */
import { TcpTransport } from '../../src/transport/tcp/tcp.ts';
import type { TcpOptions } from '../../src/transport/tcp/tcp.ts';
import { TcpClient } from './clients.ts';
import { Fake, makeListener } from './fake.ts';

const open: { close(): Promise<void> }[] = [];

export async function openTransport(options: TcpOptions = {}, address = '127.0.0.1', port = 0) {
  const fake = new Fake();
  const transport = new TcpTransport(makeListener(address, port), fake, options);
  open.push({ close: () => transport.close(50) });
  return { fake, transport, port: await transport.open() };
}

export async function openClient(port: number, reading = true, from?: string): Promise<TcpClient> {
  const client = await TcpClient.open('127.0.0.1', port, reading, from);
  open.push(client);
  return client;
}

export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((each) => each.close()));
}
