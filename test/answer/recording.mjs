/** A thread that records as fast as it can: all fields of an entry follow from one number, so that a torn one shows. */
import { parentPort, workerData } from 'node:worker_threads';
import { Decision } from '../../dist/answer/decide/decision.js';
import { RecordWriter } from '../../dist/answer/record/writer.js';
import { buildQuery } from '../../dist/dns/build.js';
import { parseQuery } from '../../dist/dns/message.js';
import { Query } from '../../dist/dns/query.js';

const { record, milliseconds } = workerData;
const writer = new RecordWriter(record, Date.now);
const query = new Query();
const decision = new Decision();
const responder = { query, decision, client: { vpc: 0, namespace: 0, pod: 0 }, view: undefined };
const packets = Array.from({ length: 64 }, (_, i) =>
  buildQuery({ name: `${String.fromCharCode(97 + (i % 26)).repeat(60)}`, type: 1000 + i, id: i, rd: true }),
);
const peer = {
  address: new Uint8Array(16),
  port: 0,
  local: new Uint8Array(16),
  listener: undefined,
  tcp: false,
};
const out = new Uint8Array(12);
const end = Date.now() + milliseconds;
let written = 0;
while (Date.now() < end) {
  for (let i = 0; i < 64; i++) {
    const packet = packets[i];
    parseQuery(packet, 0, packet.length, query);
    peer.port = 1000 + i;
    // Few clients, so that the same entries are written again and again.
    peer.address[15] = i & 3;
    peer.address[0] = 0xfd;
    decision.reset();
    decision.rcode = out[3] = 2;
    decision.ede = i;
    decision.edeText = i;
    for (let k = 0; k < 24; k++) decision.because(100 + i);
    writer.answered(responder, peer, out, 0);
    written++;
  }
  writer.leave();
}
parentPort.postMessage(written);
