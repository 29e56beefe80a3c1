/** Small UDP and TCP clients that ask transports and collect the answers. */
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { connect } from 'node:net';
import type { Socket as TcpSocket } from 'node:net';

/** What the behaviour suite needs of a client, whatever carries its packets. */
export interface Client {
  send(message: Uint8Array): void;
  /** Resolves with the first `count` messages that came, in order of arrival. */
  received(count: number): Promise<Buffer[]>;
  readonly messages: Buffer[];
  readonly port: number;
  close(): Promise<void>;
}

class Inbox {
  readonly messages: Buffer[] = [];
  readonly #waiters: { count: number; done: (messages: Buffer[]) => void }[] = [];

  push(message: Buffer): void {
    this.messages.push(message);
    for (let i = this.#waiters.length - 1; i >= 0; i--) {
      if (this.#waiters[i]!.count > this.messages.length) continue;
      this.#waiters[i]!.done(this.messages.slice(0, this.#waiters[i]!.count));
      this.#waiters.splice(i, 1);
    }
  }

  received(count: number): Promise<Buffer[]> {
    if (this.messages.length >= count) return Promise.resolve(this.messages.slice(0, count));
    return new Promise((done) => this.#waiters.push({ count, done }));
  }
}

export class UdpClient extends Inbox implements Client {
  /** Where each message came from: `address port`. */
  readonly from: string[] = [];
  readonly #socket: UdpSocket;
  #sending = 0;
  readonly #flushed: (() => void)[] = [];

  private constructor(socket: UdpSocket) {
    super();
    this.#socket = socket;
    socket.on('message', (message, { address, port }) => {
      this.from.push(`${address} ${port}`);
      this.push(message);
    });
    // An answer to a closed port comes back as an error of the connected socket.
    socket.on('error', () => {});
  }

  static open(address: string, port: number): Promise<UdpClient> {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
    return new Promise((resolve, reject) => {
      socket.once('error', reject);
      socket.connect(port, address, () => {
        socket.off('error', reject);
        resolve(new UdpClient(socket));
      });
    });
  }

  get port(): number {
    return this.#socket.address().port;
  }

  send(message: Uint8Array): void {
    this.#sending++;
    this.#socket.send(message, () => {
      if (--this.#sending === 0) for (const done of this.#flushed.splice(0)) done();
    });
  }

  /** Resolves when the kernel has all that was sent: node:dgram hands nothing over before the next tick. */
  flushed(): Promise<void> {
    if (this.#sending === 0) return Promise.resolve();
    return new Promise((done) => this.#flushed.push(done));
  }

  close(): Promise<void> {
    return new Promise((done) => this.#socket.close(() => done()));
  }
}

export class TcpClient extends Inbox implements Client {
  readonly socket: TcpSocket;
  /** Resolves at the server's FIN. */
  readonly ended: Promise<void>;
  /** Resolves with the code of the error when the connection is gone, '' when there was none. */
  readonly closed: Promise<string>;
  /** Number of 'data' events. */
  chunks = 0;
  #rest = Buffer.alloc(0);

  private constructor(socket: TcpSocket, reading: boolean) {
    super();
    this.socket = socket;
    let code = '';
    socket.on('error', (error: NodeJS.ErrnoException) => (code = error.code ?? 'unknown'));
    this.ended = new Promise((done) => socket.on('end', done));
    this.closed = new Promise((done) => socket.on('close', () => done(code)));
    if (reading) this.read();
  }

  static open(address: string, port: number, reading = true, localAddress?: string): Promise<TcpClient> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: address, port, localAddress, allowHalfOpen: true, noDelay: true });
      socket.once('error', reject);
      socket.once('connect', () => {
        socket.off('error', reject);
        resolve(new TcpClient(socket, reading));
      });
    });
  }

  get port(): number {
    return this.socket.localPort ?? 0;
  }

  read(): void {
    this.socket.on('data', (chunk: Buffer) => {
      this.chunks++;
      let rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
        const end = 2 + rest.readUInt16BE(0);
        this.push(Buffer.from(rest.subarray(2, end)));
        rest = rest.subarray(end);
      }
      this.#rest = Buffer.from(rest);
    });
  }

  send(message: Uint8Array): void {
    this.socket.write(frame(message));
  }

  close(): Promise<void> {
    this.socket.destroy();
    return this.closed.then(() => {});
  }
}

export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

/** Lets the event loop turn until `condition` holds; the test's own time-out is the bound. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((done) => setTimeout(done, 2));
}
