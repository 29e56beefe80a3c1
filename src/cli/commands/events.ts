/**
 * `events`: prints every change of a running server as it is applied, and every problem, one per line, until the server or
 * the user stops.
 */
import { Command, Option } from 'commander';
import { keyOf, keyText, type Resource } from '../../model.ts';
import type { StandingProblem } from '../../server/problems.ts';
import { addAdminOptions, adminLines, adminTarget, type AdminOptions } from '../admin-client.ts';
import { CommandError, EXIT_UNREACHABLE } from '../exit.ts';
import { line, type Io } from '../io.ts';

interface EventOptions extends AdminOptions {
  output: 'text' | 'json';
}

type EventLine =
  | { type: 'put' | 'delete'; time: string; source: string; revision: string; object: Resource }
  | { type: 'problem'; time: string; state: 'begin' | 'end'; problem: StandingProblem }
  | { type: 'missed'; changes: number };

export function eventsCommand(io: Io): Command {
  const command = new Command('events')
    .description('print every change of a running server as it is applied')
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'),
    );
  return addAdminOptions(command).action(async (options: EventOptions) => {
    const target = adminTarget(options, io);
    for await (const text of adminLines(target, '/v1/events')) {
      line(io, options.output === 'json' ? text : eventText(JSON.parse(text) as EventLine));
    }
    throw new CommandError(EXIT_UNREACHABLE, `${target.text}: the server ended the stream`);
  });
}

/** `10:00:00.123 put pod aep/shop/db fd00::1 (etcd:http://… 42)`, time in UTC. */
export function eventText(event: EventLine): string {
  if (event.type === 'missed') return `… and ${event.changes} more changes`;
  if (event.type === 'problem') {
    const { time, state, problem } = event;
    return `${time.slice(11, 23)} problem ${state === 'begin' ? 'begins' : 'is settled'}: ${problem.text} (${problem.kind})`;
  }
  const { time, type, source, revision, object } = event;
  const what = keyText(keyOf(object));
  const detail = type === 'put' ? detailText(object) : '';
  return `${time.slice(11, 23)} ${type} ${what}${detail === '' ? '' : ` ${detail}`} (${source} ${revision})`;
}

function detailText(object: Resource): string {
  switch (object.kind) {
    case 'vpc':
      return object.net6.join(',');
    case 'namespace':
      return '';
    case 'overlay':
      return [object.net4, object.net6].filter((net) => net !== undefined).join(',');
    case 'service':
      return object.ip6 ?? '';
    case 'pod': {
      const overlays = object.overlays.map(({ overlay, ip4, ip6 }) => `${overlay}=${ip4 ?? ip6 ?? ''}`);
      const ready = object.ready ? [] : ['not ready'];
      return [object.ip6 ?? '', ...overlays, ...ready].filter((word) => word !== '').join(' ');
    }
  }
}
