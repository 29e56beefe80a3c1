/** `prove-isolation`: asks as every class of client for all that other VPCs have; ends with 1 where anything is given. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { ProofEnd, ProofLine, Violation } from '../../isolation/facts.ts';
import { addAdminOptions, adminLines, adminTarget, type AdminOptions } from '../admin-client.ts';
import { CommandError, EXIT_FAILURE } from '../exit.ts';
import { line, type Io } from '../io.ts';

interface ProveOptions extends AdminOptions {
  zones?: string;
  limit?: string;
  output: 'text' | 'json';
}

export function proveCommand(io: Io): Command {
  const command = new Command('prove-isolation')
    .option('--zones <dir>', 'read this folder of zone files, or one file, instead of the running server')
    .addOption(
      new Option('--limit <n>', 'ask at most about so many pairs, evenly chosen; default 1000000').argParser(
        readLimit,
      ),
    )
    .addOption(
      new Option('-o, --output <format>', 'output format').choices(['text', 'json']).default('text'),
    );
  return addAdminOptions(command).action(async (options: ProveOptions) => {
    const { zones, output } = options;
    let end: ProofEnd | undefined;
    const take = (proof: ProofLine): void => {
      showProgress(proof);
      if (proof.type === 'end') end = proof;
      if (output === 'json') line(io, JSON.stringify(proof));
      else if (proof.type === 'violation') io.out(violationText(proof));
      else if (proof.type === 'end') io.out(endText(proof));
    };
    await (zones === undefined ? proveServer(options, io, take) : proveFiles(zones, options, io, take));
    if (end === undefined)
      throw new CommandError(EXIT_FAILURE, 'the proof was cut off, so nothing is proved');
    if (end.violations > 0) throw new CommandError(EXIT_FAILURE, '');
  });
}

async function proveServer(options: ProveOptions, io: Io, take: (proof: ProofLine) => void): Promise<void> {
  const { limit } = options;
  const path = `/v1/prove-isolation${limit === undefined ? '' : `?limit=${limit}`}`;
  for await (const text of adminLines(adminTarget(options, io), path)) take(JSON.parse(text) as ProofLine);
}

/** Of a server that is loaded only now: who asks a running one does not wait for it. */
async function proveFiles(
  zones: string,
  options: ProveOptions,
  io: Io,
  take: (proof: ProofLine) => void,
): Promise<void> {
  const { withZoneServer } = await import('../zone-server.ts');
  const { proveIsolation } = await import('../../isolation/prover.ts');
  const { isolationFacts } = await import('../../server/proving.ts');
  const limit = options.limit === undefined ? undefined : Number(options.limit);
  await withZoneServer(zones, options, io, async (server) => {
    for await (const proof of proveIsolation(isolationFacts(server), limit)) take(proof);
  });
}

/** One line that is written over again and again, and only where somebody watches. */
function showProgress(proof: ProofLine): void {
  const { stderr } = process;
  if (!stderr.isTTY) return;
  const text = proof.type === 'progress' ? `${proof.pairs} of ${proof.of} pairs` : '';
  stderr.write(`\r\x1b[K${text}`);
}

export function violationText({ client, of, question, given, dig, explain }: Violation): string {
  return [
    `VIOLATION: ${client.class} of VPC ${client.vpc} (${client.address}, asking ${client.listener})`,
    `  asked for ${question.name} ${question.type}, of ${of.resource} of VPC ${of.vpc}`,
    `  and was given: ${given}`,
    `  ${dig}`,
    `  ${explain}`,
    '',
  ].join('\n');
}

export function endText(end: ProofEnd): string {
  const { pairs, of, limit, vpcs, clients, violations, outside, stopped, seconds } = end;
  const all = pairs === of ? `all ${of} pairs` : `${pairs} of ${of} pairs`;
  const why = stopped ? '; it ended early' : pairs === of ? '' : `, evenly chosen (--limit ${limit})`;
  const found = violations === 0 ? 'no violations' : `${violations} violations`;
  return (
    `${found}: ${all} of a client and a question checked${why}\n` +
    `${clients} classes of clients of ${vpcs} VPCs; ${outside} questions would leave podns; ${seconds} s\n`
  );
}

function readLimit(text: string): string {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('A whole number from 1 to 999999999.');
  return text;
}
