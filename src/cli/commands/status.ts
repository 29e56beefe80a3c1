/** `status`: prints the state of a running server: its sources, their revisions and ages, and its readers. */
import { Command } from 'commander';
import type { OutsideText, SourceText, Status } from '../../admin/status.ts';
import { ageText } from '../age.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { plainText } from '../../model-text.ts';
import type { Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';
import { tableText } from '../table.ts';

interface StatusOptions extends AdminOptions {
  output: 'table' | 'json';
  digest?: true;
}

/** Problems that the table lists one by one. */
const SHOWN = 20;

export function statusCommand(io: Io): Command {
  const command = new Command('status').option(
    '--digest',
    'also print a digest of all resources, to compare servers',
  );
  addOutput(command, 'table');
  return addAdminOptions(command).action(async (options: StatusOptions) => {
    const path = options.digest ? '/v1/status?digest' : '/v1/status';
    const status = await askAdmin<Status>(adminTarget(options, io), path);
    io.out(options.output === 'json' ? jsonText(status) : statusText(status));
  });
}

/** `now`: milliseconds since 1970. */
export function statusText(status: Status, now = Date.now()): string {
  const { version, node, ready, reasons, counts, watch, saved, propagation } = status;
  const lines = [
    `podns ${version} on ${node}, for ${ageText(status.started, now)}: ${ready ? 'ready' : 'not ready'}`,
    ...reasons.map((reason) => `  ${reason}`),
    Object.entries(counts)
      .map(([kind, count]) => `${kind} ${count}`)
      .join(', '),
  ];
  const header = ['SOURCE', 'STATE', 'REVISION', 'CHANGED', 'HEARD', 'RATE', 'LAG'];
  lines.push(
    '',
    ...tableText(
      header,
      status.sources.map((source) => row(source, now)),
    )
      .trimEnd()
      .split('\n'),
    '',
  );
  const { committed, received } = propagation;
  if (received.count > 0) lines.push(`applied within  p50 ${ms(received.p50Ms)}, p99 ${ms(received.p99Ms)}`);
  if (committed.count > 0)
    lines.push(`propagated in   p50 ${ms(committed.p50Ms)}, p99 ${ms(committed.p99Ms)}`);
  const { stalled, behind } = watch.cut;
  lines.push(
    `watch stream    revision ${status.revision}, ${watch.readers} readers, ${stalled + behind} cut`,
  );
  lines.push(`outside names   ${outsideText(status.outside)}`);
  if (saved !== null) {
    const age = saved.at === null ? 'not saved yet' : `saved ${ageText(saved.at, now)} ago`;
    lines.push(`saved view      ${saved.path}, ${saved.problem ?? age}`);
  }
  if (status.digest !== undefined) lines.push(`digest          ${status.digest}`);
  const held = status.sources.flatMap((source) => source.held);
  if (held.length > 0) lines.push('');
  for (const { source, vpc, gone, of, until } of held)
    lines.push(
      `held: ${source} takes away ${gone} of ${of} pods of vpc ${vpc}; until ${until}, or podns accept`,
    );
  const problems = [...status.sources.flatMap((source) => source.problems), ...status.conflicts];
  if (problems.length > 0) lines.push('');
  for (const { severity, text } of problems.slice(0, SHOWN)) lines.push(`${severity}: ${text}`);
  if (problems.length > SHOWN) lines.push(`and ${problems.length - SHOWN} more; -o json lists all`);
  return `${lines.map(plainText).join('\n')}\n`;
}

function outsideText({ source, defaults, problem, upstreams, cache }: OutsideText): string {
  const failing = upstreams.filter(({ state }) => state === 'failing').map(({ upstream }) => upstream);
  const parts = [
    defaults.length === 0 ? `no upstream in ${source}` : `to ${defaults.join(', ')} (${source})`,
    `${cache.entries} cached, ${cache.hits} hits, ${cache.misses} misses`,
  ];
  if (failing.length > 0) parts.push(`failing: ${failing.join(', ')}`);
  if (problem !== '') parts.push(problem);
  return parts.join('; ');
}

function row(source: SourceText, now: number): string[] {
  const { name, state, restored, synced, revision, lastChange, lastHeard, rate, lagMs } = source;
  return [
    name,
    !synced && restored ? `${state}, saved view` : state,
    revision,
    lastChange === null ? '' : ageText(lastChange, now),
    lastHeard === null ? '' : ageText(lastHeard, now),
    `${rate.toFixed(rate < 10 ? 1 : 0)}/s`,
    lagMs === null ? '' : ms(lagMs),
  ];
}

function ms(value: number | null): string {
  return value === null ? 'over a minute' : `${value} ms`;
}
