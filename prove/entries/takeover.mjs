/** Takeovers, reloads and changes of workers under load, by `prove/takeover.mjs`. */
import { prove } from '../takeover.mjs';
import { count } from '../child.mjs';
import { loadSystem } from '../../dist/transport/syscalls.js';
import { freePort } from '../free-port.mjs';

export const takeover = {
  name: 'takeover',
  about:
    'takeovers, reloads and changes of workers and of listeners under load: no query is lost, none gets SERVFAIL, no connection is reset',
  short: { rate: 1000, connections: 20, takeovers: 2, reloads: 2, workers: 2, configurations: 1, pause: 200 },
  long: {
    rate: 50_000,
    connections: 200,
    takeovers: 10,
    reloads: 10,
    workers: 10,
    configurations: 2,
    pause: 1000,
  },
  reach: ({ rate, connections, takeovers, reloads, workers }) =>
    `${count(rate)} queries a second, ${connections} TCP connections, ${takeovers} takeovers, ${reloads} reloads, ` +
    `${workers} changes of workers`,
  missing: () => loadSystem().reason,
  async run(plan) {
    const { udp, tcp, rate, endings } = await prove({ ...plan, port: await freePort() });
    const faults = [];
    for (const [name, { sent, answered, lost, servfail, resets, other, closed }] of Object.entries({
      udp,
      tcp,
    })) {
      const bad = { lost, servfail, resets, other, closed };
      for (const [what, number] of Object.entries(bad))
        if (number > 0) faults.push(`${name}: ${count(number)} ${what}`);
      if (sent !== answered && lost === 0)
        faults.push(`${name}: ${count(sent)} sent, ${count(answered)} answered`);
    }
    const failed = endings.filter(({ code }) => code !== 0).length;
    if (failed > 0) faults.push(`${failed} processes failed`);
    // A generator that is too slow has proved less than it says.
    if (rate < plan.rate / 2) faults.push(`only ${count(rate)} queries a second`);
    const got =
      `${count(udp.sent)} queries over UDP (${count(rate)} a second) and ${count(tcp.sent)} over TCP: ` +
      `${udp.lost + tcp.lost} lost, ${udp.servfail + tcp.servfail} SERVFAIL, ${tcp.resets} resets; ${endings.length} processes`;
    return { got, faults };
  },
};
