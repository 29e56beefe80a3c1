/** Those around the servers of a soak: etcd, which dies; the upstream of outside names; a way to the watch, which breaks. */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { stop } from '../../bench/process.mjs';

const A = 1;
const CLIENT = 2379;
const PEER = 2380;
/** Milliseconds after which an etcd that does not answer has failed to start. */
const PATIENCE = 60_000;

export const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** One member that is killed and started again on the same data. */
export class Etcd {
  url = `http://127.0.0.1:${CLIENT}`;
  #folder;
  #child;

  constructor(folder) {
    this.#folder = folder;
  }

  async start() {
    const peers = `http://127.0.0.1:${PEER}`;
    const child = spawn(
      'etcd',
      [
        ...['--name', 'soak', '--data-dir', join(this.#folder, 'etcd'), '--log-level', 'error'],
        ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
        ...['--listen-peer-urls', peers, '--initial-advertise-peer-urls', peers],
        // What is killed is the process, and not the machine.
        ...['--initial-cluster', `soak=${peers}`, '--unsafe-no-fsync'],
      ],
      { stdio: 'ignore' },
    );
    if (this.#child === undefined) process.on('exit', () => this.#child.kill('SIGKILL'));
    this.#child = child;
    const until = performance.now() + PATIENCE;
    for (;;) {
      const health = await fetch(`${this.url}/health`).catch(() => undefined);
      if (health?.ok) return;
      if (child.exitCode !== null || performance.now() > until) throw new Error('etcd does not start');
      await pause(50);
    }
  }

  async kill() {
    await stop(this.#child, 'SIGKILL');
  }
}

/** The one address of an outside name, by its number: 4 octets. */
export function outsideOctets(number) {
  const octets = Buffer.from([198, 18, 0, 0]);
  octets.writeUInt16BE(number & 0xffff, 2);
  return octets;
}

export const outsideName = (number) => `h${number}.soak.example`;

/** Answers A of `outsideName` with `outsideOctets`, and NXDOMAIN to all else. */
export class Upstream {
  asked = 0;
  #socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });

  async listen(port) {
    this.#socket.on('message', (query, from) => {
      this.asked++;
      const answer = answerOf(query);
      if (answer !== undefined) this.#socket.send(answer, from.port, from.address);
    });
    this.#socket.bind(port, '127.0.0.1');
    await once(this.#socket, 'listening');
  }

  close() {
    this.#socket.close();
  }
}

function answerOf(query) {
  if (query.length < 17 || query[2] >= 0x80) return undefined;
  const labels = [];
  let at = 12;
  while (at < query.length && query[at] !== 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]).toLowerCase());
    at += 1 + query[at];
  }
  if (at + 5 > query.length) return undefined;
  const question = query.subarray(12, at + 5);
  const number = /^h(\d{1,5})$/.exec(labels[0] ?? '')?.[1];
  const known = number !== undefined && labels.slice(1).join('.') === 'soak.example';
  const has = known && query.readUInt16BE(at + 1) === A;
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  head[2] = 0x81;
  head[3] = 0x80 | (known ? 0 : 3);
  head[5] = 1;
  head[7] = has ? 1 : 0;
  if (!has) return Buffer.concat([head, question]);
  // One to four seconds, so that the cache has always something to ask again.
  const record = Buffer.from([0xc0, 12, 0, A, 0, 1, 0, 0, 0, 1 + (Number(number) % 4), 0, 4]);
  return Buffer.concat([head, question, record, outsideOctets(Number(number))]);
}

/** A TCP relay in front of a port, whose connections break: at once, or some octets later, or after they hung. */
export class Breaking {
  cuts = 0;
  #pairs = new Set();
  #server;
  #to;

  constructor(to) {
    this.#to = to;
    this.#server = createServer((near) => {
      const far = connect(this.#to, '127.0.0.1');
      const pair = { near, far, left: Infinity };
      this.#pairs.add(pair);
      const end = () => {
        near.destroy();
        far.destroy();
        this.#pairs.delete(pair);
      };
      near.on('error', end).on('close', end);
      far.on('error', end).on('close', end);
      near.pipe(far);
      far.on('data', (octets) => {
        const some = octets.subarray(0, pair.left);
        pair.left -= some.length;
        if (!near.write(some)) far.pause();
        if (pair.left <= 0) near.end(end);
      });
      near.on('drain', () => far.resume());
    });
  }

  async listen(port) {
    this.#server.listen(port, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  /** @param {(below: number) => number} below */
  async break(below) {
    this.cuts++;
    const kind = below(3);
    for (const pair of this.#pairs) {
      if (kind === 0) pair.near.destroy();
      else if (kind === 1) pair.left = 1 + below(2000);
      else pair.far.pause();
    }
    if (kind !== 2) return;
    await pause(200 + below(800));
    for (const pair of this.#pairs) pair.near.destroy();
  }

  close() {
    for (const { near } of this.#pairs) near.destroy();
    this.#server.close();
  }
}
