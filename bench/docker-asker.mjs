/**
 * Asks a server from within the network namespace that it is started in, as its parent says by IPC:
 * `{ until: NAME }` asks until the name has an address, and tells when that was; `{ names, count }` asks one question
 * after the other, and tells how long each took, in milliseconds.
 */
import { createSocket } from 'node:dgram';
import { A, buildQuery } from './wire.mjs';

const [server, port] = process.argv.slice(2);
/** Milliseconds after which a question is asked again. */
const PATIENCE = 100;

const socket = createSocket('udp4');
const waiting = new Map();
let id = 0;
socket.on('message', (answer) => {
  const key = answer.readUInt16BE(0);
  waiting.get(key)?.(answer);
  waiting.delete(key);
});

function ask(name) {
  id = (id + 1) & 0xffff;
  const key = id;
  const query = buildQuery(key, name, A);
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      waiting.delete(key);
      resolve(undefined);
    }, PATIENCE);
    waiting.set(key, (answer) => {
      clearTimeout(timer);
      resolve(answer);
    });
    socket.send(query, Number(port), server);
  });
}

async function until(name) {
  for (;;) {
    const answer = await ask(name);
    if (answer !== undefined && answer.readUInt16BE(6) > 0) return performance.timeOrigin + performance.now();
    // Half a millisecond: the engine is to have the processor as well.
    await new Promise((resolve) => setTimeout(resolve, 0.5));
  }
}

async function times(names, count) {
  const taken = [];
  let lost = 0;
  for (let n = 0; n < count; n++) {
    const began = performance.now();
    const answer = await ask(names[n % names.length]);
    if (answer === undefined || answer.readUInt16BE(6) === 0) lost++;
    else taken.push(performance.now() - began);
  }
  return { taken, lost };
}

/** @param {object} message */
function tell(message) {
  process.send?.(message);
}

process.on('message', async (/** @type {{ until?: string, names: string[], count: number }} */ order) => {
  if (order.until !== undefined) tell({ name: order.until, at: await until(order.until) });
  else tell(await times(order.names, order.count));
});
process.on('disconnect', () => process.exit());
tell({ ready: true });
