/** What must hold after a soak. Times are shown, and judge nothing: they are those of the machine. */
import { count } from '../child.mjs';

/** By how much memory may grow from the second third of a run to the last: a share, and MiB of the collector's slack. */
const GROWTH = { share: 0.1, slack: 16 };
/** A short run does not show whether memory grows, only that it does not run away. */
const SHORT = { seconds: 300, slack: 80 };
/** Connections come and go. */
const DESCRIPTORS = 40;

/** Seconds around an outside name's SERVFAIL in which the machine must have stood still: podns waits for 4 s in all. */
const AROUND = 8;

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0;

/** The second and the last third of what one process showed over a run. */
function thirds(list) {
  const third = Math.floor(list.length / 3);
  return [list.slice(third, 2 * third), list.slice(2 * third)];
}

/** Each process that served, in order, with the most it had: the last one may have just begun. */
function peaks(samples) {
  const byPid = new Map();
  for (const { direct } of samples) {
    if (direct === undefined) continue;
    byPid.set(direct.pid, Math.max(byPid.get(direct.pid) ?? 0, direct.mib));
  }
  return [...byPid.values()];
}

/** @param {string} what @param {number[][]} parts @param {number} seconds */
function grown(what, [before, after], seconds) {
  const slack = seconds < SHORT.seconds ? SHORT.slack : GROWTH.slack;
  const isShown = before.length > 0;
  return {
    what,
    got: isShown
      ? `${Math.round(median(before))} → ${Math.round(median(after))} MiB`
      : 'too few processes to tell',
    holds: !isShown || median(after) <= median(before) * (1 + GROWTH.share) + slack,
  };
}

export function verdicts({ options, accounts, hostile, happened, settled, endings, failures, samples }) {
  const rows = accounts.map(({ name, counts }) => {
    const { asked, answered, lost, late, servfail, wrong, backwards, resets, closed } = counts;
    return {
      what: `${name}: each query is answered, rightly, and never with an older state`,
      got:
        `${count(asked)} asked, ${count(answered)} answered, ${lost} lost, ${late} late, ${servfail} SERVFAIL, ${wrong} wrong, ` +
        `${backwards} older, ${resets} reset, ${closed} asked again after an orderly end`,
      holds: asked === answered && lost + servfail + wrong + backwards + resets === 0 && asked > 0,
    };
  });
  const slow = new Set(accounts.flatMap((account) => account.slow));
  const failed = accounts.flatMap(({ unforwarded }) => unforwarded);
  const around = (at) => Array.from({ length: 2 * AROUND + 1 }, (_, i) => at - AROUND + i);
  const unexplained = failed.filter((at) => !around(at).some((near) => slow.has(near)));
  rows.push({
    what: 'outside names: SERVFAIL only while the machine stood still, so that own names waited for a second too',
    got: `${failed.length} SERVFAIL, ${unexplained.length} of them at other times`,
    holds: unexplained.length === 0,
  });
  rows.push({
    what: 'hostile packets: sound replies, and none to what is no query',
    got:
      `${count(hostile.sent)} packets, ${count(hostile.connections)} connections, ${count(hostile.answered)} replies, ` +
      `${hostile.unexpected} to nothing${hostile.malformed === '' ? '' : `, ${hostile.malformed}`}`,
    holds: hostile.unexpected === 0 && hostile.malformed === '' && hostile.answered > 0,
  });
  rows.push({
    what: 'faults happened, and none failed otherwise than it should',
    got:
      `${happened.takeovers} takeovers and ${happened.givenUp} given up in time, ${happened.etcd} kills of etcd, ${happened.cuts} cuts of the watch, ` +
      `${count(happened.changes)} changes, ${failures.length} failures`,
    holds:
      failures.length === 0 &&
      Math.min(happened.takeovers, happened.etcd, happened.cuts, happened.changes) > 0,
  });
  rows.push({
    what: 'each process ended when it was told to, with 0; who gave up a takeover, with 1',
    got: endings.map(({ code, signal }) => code ?? signal).join(' '),
    holds:
      endings.every(({ code }) => code === 0 || code === 1) &&
      endings.filter(({ code }) => code === 1).length === happened.givenUp,
  });
  rows.push({
    what: 'at the end both servers have what etcd has',
    got: settled.equal
      ? `equal digests, ${settled.stale} pods of an older state`
      : `digests ${settled.digest}`,
    holds: settled.equal && settled.stale === 0,
  });
  const relay = samples.map((one) => one.relay).filter((one) => one !== undefined);
  const memory = thirds(relay.map(({ mib }) => mib));
  rows.push(grown('memory of the relay does not grow (second third, last third)', memory, options.seconds));
  rows.push(
    grown('memory does not grow from successor to successor', thirds(peaks(samples)), options.seconds),
  );
  const open = thirds(relay.map(({ descriptors }) => descriptors)).map(median);
  rows.push({
    what: 'descriptors of the relay do not grow (second third, last third)',
    got: `${open[0]} → ${open[1]}`,
    holds: open[1] <= open[0] + DESCRIPTORS,
  });
  const p99 = (of) => median(samples.map(({ p99: times }) => of(times))).toFixed(1);
  rows.push({
    what: 'p99 of a second, the median over all seconds (no verdict)',
    got: `direct ${p99((times) => times.direct)} ms, relay ${p99((times) => times.relay)} ms, outside ${p99((times) => times.outside)} ms`,
    holds: true,
  });
  return rows;
}
