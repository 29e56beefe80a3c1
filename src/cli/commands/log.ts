/** `log`: the last answers that a running server has recorded of a pod, or of all, and those that follow. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { entryText, type LogEntry } from '../../server/recorded.ts';
import { addAdminOptions, adminLines, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { CommandError, EXIT_NEGATIVE, EXIT_UNREACHABLE } from '../exit.ts';
import { line, type Io } from '../io.ts';

interface LogOptions extends AdminOptions {
  from?: string;
  vpc?: string;
  follow?: true;
  number: string;
  output: 'text' | 'json';
}

export function logCommand(io: Io): Command {
  const command = new Command('log')
    .option('--from <pod|address>', 'who asked: NS/POD, VPC/NS/POD, or an address')
    .option('--vpc <vpc>', 'only clients of this VPC')
    .option('-f, --follow', 'go on with those that follow')
    .addOption(
      new Option('-n, --number <n>', 'at most so many, the last ones').argParser(readCount).default('50'),
    )
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'),
    );
  return addAdminOptions(command).action(async (options: LogOptions) => {
    const { from, vpc, follow, number, output } = options;
    const target = adminTarget(options, io);
    const query = new URLSearchParams({ n: number });
    if (from !== undefined) query.set('from', from);
    if (vpc !== undefined) query.set('vpc', vpc);
    if (follow === true) {
      query.set('follow', '1');
      for await (const text of adminLines(target, `/v1/log?${query.toString()}`))
        line(io, output === 'json' ? text : timedText(JSON.parse(text) as LogEntry));
      throw new CommandError(EXIT_UNREACHABLE, `${target.text}: the server ended the stream`);
    }
    const entries = await askAdmin<LogEntry[]>(target, `/v1/log?${query.toString()}`);
    for (const entry of entries) line(io, output === 'json' ? JSON.stringify(entry) : timedText(entry));
    if (entries.length === 0)
      throw new CommandError(EXIT_NEGATIVE, `nothing is recorded${from === undefined ? '' : ` of ${from}`}`);
  });
}

/** `10:00:00.123` and the entry, time in UTC. */
function timedText(entry: LogEntry): string {
  return `${entry.time.slice(11, 23)} ${entryText(entry)}`;
}

function readCount(text: string): string {
  if (!/^\d{1,5}$/.test(text) || Number(text) < 1 || Number(text) > 10_000)
    throw new InvalidArgumentError('A number from 1 to 10000.');
  return text;
}
