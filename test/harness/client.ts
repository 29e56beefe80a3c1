/** Asks over real sockets from a given source address, and knows silence from slowness without a clock. */
import { createSocket, type Socket } from 'node:dgram';
import { connect } from 'node:net';
import { encodeQuery, u16 } from './build.ts';

/** A query whose answer, whatever it is, shows that the server is through with what came before it. */
const SENTINEL_ID = 0x7e57;
const sentinel = encodeQuery({ id: SENTINEL_ID, name: 'ns.vpc.internal', type: 'AAAA' });

/** Only bounds a hang: no test passes or fails by it otherwise. */
const HANG = 15_000;

function hang(what: string, reject: (error: Error) => void): NodeJS.Timeout {
  return setTimeout(() => reject(new Error(`${what}: no answer within ${HANG} ms`)), HANG);
}

export class UdpClients {
  private readonly sockets = new Map<string, Promise<Socket>>();

  private socket(source: string): Promise<Socket> {
    let made = this.sockets.get(source);
    if (made === undefined) {
      made = new Promise((resolve, reject) => {
        const socket = createSocket(source.includes(':') ? 'udp6' : 'udp4');
        socket.once('error', reject);
        socket.bind(0, source, () => {
          socket.off('error', reject);
          resolve(socket);
        });
      });
      this.sockets.set(source, made);
    }
    return made;
  }

  /** The answer, or undefined when the server was silent; `silence` asks the sentinel behind. */
  async ask(
    query: Buffer,
    source: string,
    local: string,
    port: number,
    silence: boolean,
  ): Promise<Buffer | undefined> {
    const socket = await this.socket(source);
    return new Promise((resolve, reject) => {
      const timer = hang('UDP', reject);
      const finish = (answer: Buffer | undefined): void => {
        clearTimeout(timer);
        socket.off('message', onMessage);
        resolve(answer);
      };
      const onMessage = (answer: Buffer): void => {
        const isSentinel = answer.length >= 2 && answer.readUInt16BE(0) === SENTINEL_ID;
        finish(silence && isSentinel ? undefined : answer);
      };
      socket.on('message', onMessage);
      socket.send(query, port, local);
      if (silence) socket.send(sentinel, port, local);
    });
  }

  async close(): Promise<void> {
    for (const made of this.sockets.values()) (await made).close();
  }
}

/** One query on a connection of its own. Undefined: the server closed it, or answered only the sentinel. */
export function askTcp(
  query: Buffer,
  source: string,
  local: string,
  port: number,
  silence: boolean,
): Promise<Buffer | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: local, port, localAddress: source });
    const timer = hang('TCP', reject);
    let received = Buffer.alloc(0);
    const finish = (answer: Buffer | undefined): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(answer);
    };
    socket.on('error', (error: NodeJS.ErrnoException) => {
      if (silence && error.code === 'ECONNRESET') return finish(undefined);
      clearTimeout(timer);
      reject(error);
    });
    socket.on('close', () => finish(undefined));
    socket.on('data', (data) => {
      received = Buffer.concat([received, data]);
      if (received.length < 2 || received.length < 2 + received.readUInt16BE(0)) return;
      const answer = received.subarray(2, 2 + received.readUInt16BE(0));
      finish(silence && answer.readUInt16BE(0) === SENTINEL_ID ? undefined : answer);
    });
    socket.on('connect', () => {
      socket.write(Buffer.concat([u16(query.length), query]));
      if (silence) socket.write(Buffer.concat([u16(sentinel.length), sentinel]));
    });
  });
}
