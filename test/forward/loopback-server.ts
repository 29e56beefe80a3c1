/** A scripted upstream on loopback, with real sockets: what it does wrong is up to the test. */
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { freePort } from '../harness/free-port.ts';

export interface Behaviour {
  /** Datagrams to send back; none to stay silent. */
  udp?: (query: Uint8Array) => Uint8Array[];
  /** Octets to write for a message on a connection, its length before it; `end` closes after them. */
  tcp?: (query: Uint8Array) => { octets: Uint8Array; end?: boolean };
}

export interface LoopbackServer {
  /** `127.0.0.1:PORT`. */
  text: string;
  udpQueries: Uint8Array[];
  tcpQueries: Uint8Array[];
  /** Source ports of the queries. */
  ports: number[];
  connections: number;
  close(): Promise<void>;
}

/** Without `tcp` connections are refused: the same port is free there. */
export async function startServer(behaviour: Behaviour, address = '127.0.0.1'): Promise<LoopbackServer> {
  const six = address.includes(':');
  const udp: UdpSocket = createSocket(six ? 'udp6' : 'udp4');
  const port = await freePort(address);
  await new Promise<void>((resolve) => udp.bind(port, address, resolve));
  const sockets = new Set<Socket>();
  const host = six ? `[${address}]` : address;
  const server: LoopbackServer = {
    text: `${host}:${port}`,
    udpQueries: [],
    tcpQueries: [],
    ports: [],
    connections: 0,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => udp.close(() => resolve()));
      if (tcp !== undefined) await new Promise<void>((resolve) => tcp!.close(() => resolve()));
    },
  };
  udp.on('message', (query, from) => {
    server.udpQueries.push(query);
    server.ports.push(from.port);
    for (const answer of behaviour.udp?.(query) ?? []) udp.send(answer, from.port, from.address, () => {});
  });
  let tcp: Server | undefined;
  const { tcp: onMessage } = behaviour;
  if (onMessage !== undefined) {
    tcp = createServer((socket) => {
      server.connections++;
      sockets.add(socket);
      socket.on('error', () => {});
      let buffer = Buffer.alloc(0);
      socket.on('data', (octets) => {
        buffer = Buffer.concat([buffer, octets]);
        while (buffer.length >= 2 && buffer.length >= 2 + buffer.readUInt16BE(0)) {
          const query = buffer.subarray(2, 2 + buffer.readUInt16BE(0));
          buffer = buffer.subarray(2 + query.length);
          server.tcpQueries.push(query);
          const { octets: answer, end } = onMessage(query);
          if (end === true) socket.end(answer);
          else socket.write(answer);
        }
      });
    });
    await new Promise<void>((resolve) => tcp!.listen(port, address, resolve));
  }
  return server;
}
