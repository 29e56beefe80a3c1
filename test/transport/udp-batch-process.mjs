/** A process with an open batch transport that ends in the way its argument says; prints the port once it serves. */
import { BatchTransport } from '../../dist/transport/udp-batch/udp-batch.js';
import { Crew } from '../../dist/transport/udp-batch/crew.js';

const way = process.argv[2];
const listener = { id: 0, text: 'test', address: '127.0.0.1', port: 0, vpc: '', namespace: '' };
const answering = { answerNow: () => 0, defer: () => {} };
const crew = new Crew(answering, {
  module: new URL('udp-batch-standin.mjs', import.meta.url).href,
  attach: () => ({ data: null, detach: () => {} }),
  workers: 2,
});
const transport = new BatchTransport(listener, crew);
const port = await transport.open();
await crew.ready();
async function close() {
  await transport.close();
  await crew.close();
}
if (way === 'term-handler') process.on('SIGTERM', () => process.exit(7));
if (way === 'term-close') process.on('SIGTERM', () => void close());
console.log(port);
if (way === 'quiet') await transport.quiet();
switch (way) {
  case 'exit':
    process.exit(7);
  case 'throw':
    setImmediate(() => {
      throw new Error('uncaught');
    });
    break;
  case 'reject':
    void Promise.reject(new Error('unhandled'));
    break;
  case 'close':
    await close();
    break;
  case 'quiet':
    process.exit(7);
  default:
    break;
}
