/** `top`: the names, clients or VPCs of a running server that ask most. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { TOP_BY, type Top, type TopBy } from '../../server/top.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import type { Io } from '../io.ts';
import { tableText } from '../table.ts';

interface TopOptions extends AdminOptions {
  by: TopBy;
  vpc?: string;
  number: string;
  watch?: true;
  output: 'table' | 'json';
}

/** Milliseconds between two tables of `--watch`. */
const PAUSE = 2000;

export function topCommand(io: Io): Command {
  const command = new Command('top')
    .addOption(new Option('--by <what>', 'what is counted').choices([...TOP_BY]).default('name'))
    .option('--vpc <vpc>', 'only clients of this VPC')
    .addOption(new Option('-n, --number <n>', 'rows').argParser(readCount).default('20'))
    .option('-w, --watch', 'again every 2 seconds')
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['table', 'json']).default('table'),
    );
  return addAdminOptions(command).action(async (options: TopOptions) => {
    const { by, vpc, number, watch, output } = options;
    const target = adminTarget(options, io);
    const query = new URLSearchParams({ by, n: number, ...(vpc === undefined ? {} : { vpc }) });
    for (;;) {
      const top = await askAdmin<Top>(target, `/v1/top?${query.toString()}`);
      if (output === 'table') io.out(topText(top));
      else io.out(`${JSON.stringify(top, undefined, watch === true ? 0 : 2)}\n`);
      if (watch !== true) return;
      await sleep(PAUSE);
      if (output === 'table') io.out('\n');
    }
  });
}

export function topText({ by, rows, answers, samples, seconds, error }: Top): string {
  const header = [
    by,
    ...(by === 'client' ? ['pod', 'vpc'] : []),
    'answers',
    'per second',
    'share',
    'failures',
  ];
  const cells = rows.map((row) => [
    row.key,
    ...(by === 'client' ? [row.pod ?? '', row.vpc ?? ''] : []),
    String(row.answers),
    row.perSecond.toFixed(1),
    `${row.share.toFixed(1)}%`,
    String(row.failures),
  ]);
  const basis =
    error === 0
      ? `${answers} answers of ${seconds.toFixed(0)} s, each counted`
      : `about ${answers} answers of ${seconds.toFixed(0)} s, from ${samples} samples: a share is right to ±${error.toFixed(1)} points`;
  return `${tableText(header, cells)}${basis}\n`;
}

function readCount(text: string): string {
  if (!/^\d{1,4}$/.test(text) || Number(text) < 1) throw new InvalidArgumentError('A number from 1 to 9999.');
  return text;
}
