/**
 * A responder for tests of the batch transport: the octet behind the header says what to do with the packet.
 * `e` echo with what is known of the peer, `n` nothing, `x` throw, `d` defer, `w` wait
 * for the gate, `q` end the thread.
 */
export function createResponder(data) {
  let inside = false;
  let order = 0;
  return {
    enter() {
      if (inside) throw new Error('entered twice');
      inside = true;
    },
    leave() {
      inside = false;
    },
    answerPacket(packet, start, end, peer, out, outStart) {
      if (!inside) throw new Error('not entered');
      if (end - start < 13 || (packet[start + 2] & 0x80) !== 0) return 0;
      switch (String.fromCharCode(packet[start + 12])) {
        case 'e': {
          out.set(packet.subarray(start, start + 12), outStart);
          out[outStart + 2] |= 0x80;
          const text = JSON.stringify({
            address: Buffer.from(peer.address).toString('hex'),
            port: peer.port,
            local: Buffer.from(peer.local).toString('hex'),
            listener: peer.listener.text,
            length: end - start,
            order: order++,
            data,
          });
          out.set(Buffer.from(text), outStart + 12);
          return 12 + text.length;
        }
        case 'x':
          throw new Error('a bug');
        case 'd':
          return -1;
        case 'w':
          // A queue gathers behind this packet: until the test opens the gate, or long enough where it has none.
          if (data?.gate !== undefined) {
            const gate = new Int32Array(data.gate);
            Atomics.store(gate, 1, 1);
            Atomics.wait(gate, 0, 0, 20_000);
          } else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
          return 0;
        case 'q':
          process.exit(3);
          return 0;
        default:
          return 0;
      }
    },
    overload(out, outStart) {
      out.fill(0, outStart, outStart + 12);
      out[outStart + 2] = 0x80;
      out[outStart + 3] = 2;
      return 12;
    },
  };
}
