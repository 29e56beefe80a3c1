/**
 * `node bench/kernel/arrives.mjs`, as root: what a pod gets from the kernel over a veth pair and over a bridge, with and
 * without checksum offload at its end. No server runs: whatever answers is the program. One JSON line a case.
 */
import { once } from 'node:events';
import { fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import * as sys from '../../dist/transport/syscalls.js';
import { openSocket, serverAddress, socketName } from '../blast.mjs';
import { enterNamespace } from '../namespace.mjs';
import { system } from '../system.mjs';
import { AAAA, buildQuery } from '../wire.mjs';
import { KernelAnswers } from './answers.mjs';
import { checksumOf } from './frames.mjs';
import { BRIDGE_NAME, CLIENT_NAME, interfaceIndex, join, joinClient, PORT_NAME } from './wires.mjs';

const PORT = 53;
const NAME = 'db.shop.vpc.internal';
const SIZE = 2048;
const AF_PACKET = 17;
const SOCK_RAW = 3;
const SIOCETHTOOL = 0x8946;
const ETHTOOL_STXCSUM = 0x17;
const SERVERS = {
  6: Buffer.from('20010db8000000000000000000000053', 'hex'),
  4: Buffer.from('00000000000000000000ffffc0000235', 'hex'),
};
const CLIENTS = {
  6: Buffer.from('fd000018000000000000000000000002', 'hex'),
  4: Buffer.from('00000000000000000000ffffc6120002', 'hex'),
};
const ADDRESS = Buffer.from('fdbe0000000100000000000000000007', 'hex');

/** The whole answer to `query`, as a server would encode it. */
function answerTo(query) {
  const record = Buffer.concat([Buffer.from('c00c001c0001000000010010', 'hex'), ADDRESS]);
  const answer = Buffer.concat([query, record]);
  answer.writeUInt16BE(0x8580, 2);
  answer.writeUInt16BE(1, 6);
  return answer;
}

const memories = new ArrayBuffer(3 * SIZE);
const base = system.pin(memories);
const octets = Buffer.from(memories);

/** Whether the kernel leaves the checksums of what this interface sends to it. */
function setOffload(name, on) {
  const koffi = createRequire(import.meta.url)('koffi');
  const ioctl = koffi.load(null).func('ioctl', 'int', ['int', 'ulong', 'uintptr_t']);
  const fd = system.socket(sys.AF_INET, sys.SOCK_DGRAM, 0);
  octets.fill(0, 0, 64);
  octets.write(name, 0);
  octets.writeBigUInt64LE(BigInt(base + 48), 16);
  octets.writeUInt32LE(ETHTOOL_STXCSUM, 48);
  octets.writeUInt32LE(on ? 1 : 0, 52);
  const done = ioctl(fd, SIOCETHTOOL, base);
  const errno = system.errno();
  system.close(fd);
  if (done !== 0) throw sys.systemError('ioctl', errno, name);
}

/** All frames that come in at the interface or leave it. */
function openTap(name) {
  const fd = system.socket(AF_PACKET, SOCK_RAW | sys.SOCK_NONBLOCK, 0x0300);
  if (fd < 0) throw sys.systemError('socket', system.errno());
  octets.fill(0, 0, 20);
  octets.writeUInt16LE(AF_PACKET, 0);
  octets.writeUInt16BE(3, 2);
  octets.writeInt32LE(interfaceIndex(name), 4);
  if (system.bind(fd, base, 20) !== 0) throw sys.systemError('bind', system.errno());
  return fd;
}

/** Asks once from here. The answer, and the frames that ask and answer, hexadecimal. */
function ask(family, offload) {
  setOffload(CLIENT_NAME, offload);
  const fd = openSocket(family, 2_000_000);
  const tap = openTap(CLIENT_NAME);
  const server = family === 6 ? SERVERS[6] : SERVERS[4].subarray(12);
  const name = socketName(family, PORT, server);
  if (system.connect(fd, name.address, name.length) !== 0)
    throw sys.systemError('connect', system.errno(), serverAddress(family));
  const query = buildQuery(0x1234, NAME, AAAA, true);
  query.copy(octets, SIZE);
  system.write(fd, base + SIZE, query.length);
  const length = system.read(fd, base + SIZE, SIZE);
  const answer = octets.toString('hex', SIZE, SIZE + Math.max(0, length));
  const frames = [];
  for (;;) {
    const size = system.read(tap, base + 2 * SIZE, SIZE);
    if (size <= 0) break;
    const frame = octets.subarray(2 * SIZE, 2 * SIZE + size);
    if (frame.includes(query.subarray(12, 12 + NAME.length + 2))) frames.push(frame.toString('hex'));
  }
  system.close(fd);
  system.close(tap);
  return { query: query.toString('hex'), answer, frames };
}

async function main() {
  enterNamespace();
  const script = fileURLToPath(import.meta.url);
  const client = fork(script, ['client'], {
    execPath: 'unshare',
    execArgv: ['--net', process.execPath],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const order = async (command) => {
    client.send(command);
    const [result] = await once(client, 'message');
    if (result.error !== undefined) throw new Error(result.error);
    return result;
  };
  const kernel = new KernelAnswers();
  const beat = setInterval(() => kernel.beat(), 100);
  try {
    for (const wire of ['veth', 'bridge']) {
      join(client.pid, wire === 'bridge');
      await order({ kind: 'join' });
      const index = interfaceIndex(wire === 'bridge' ? BRIDGE_NAME : PORT_NAME);
      const detach = kernel.attach(index);
      for (const family of [6, 4]) {
        kernel.listen(index, SERVERS[family], PORT, index);
        const answer = answerTo(buildQuery(0, NAME, AAAA));
        if (!kernel.learn(answer, CLIENTS[family], index))
          throw new Error('the answer is not one for the kernel');
        for (const offload of [true, false]) {
          const before = kernel.counters().answered;
          const { query, answer: got, frames } = await order({ kind: 'ask', family, offload });
          const sums = frames.map((frame) => checksumOf(Buffer.from(frame, 'hex')));
          const right = answerTo(Buffer.from(query, 'hex')).toString('hex');
          // The OPT record of the query stands behind the record in the answer, with our size.
          const question = query.length - 22;
          const expected = right.slice(0, question) + right.slice(query.length) + '00002904d0000000000000';
          console.log(
            JSON.stringify({
              wire,
              family,
              offload,
              fromKernel: kernel.counters().answered - before,
              right: got === expected,
              asked: sums[0],
              arrived: sums.at(-1),
            }),
          );
        }
      }
      detach();
    }
  } finally {
    clearInterval(beat);
    kernel.close();
    client.disconnect();
  }
}

if (process.argv[2] === 'client') {
  process.on('message', (/** @type {any} */ { kind, family, offload }) => {
    let result;
    try {
      result = kind === 'join' ? (joinClient(), {}) : ask(family, offload);
    } catch (error) {
      result = { error: error instanceof Error ? error.stack : String(error) };
    }
    process.send?.(result);
  });
  process.on('disconnect', () => process.exit());
} else {
  await main();
}
