/** Stands between resolvers and the server and writes down every question, so that a retransmission is seen. */
import { createSocket, type Socket } from 'node:dgram';
import { connect, createServer, type Server } from 'node:net';
import { nameText, typeText } from '../harness/wire-text.ts';
import { parseWire } from '../harness/wire.ts';

export class Tap {
  /** `name. TYPE udp`, in order of arrival. */
  readonly asked: string[] = [];
  private readonly outside: Socket;
  private readonly tcp: Server;
  private readonly address: string;

  /** Listens on [address]:53, forwards to the same address on `port`. */
  constructor(address: string, port: number) {
    this.address = address;
    this.outside = createSocket('udp6');
    this.outside.on('message', (query, peer) => {
      this.note(query, 'udp');
      const inside = createSocket('udp6');
      inside.on('message', (answer) => {
        this.outside.send(answer, peer.port, peer.address);
        inside.close();
      });
      inside.send(query, port, address);
    });
    this.tcp = createServer((socket) => {
      const inside = connect(port, address);
      socket.once('data', (data) => this.noteFrames(data));
      socket.pipe(inside).pipe(socket);
      for (const end of [socket, inside]) end.on('error', () => end.destroy());
    });
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.outside.once('error', reject);
      this.outside.bind(53, this.address, resolve);
    });
    await new Promise<void>((resolve, reject) => {
      this.tcp.once('error', reject);
      this.tcp.listen(53, this.address, resolve);
    });
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.outside.close(() => resolve()));
    await new Promise<void>((resolve) => this.tcp.close(() => resolve()));
  }

  /** glibc writes both its questions at once. */
  private noteFrames(data: Buffer): void {
    for (let at = 0; at + 2 < data.length; at += 2 + data.readUInt16BE(at)) {
      this.note(data.subarray(at + 2, at + 2 + data.readUInt16BE(at)), 'tcp');
    }
  }

  private note(query: Buffer, by: string): void {
    const question = parseWire(query).question[0]!;
    this.asked.push(`${nameText(question.name).toLowerCase()} ${typeText(question.type)} ${by}`);
  }
}
