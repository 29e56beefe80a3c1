/** A resolver that knows everything: A is 192.0.2.53, AAAA 2001:db8::53, the rest is no data; it notes who was asked for. */
import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { encodeRecord, u16 } from './build.ts';
import { freePort } from './free-port.ts';
import { nameText } from './wire-text.ts';
import { parseWire } from './wire.ts';

export class Upstream {
  /** Every name asked, folded, with the final dot. */
  readonly names = new Set<string>();
  port = 0;
  private readonly udp: Socket = createSocket('udp4');
  private readonly tcp: Server;

  constructor() {
    this.udp.on('message', (query, peer) => this.udp.send(this.reply(query), peer.port, peer.address));
    this.tcp = createServer((socket) => {
      socket.on('error', () => socket.destroy());
      socket.on('data', (frame) => {
        const answer = this.reply(frame.subarray(2));
        socket.end(Buffer.concat([u16(answer.length), answer]));
      });
    });
  }

  async open(): Promise<void> {
    this.port = await freePort('127.0.0.1');
    await new Promise<void>((resolve) => this.udp.bind(this.port, '127.0.0.1', resolve));
    await new Promise<void>((resolve) => this.tcp.listen(this.port, '127.0.0.1', resolve));
  }

  async close(): Promise<void> {
    await new Promise<void>((resolve) => this.udp.close(() => resolve()));
    await new Promise<void>((resolve) => this.tcp.close(() => resolve()));
  }

  private reply(query: Buffer): Buffer {
    const question = parseWire(query).question[0]!;
    this.names.add(nameText(question.name).toLowerCase());
    const end = 12 + question.name.reduce((sum, label) => sum + label.length + 1, 1) + 4;
    const head = Buffer.from(query.subarray(0, end));
    head[2] = 0x81;
    head[3] = 0x80;
    head.writeUInt32BE(0x00010000, 4);
    head.writeUInt32BE(0, 8);
    if (question.type === 1) {
      head.writeUInt16BE(1, 6);
      return Buffer.concat([head, ownedByQuestion(1, Buffer.from([192, 0, 2, 53]))]);
    }
    if (question.type === 28) {
      head.writeUInt16BE(1, 6);
      const rdata = Buffer.from('20010db8000000000000000000000053', 'hex');
      return Buffer.concat([head, ownedByQuestion(28, rdata)]);
    }
    head.writeUInt16BE(1, 8);
    return Buffer.concat([
      head,
      encodeRecord(
        '.',
        6,
        1,
        60,
        Buffer.concat([Buffer.alloc(2), Buffer.alloc(16), Buffer.from([0, 0, 0, 60])]),
      ),
    ]);
  }
}

/** As real servers write it: the owner is a pointer to the question, so that the client's letter case holds. */
function ownedByQuestion(type: number, rdata: Buffer): Buffer {
  const fixed = Buffer.from([0xc0, 0x0c, 0, type, 0, 1, 0, 0, 0, 60, 0, rdata.length]);
  return Buffer.concat([fixed, rdata]);
}
