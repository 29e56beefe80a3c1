/** The sockets towards upstreams, narrow enough that tests put scripted ones in their place. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Endpoint } from './endpoint.ts';

/** A connected datagram socket with a port of its own. After `close` no event comes. */
export interface Datagrams {
  send(message: Uint8Array): void;
  close(): void;
}

export interface DatagramEvents {
  /** In memory of its own, which is the receiver's from now on. */
  message(message: Uint8Array): void;
  /** The system's code, `ECONNREFUSED`, `EHOSTUNREACH`, `EMFILE`; the socket cannot be used any more. */
  error(code: string): void;
}

/** A TCP connection. Writing before it is open is fine. After `destroy` no event comes. */
export interface Stream {
  write(octets: Uint8Array): void;
  destroy(): void;
}

export interface StreamEvents {
  data(octets: Uint8Array): void;
  /** Once: closed by the other side (`code` is '' then), refused, broken. */
  closed(code: string): void;
}

/** No event comes before the call that makes the socket has returned. */
export interface Sockets {
  datagrams(endpoint: Endpoint, events: DatagramEvents): Datagrams;
  stream(endpoint: Endpoint, events: StreamEvents): Stream;
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

export const systemSockets: Sockets = {
  datagrams(endpoint, events) {
    // The system gives a random free port at `connect`; connected, it takes packets of that address and port only.
    const socket = createSocket(endpoint.family === 4 ? 'udp4' : 'udp6');
    let open = true;
    let connected = false;
    const waiting: Uint8Array[] = [];
    const fail = (error: Error | null): void => {
      if (open && error !== null) events.error(codeOf(error));
    };
    socket.on('error', fail);
    socket.on('message', (message) => {
      if (open) events.message(message);
    });
    socket.once('connect', () => {
      connected = true;
      if (open) for (const message of waiting.splice(0)) socket.send(message, fail);
    });
    try {
      socket.connect(endpoint.port, endpoint.address);
    } catch (error) {
      process.nextTick(fail, error as Error);
    }
    return {
      send(message) {
        if (!open) return;
        if (connected) socket.send(message, fail);
        else waiting.push(message);
      },
      close() {
        if (!open) return;
        open = false;
        socket.close();
      },
    };
  },

  stream(endpoint, events) {
    const socket = connect({ port: endpoint.port, host: endpoint.address, noDelay: true });
    let open = true;
    const end = (code: string): void => {
      if (!open) return;
      open = false;
      socket.destroy();
      events.closed(code);
    };
    socket.on('data', (octets) => {
      if (open) events.data(octets);
    });
    socket.on('error', (error) => end(codeOf(error)));
    socket.on('end', () => end(''));
    socket.on('close', () => end(''));
    return {
      write(octets) {
        if (open) socket.write(octets);
      },
      destroy() {
        open = false;
        socket.destroy();
      },
    };
  },
};
