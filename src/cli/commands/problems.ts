/** `problems`: all that stands wrong at a running server, since when, and what helps; exit code 1 where there is any. */
import { Command, Option } from 'commander';
import type { ProblemFacts, ProblemsAnswer } from '../../admin/problems.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { ageText } from '../age.ts';
import { EXIT_FAILURE, Ended } from '../exit.ts';
import { line, type Io } from '../io.ts';

interface ProblemOptions extends AdminOptions {
  output: 'text' | 'json';
}

const IMPACTS: Record<ProblemFacts['impact'], string> = {
  missing: 'records are missing',
  wrong: 'answers are affected',
  none: 'answers are right',
};

export function problemsCommand(io: Io): Command {
  const command = new Command('problems')
    .description('all that stands wrong at a running server; exit code 1 where there is any')
    .addOption(new Option('-o, --output <format>', 'how').choices(['text', 'json']).default('text'));
  return addAdminOptions(command).action(async (options: ProblemOptions) => {
    const answer = await askAdmin<ProblemsAnswer>(adminTarget(options, io), '/v1/problems');
    if (options.output === 'json') io.out(`${JSON.stringify(answer, undefined, 2)}\n`);
    else for (const text of problemLines(answer)) line(io, text);
    if (answer.problems.length + answer.more > 0) throw new Ended(EXIT_FAILURE);
  });
}

/** `now`: milliseconds since 1970. */
export function problemLines({ problems, more }: ProblemsAnswer, now = Date.now()): string[] {
  if (problems.length + more === 0) return ['no problems'];
  const lines = problems.flatMap(({ severity, kind, text, remedy, impact, since }) => [
    `${severity}: ${text}`,
    `  ${kind}, for ${ageText(since, now)}; ${IMPACTS[impact]}`,
    `  what helps: ${remedy}`,
  ]);
  if (more > 0) lines.push(`and ${more} more, for which there is no room in this list`);
  return lines;
}
