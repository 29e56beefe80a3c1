/** The page of a soak: its verdicts, and what was measured over time as plots. It needs nothing but a browser. */

const [WIDTH, HEIGHT, LEFT, BOTTOM] = [900, 180, 60, 20];
const COLOURS = ['#1b6ca8', '#c8553d', '#5b8c5a'];

const escape = (text) =>
  String(text).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;');

/**
 * @param {string} title
 * @param {number} end seconds
 * @param {{ name: string, points: { at: number, value: number }[] }[]} lines
 * @param {{ at: number, what: string }[]} events vertical marks
 */
function plot(title, end, lines, events) {
  const top = Math.max(1, ...lines.flatMap(({ points }) => points.map(({ value }) => value))) * 1.05;
  const x = (at) => (LEFT + (at / end) * (WIDTH - LEFT)).toFixed(1);
  const y = (value) => (HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - 10)).toFixed(1);
  const marks = events.map(
    ({ at, what }) =>
      `<line x1="${x(at)}" x2="${x(at)}" y1="10" y2="${HEIGHT - BOTTOM}" class="${what.split(' ')[0]}"><title>${escape(what)}</title></line>`,
  );
  const axis = [0, 0.5, 1].flatMap((share) => [
    `<text x="${LEFT - 6}" y="${y(top * share)}" text-anchor="end">${(top * share).toPrecision(3)}</text>`,
    `<line x1="${LEFT}" x2="${WIDTH}" y1="${y(top * share)}" y2="${y(top * share)}" class="grid"/>`,
    `<text x="${x(end * share * 0.97)}" y="${HEIGHT - 4}">${Math.round(end * share)} s</text>`,
  ]);
  const drawn = lines.map(({ points }, i) => {
    const path = points.map(({ at, value }) => `${x(at)},${y(value)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[i]}" stroke-width="1.2"/>`;
  });
  const legend = lines
    .map(({ name }, i) => `<span style="color:${COLOURS[i]}">${escape(name)}</span>`)
    .join(' · ');
  return (
    `<h2>${escape(title)}</h2><p>${legend}</p>` +
    `<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}">${[...axis, ...marks, ...drawn].join('')}</svg>`
  );
}

/** @param {any} run @param {{ what: string, got: string, holds: boolean }[]} rows */
export function report(run, rows) {
  const { samples, events } = run;
  const end = Math.max(1, samples.at(-1)?.at ?? 1);
  const line = (name, of) => ({
    name,
    points: samples
      .map((one) => ({ at: one.at, value: of(one) }))
      .filter(({ value }) => typeof value === 'number' && Number.isFinite(value)),
  });
  const plots = [
    plot(
      'Resident memory, MiB',
      end,
      [line('direct', (one) => one.direct?.mib), line('relay', (one) => one.relay?.mib)],
      events,
    ),
    plot(
      'Descriptors',
      end,
      [line('direct', (one) => one.direct?.descriptors), line('relay', (one) => one.relay?.descriptors)],
      events,
    ),
    plot(
      'p99 of each second, ms',
      end,
      [
        line('direct', (one) => one.p99.direct),
        line('relay', (one) => one.p99.relay),
        line('outside names', (one) => one.p99.outside),
      ],
      events,
    ),
    plot('Lost queries, all so far', end, [line('lost', (one) => one.lost)], events),
  ];
  const table = rows.map(
    ({ what, got, holds }) =>
      `<tr><td>${escape(what)}</td><td>${escape(got)}</td><td class="${holds ? 'good' : 'bad'}">${holds ? 'holds' : 'FAILED'}</td></tr>`,
  );
  const stories = [...run.accounts.flatMap((account) => account.stories), ...run.failures];
  return `<!doctype html>
<html lang="en"><meta charset="utf-8"><title>podns soak</title>
<style>
body { font: 15px system-ui, sans-serif; max-width: 960px; margin: 2em auto; }
td { padding: 4px 10px; border-bottom: 1px solid #ddd; vertical-align: top; }
.good { color: #27692b; } .bad { color: #b00020; font-weight: bold; }
svg text { font-size: 11px; fill: #555; } .grid { stroke: #eee; }
.takeover { stroke: #b9a6d8; } .etcd { stroke: #f0b8a8; }
</style>
<h1>podns soak</h1>
<p>${escape(Math.round(run.options.seconds))} s, ${escape(run.options.rate)} queries a second of each server, ${escape(run.options.changes)} changes a second,
${escape(run.options.pods)} pods, seed ${escape(run.options.seed)}. Vertical lines: takeovers (violet), kills of etcd (red).</p>
<table>${table.join('\n')}</table>
${plots.join('\n')}
${stories.length === 0 ? '' : `<h2>What went wrong</h2><ul>${stories.map((story) => `<li>${escape(story)}</li>`).join('')}</ul>`}
</html>
`;
}
