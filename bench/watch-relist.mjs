/** What a whole new list costs the answering: the longest pause over UDP, while every pod moves. */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { pod6Octets } from './pods.mjs';
import { CLIENT_CORE, spawnPinned } from './process.mjs';
import { pause, quantiles } from './watch-asker.mjs';

const HAMMER = fileURLToPath(new URL('hammer.mjs', import.meta.url));

/** Asks until it is called, and then resolves with the times, milliseconds. */
async function hammer(port) {
  const child = spawnPinned(CLIENT_CORE, process.execPath, [HAMMER, String(port)], {
    log: 'inherit',
    ipc: true,
  });
  await once(child, 'message');
  return async () => {
    child.send('stop');
    const [times] = await once(child, 'message');
    return quantiles(times);
  };
}

/** For comparison first as long without a list: a machine that is shared pauses by itself. */
export async function relist(upstream, asker, port, pods) {
  const text = upstream.relist(0xffff);
  const stopQuiet = await hammer(port);
  await pause(2000);
  const quiet = await stopQuiet();
  const stopBusy = await hammer(port);
  const began = performance.now();
  await upstream.pour(text);
  const expected = pod6Octets(pods - 1, 0xffff).toString('hex');
  while ((await asker.ask(pods - 1, 200)) !== expected) await pause(5);
  const took = performance.now() - began;
  await pause(200);
  return { pods, milliseconds: Math.round(took), answers: await stopBusy(), quiet };
}
