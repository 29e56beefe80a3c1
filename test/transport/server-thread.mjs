/** A server in a thread that ends in the way its argument says; prints the port once it serves, then what followed. */
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

if (isMainThread) {
  const way = process.argv[2];
  const thread = new Worker(new URL(import.meta.url), { workerData: way });
  thread.on('message', ({ port, kind }) => {
    console.log(port);
    console.log(kind);
    if (way === 'terminate') void thread.terminate();
    else thread.postMessage('end');
  });
  thread.on('error', ({ message }) => console.log(message));
  thread.on('exit', () => console.log('gone'));
} else {
  const { ServerCore } = await import('../../dist/server.js');
  const server = new ServerCore({
    config: { forward: 'off', workers: 1 },
    reserve: { names: 1 << 20, addresses: 1 << 20, arena: 1 << 22 },
  });
  const { port, udpKind: kind } = await server.listen('127.0.0.1:0@aep');
  parentPort.on('message', async () => {
    if (workerData === 'exit') process.exit(0);
    if (workerData === 'throw') throw new Error('uncaught');
    await server.close();
    parentPort.close();
  });
  parentPort.postMessage({ port, kind });
}
