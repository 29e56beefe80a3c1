/**
 * The real responder, and a thread that ends in the middle of a batch when a packet has the id 0xdead; with 0xbead it
 * hands the packet over, and ends after the ring has said that its reader must be woken, and before it is.
 */
import { createResponder as createReal } from '../../dist/answer/worker.js';

export function createResponder(data) {
  const real = createReal(data);
  return {
    enter: (...batch) => real.enter(...batch),
    leave: () => real.leave(),
    overload: (out, outStart) => real.overload(out, outStart),
    answerPacket(packet, start, ...rest) {
      if (packet[start] === 0xde && packet[start + 1] === 0xad) process.exit(3);
      if (packet[start] === 0xbe && packet[start + 1] === 0xad) {
        const { compareExchange } = Atomics;
        Atomics.compareExchange = (...operands) => {
          if (compareExchange(...operands) === 1) process.exit(3);
          return 0;
        };
        return -1;
      }
      if (packet[start] === 0xbe) return -1;
      return real.answerPacket(packet, start, ...rest);
    },
  };
}
