/** Binds one node:dgram socket to one numeric address, or adopts one that is bound. */
import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';

/**
 * Resolves with a socket that receives; the caller must listen to its errors at once. Rejects with the system's
 * error and leaves nothing open then. `fd` is adopted instead of binding.
 */
export function bindUdp(address: string, port: number, fd?: number): Promise<Socket> {
  const family = address.includes(':') ? 6 : 4;
  const socket = createSocket({
    type: family === 6 ? 'udp6' : 'udp4',
    ipv6Only: family === 6,
    // Addresses are always numeric; the default would ask the resolver for each answer.
    lookup: (host, _options, done) => done(null, host, family),
  });
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      socket.on('error', () => {});
      try {
        socket.close();
      } catch {
        // It never opened.
      }
      reject(error);
    };
    socket.once('error', fail);
    socket.once('listening', () => {
      socket.off('error', fail);
      resolve(socket);
    });
    try {
      if (fd === undefined) socket.bind({ address, port, exclusive: true });
      else socket.bind({ fd, exclusive: true });
    } catch (error) {
      fail(error);
    }
  });
}
