/** The real responder, and a thread that ends in the middle of a batch when a packet has the id 0xdead. */
import { createResponder as createReal } from '../../dist/answer/worker.js';

export function createResponder(data) {
  const real = createReal(data);
  return {
    enter: (...batch) => real.enter(...batch),
    leave: () => real.leave(),
    overload: (out, outStart) => real.overload(out, outStart),
    answerPacket(packet, start, ...rest) {
      if (packet[start] === 0xde && packet[start + 1] === 0xad) process.exit(3);
      return real.answerPacket(packet, start, ...rest);
    },
  };
}
