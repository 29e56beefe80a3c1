/** A steady load of queries over UDP and TCP that knows of each query whether and how it was answered. */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { AAAA, buildQuery } from '../bench/wire.mjs';

const SERVFAIL = 2;
/** Milliseconds after which a query counts as lost: as long as resolvers wait. */
const PATIENCE = 5000;
/** Milliseconds between two queries of one TCP connection. */
const PAUSE = 10;

/** What became of the queries. */
class Counts {
  sent = 0;
  answered = 0;
  servfail = 0;
  /** Answers with another rcode than 0 and SERVFAIL. */
  other = 0;
  lost = 0;
  /** Errors of sockets: ports that nobody listened on, connections that were reset. */
  resets = 0;
  /** TCP connections that the server closed in an orderly way. */
  closed = 0;

  /** @param {Buffer} answer */
  answer(answer) {
    this.answered++;
    const rcode = answer[3] & 15;
    if (rcode === SERVFAIL) this.servfail++;
    else if (rcode !== 0) this.other++;
  }
}

/** Queries at an even rate from several ports. */
export class UdpLoad {
  counts = new Counts();
  #sockets = [];
  #query;
  #timer;

  /** @param {string} name */
  constructor(name) {
    this.#query = buildQuery(0, name, AAAA);
  }

  /**
   * @param {number} port
   * @param {number} rate queries a second in all
   * @param {number} clients
   * @param {string} host
   */
  async start(port, rate, clients = 8, host = '127.0.0.1') {
    for (let i = 0; i < clients; i++) {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
      const waiting = new Map();
      await new Promise((resolve) => socket.connect(port, host, () => resolve(undefined)));
      socket.on('error', () => this.counts.resets++);
      socket.on('message', (answer) => {
        if (waiting.delete(answer.readUInt16BE(0))) this.counts.answer(answer);
      });
      this.#sockets.push({ socket, waiting, id: 0 });
    }
    let last = performance.now();
    let due = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A load generator that was held up does not make up for it with a burst.
      due += (Math.min(now - last, 20) * rate) / 1000;
      last = now;
      for (; due >= 1; due--) this.#send(now);
    }, 1);
  }

  /** @param {number} now */
  #send(now) {
    const client = this.#sockets[this.counts.sent++ % this.#sockets.length];
    const id = (client.id = (client.id + 1) & 0xffff);
    if (client.waiting.has(id)) this.counts.lost++;
    client.waiting.set(id, now);
    const message = Buffer.from(this.#query);
    message.writeUInt16BE(id, 0);
    client.socket.send(message);
  }

  /** Waits for the answers that are still to come. */
  async stop() {
    clearInterval(this.#timer);
    const until = performance.now() + PATIENCE;
    const left = () => this.#sockets.reduce((sum, { waiting }) => sum + waiting.size, 0);
    while (left() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    this.counts.lost += left();
    for (const { socket } of this.#sockets) socket.close();
    return this.counts;
  }
}

/** Connections that each ask one query after the other. */
export class TcpLoad {
  counts = new Counts();
  #connections = new Set();
  #query;
  #ending = false;

  /** @param {string} name */
  constructor(name) {
    this.#query = buildQuery(0, name, AAAA);
  }

  /**
   * @param {number} port
   * @param {number} connections
   */
  async start(port, connections) {
    await Promise.all(Array.from({ length: connections }, () => this.#open(port)));
  }

  /** @param {number} port */
  #open(port) {
    const { counts } = this;
    const socket = connect(port, '127.0.0.1');
    const state = { socket, waiting: false };
    this.#connections.add(state);
    let octets = Buffer.alloc(0);
    let timer;
    const ask = () => {
      const message = Buffer.from(this.#query);
      message.writeUInt16BE(counts.sent & 0xffff, 0);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(message.length);
      counts.sent++;
      state.waiting = true;
      socket.write(Buffer.concat([length, message]));
    };
    socket.on('data', (chunk) => {
      octets = Buffer.concat([octets, chunk]);
      while (octets.length >= 2 && octets.length >= 2 + octets.readUInt16BE(0)) {
        counts.answer(octets.subarray(2));
        octets = octets.subarray(2 + octets.readUInt16BE(0));
        state.waiting = false;
        if (this.#ending) socket.end();
        else timer = setTimeout(ask, PAUSE);
      }
    });
    socket.on('error', () => counts.resets++);
    socket.on('close', () => {
      clearTimeout(timer);
      this.#connections.delete(state);
      if (state.waiting) counts.lost++;
      if (this.#ending) return;
      counts.closed++;
      void this.#open(port);
    });
    return new Promise((resolve) => {
      socket.on('connect', () => {
        ask();
        resolve(undefined);
      });
      socket.on('close', () => resolve(undefined));
    });
  }

  /** Each connection ends after its next answer. */
  async stop() {
    this.#ending = true;
    const until = performance.now() + PATIENCE;
    while (this.#connections.size > 0 && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    this.counts.lost += this.#connections.size;
    for (const { socket } of this.#connections) socket.destroy();
    return this.counts;
  }
}
