/** What is asked of the servers of a soak, what the right answers are, and what came of each. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { A, AAAA, NXDOMAIN, buildQuery, parseAnswer } from '../../bench/wire.mjs';
import { outsideName, outsideOctets } from './parties.mjs';
import { GUEST_HOST, guestName, podName, readAddress } from './records.mjs';

/** Milliseconds after which an answer is late, as long as resolvers wait: shown, but a matter of the machine. */
const LATE_AFTER = 5000;
/** Milliseconds after which a query counts as lost: nothing but loss takes so long, on whatever machine. */
const LOST_AFTER = 120_000;
/** Milliseconds after which an answer that waits for nobody shows that the machine has stood still. */
const SLOW = 1000;
const SERVFAIL = 2;
/** Pods that come and go. */
export const GUESTS = 8;
const OUTSIDE = 500;
/** Descriptions of wrong answers that are kept. */
const STORIES = 10;
/** Milliseconds between two queries of one TCP connection. */
const TCP_PAUSE = 20;

/** The state of the source as far as it was told to change. */
export class Written {
  /** By pod, the last generation that may have been written. */
  pods;

  constructor(pods) {
    this.pods = new Array(pods).fill(1);
  }
}

/** One server under questions. `epoch` is odd while two processes answer: then one may be behind the other. */
export class Account {
  counts = {
    asked: 0,
    answered: 0,
    lost: 0,
    late: 0,
    servfail: 0,
    wrong: 0,
    backwards: 0,
    resets: 0,
    closed: 0,
  };
  epoch = 0;
  /** @type {string[]} */
  stories = [];
  /** Seconds in which the machine stood still, and those in which outside names got SERVFAIL. */
  slow = new Set();
  /** @type {number[]} */
  unforwarded = [];
  /** Milliseconds of the answers since the last look: of own names, and of outside names. */
  #times = { own: [], outside: [] };
  #seen = new Map();
  #written;
  #below;

  /** @param {string} name @param {Written} written @param {(below: number) => number} below */
  constructor(name, written, below) {
    this.name = name;
    this.#written = written;
    this.#below = below;
  }

  /** A question with the judge of its answer. */
  next() {
    const below = this.#below;
    const kind = below(20);
    this.counts.asked++;
    const asked = { epoch: this.epoch, at: performance.now() };
    if (kind < 12) {
      const i = below(this.#written.pods.length);
      const judge = (answer) => this.#pod(i, asked, answer);
      return this.#query(podName(i), AAAA, asked, 'own', judge);
    }
    if (kind < 14) {
      const judge = ({ rcode }) =>
        rcode === NXDOMAIN ? '' : `rcode ${rcode} for a name that was never there`;
      return this.#query(`nobody${below(50)}`, AAAA, asked, 'own', judge);
    }
    if (kind < 16) {
      const i = below(GUESTS);
      return this.#query(guestName(i), AAAA, asked, 'own', (answer) => this.#guest(i, answer));
    }
    const number = below(OUTSIDE);
    const expected = outsideOctets(number).toString('hex');
    const judge = ({ rcode, rdata }) =>
      rcode === 0 && rdata.join() === expected ? '' : `rcode ${rcode}, ${rdata.join()} for ${expected}`;
    return this.#query(outsideName(number), A, asked, 'outside', judge);
  }

  #query(name, type, asked, group, judge) {
    const answer = (message) => {
      this.counts.answered++;
      const time = performance.now() - asked.at;
      if (time > LATE_AFTER) this.counts.late++;
      this.#times[group].push(time);
      const parsed = parseAnswer(message);
      const second = (at) => Math.floor(at / 1000);
      if (group === 'own' && time > SLOW)
        for (let at = second(asked.at); at <= second(asked.at + time); at++) this.slow.add(at);
      if (parsed.rcode === SERVFAIL && group === 'outside') {
        this.unforwarded.push(second(asked.at + time));
        return;
      }
      if (parsed.rcode === SERVFAIL) {
        this.counts.servfail++;
        this.#tell(`${name}: SERVFAIL`);
        return;
      }
      const fault = judge(parsed);
      if (fault === '') return;
      this.counts.wrong++;
      this.#tell(`${name}: ${fault}`);
    };
    return { asked, message: buildQuery(0, name, type), answer };
  }

  #tell(story) {
    if (this.stories.length < STORIES) this.stories.push(`${this.name}: ${story}`);
  }

  /** The address is the pod's own, of a change that was made, and no older than one seen before this was asked. */
  #pod(i, asked, { rcode, rdata }) {
    const read = rdata.length === 1 ? readAddress(rdata[0]) : undefined;
    if (rcode !== 0 || read === undefined) return `rcode ${rcode}, ${rdata.length} records`;
    if (read.host !== i + 1) return `the address of host ${read.host}`;
    if (read.generation > this.#written.pods[i] || read.generation < 1)
      return `generation ${read.generation}, which nobody wrote`;
    const seen = this.#seen.get(i);
    const settled = this.epoch % 2 === 0 && asked.epoch === this.epoch;
    if (settled && seen !== undefined && seen.epoch === this.epoch && seen.at < asked.at) {
      if (read.generation < seen.generation) {
        this.counts.backwards++;
        this.#tell(`${podName(i)}: generation ${read.generation} after ${seen.generation}`);
      }
    }
    if (seen === undefined || seen.epoch !== this.epoch || read.generation > seen.generation)
      this.#seen.set(i, { generation: read.generation, epoch: this.epoch, at: performance.now() });
    return '';
  }

  #guest(i, { rcode, rdata }) {
    if (rcode === NXDOMAIN) return '';
    const read = rdata.length === 1 ? readAddress(rdata[0]) : undefined;
    return rcode === 0 && read?.host === GUEST_HOST + i ? '' : `rcode ${rcode}, ${rdata.join()}`;
  }

  lost(what) {
    this.counts.lost++;
    this.#tell(`${what} was not answered`);
  }

  /** Quantiles of both groups, milliseconds; what has been read is forgotten. */
  quantiles() {
    const of = (times) => times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
    const taken = { own: of(this.#times.own), outside: of(this.#times.outside) };
    this.#times = { own: [], outside: [] };
    return taken;
  }
}

/** Queries at an even rate from several ports. */
export class UdpClient {
  #sockets = [];
  #timer;
  #account;

  /** @param {Account} account */
  constructor(account) {
    this.#account = account;
  }

  async start(port, rate, clients = 4) {
    for (let i = 0; i < clients; i++) {
      const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
      socket.connect(port, '127.0.0.1');
      await once(socket, 'connect');
      const waiting = new Map();
      socket.on('error', () => this.#account.counts.resets++);
      socket.on('message', (message) => {
        const id = message.readUInt16BE(0);
        const query = waiting.get(id);
        if (query === undefined) return;
        waiting.delete(id);
        query.answer(message);
      });
      this.#sockets.push({ socket, waiting, id: 0 });
    }
    let last = performance.now();
    let due = 0;
    let turn = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      // A client that was held up does not make up for it with a burst.
      due += (Math.min(now - last, 50) * rate) / 1000;
      last = now;
      for (; due >= 1; due--) this.#send(this.#sockets[turn++ % clients]);
      // After what has come meanwhile has been read: it may be that we were held up.
      setImmediate(() => {
        for (const { waiting } of this.#sockets) this.#expire(waiting, now);
      });
    }, 5);
  }

  #send(client) {
    const query = this.#account.next();
    const id = (client.id = (client.id + 1) & 0xffff);
    query.message.writeUInt16BE(id, 0);
    client.waiting.set(id, query);
    client.socket.send(query.message);
  }

  /** In the order in which they were asked. */
  #expire(waiting, now) {
    for (const [id, query] of waiting) {
      if (now - query.asked.at < LOST_AFTER) return;
      waiting.delete(id);
      this.#account.lost('a query over UDP');
    }
  }

  async stop() {
    clearInterval(this.#timer);
    const until = performance.now() + LOST_AFTER;
    const left = () => this.#sockets.reduce((sum, { waiting }) => sum + waiting.size, 0);
    while (left() > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const { socket, waiting } of this.#sockets) {
      for (let i = waiting.size; i > 0; i--) this.#account.lost('a query over UDP');
      socket.close();
    }
  }
}

/** Connections that ask one query after the other, and come anew after a while, so that successors get some too. */
export class TcpClient {
  #account;
  #below;
  #ending = false;
  #open = new Set();

  /** @param {Account} account @param {(below: number) => number} below */
  constructor(account, below) {
    this.#account = account;
    this.#below = below;
  }

  start(port, connections) {
    for (let i = 0; i < connections; i++) this.#connect(port, undefined);
  }

  /** `again`: a query that the server closed upon; a client then asks it on a new connection (RFC 7766, 6.2.4). */
  #connect(port, again) {
    const { counts } = this.#account;
    const socket = connect(port, '127.0.0.1');
    this.#open.add(socket);
    let left = 5 + this.#below(50);
    let query;
    let timer;
    let patience;
    let octets = Buffer.alloc(0);
    const ask = (next) => {
      query = next;
      clearTimeout(patience);
      patience = setTimeout(() => {
        this.#account.lost('a query over TCP');
        query = undefined;
        socket.destroy();
      }, LOST_AFTER);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(query.message.length);
      socket.write(Buffer.concat([length, query.message]));
    };
    socket.on('connect', () => ask(again ?? this.#account.next()));
    socket.on('data', (chunk) => {
      octets = Buffer.concat([octets, chunk]);
      while (octets.length >= 2 && octets.length >= 2 + octets.readUInt16BE(0)) {
        const end = 2 + octets.readUInt16BE(0);
        query?.answer(octets.subarray(2, end));
        query = undefined;
        clearTimeout(patience);
        octets = octets.subarray(end);
        if (this.#ending || --left <= 0) socket.end();
        else timer = setTimeout(() => ask(this.#account.next()), TCP_PAUSE);
      }
    });
    socket.on('error', () => counts.resets++);
    socket.on('close', () => {
      clearTimeout(timer);
      clearTimeout(patience);
      this.#open.delete(socket);
      if (query !== undefined) counts.closed++;
      if (query !== undefined || !this.#ending) setTimeout(() => this.#connect(port, query), 10);
    });
  }

  async stop() {
    this.#ending = true;
    const until = performance.now() + LOST_AFTER;
    while (this.#open.size > 0 && performance.now() < until)
      await new Promise((resolve) => setTimeout(resolve, 20));
    for (const socket of this.#open) socket.destroy();
  }
}
