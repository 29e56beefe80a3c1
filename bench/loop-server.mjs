/** The bare loop of the bench: a thread a socket, each sends every packet back with QR set. */
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker, workerData } from 'node:worker_threads';
import * as sys from '../dist/transport/syscalls.js';
import { BatchMessages } from '../dist/transport/udp-batch/messages.js';
import { bindSocket } from '../dist/transport/udp-batch/socket.js';
import { system } from './system.mjs';

if (isMainThread) {
  const [port, ...addresses] = process.argv.slice(2);
  for (const address of addresses) {
    const { fd, family } = bindSocket(system, address, Number(port), false);
    new Worker(fileURLToPath(import.meta.url), { workerData: { fd, family } });
  }
} else {
  const { fd, family } = workerData;
  const messages = new BatchMessages(system);
  messages.use(family, false);
  const { bytes } = messages;
  for (;;) {
    const received = system.recvmmsg(fd, messages.receiveVector, 64, sys.MSG_WAITFORONE, 0);
    for (let i = 0; i < received; i++) {
      const length = messages.inputLength(i);
      const from = messages.inputAt(i);
      const to = messages.outputAt(i);
      for (let octet = 0; octet < length; octet++) bytes[to + octet] = bytes[from + octet];
      bytes[to + 2] |= 0x80;
      messages.stage(i, i, length);
    }
    if (received > 0) system.sendmmsg(fd, messages.sendVector, received, sys.MSG_NOSIGNAL);
  }
}
