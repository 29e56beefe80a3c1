/** How soon a server that was killed answers again, from the view that it had saved. */
import { pod6Octets } from './pods.mjs';
import { stop } from './process.mjs';
import { Asker, quantiles } from './watch-asker.mjs';
import { serve } from './watch-server.mjs';

const STARTS = 5;

/** From the start of the process to the first answer about its last pod. */
export async function startFromSaved(place, port, admin, url, pods) {
  const times = [];
  const last = pods - 1;
  const expected = pod6Octets(last, 0xffff).toString('hex');
  for (let n = 0; n < STARTS; n++) {
    const began = performance.now();
    const server = serve(place, port, admin, '--watch', url);
    const asker = new Asker(port);
    let answer;
    while ((answer = await asker.ask(last, 5)) === undefined || answer === '');
    times.push(performance.now() - began);
    asker.close();
    await stop(server, 'SIGKILL');
    if (answer !== expected) throw new Error(`the saved view is another: ${answer}`);
  }
  return { pods, ...quantiles(times) };
}
