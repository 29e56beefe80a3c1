// Sends one query over and over from one address, as fast as it can, until it is told to end; reads no answers.
// node prove/flooder.mjs SOURCE PORT NAME     prints how many it has sent as it ends (SIGTERM).
import * as sys from '../dist/transport/syscalls.js';
import { buildQuery } from '../dist/dns/build.js';

const [source, port, name] = process.argv.slice(2);
const loaded = sys.loadSystem();
if (loaded.system === undefined) throw new Error(loaded.reason);
const { system } = loaded;
const BATCH = 64;
const HEADER = 64;

function name4(address, at) {
  const memory = new ArrayBuffer(16);
  const view = new DataView(memory);
  view.setUint16(0, sys.AF_INET, true);
  view.setUint16(2, at);
  address.split('.').forEach((octet, i) => view.setUint8(4 + i, Number(octet)));
  return system.pin(memory);
}

const fd = system.socket(sys.AF_INET, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC, 0);
if (system.bind(fd, name4(source, 0), 16) !== 0) throw sys.systemError('bind', system.errno());
if (system.connect(fd, name4('127.0.0.1', Number(port)), 16) !== 0)
  throw sys.systemError('connect', system.errno());
const query = buildQuery({ name, type: 28, id: 7, rd: true });
const memory = new ArrayBuffer(BATCH * (HEADER + 16) + query.length);
const base = system.pin(memory);
const view = new DataView(memory);
new Uint8Array(memory).set(query, BATCH * (HEADER + 16));
for (let i = 0; i < BATCH; i++) {
  const vector = BATCH * HEADER + i * 16;
  view.setBigUint64(i * HEADER + 16, BigInt(base + vector), true);
  view.setInt32(i * HEADER + 24, 1, true);
  view.setBigUint64(vector, BigInt(base + BATCH * (HEADER + 16)), true);
  view.setInt32(vector + 8, query.length, true);
}
let sent = 0;
const end = () => {
  process.stdout.write(`${sent}\n`, () => process.exit(0));
};
process.on('SIGTERM', end);
process.on('disconnect', end);
process.send?.('ready');
function go() {
  for (let i = 0; i < 64; i++) sent += Math.max(0, system.sendmmsg(fd, base, BATCH, 0));
  setImmediate(go);
}
go();
