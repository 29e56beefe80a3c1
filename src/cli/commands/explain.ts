/** `explain`: why a pod gets the answer that it gets, from the running server or from zone files. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Explanation } from '../../explain/explanation.ts';
import { explanationText } from '../../explain/prose.ts';
import type { ExplainAsk } from '../../index.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { ASK_CODES, askQuery } from '../asking.ts';
import { CommandError, EXIT_FAILURE, EXIT_NEGATIVE, EXIT_OK } from '../exit.ts';
import type { Io } from '../io.ts';

interface Options extends AdminOptions {
  from: string;
  zones?: string;
  vpc?: string;
  listener?: string;
  tcp?: true;
  size?: number;
  operator?: true;
  output: 'text' | 'json';
}

export function explainCommand(io: Io): Command {
  const command = new Command('explain')
    .description('why a pod gets the answer that it gets')
    .argument('<name>', 'a name as a program in the pod has it; or an address, for its PTR')
    .argument('[type]', 'A, AAAA, SRV, TXT, PTR …; default AAAA')
    .requiredOption('--from <pod|address>', 'who asks: NS/POD, VPC/NS/POD, or an address')
    .option('--zones <dir>', 'read this folder of zone files, or one file, instead of the running server')
    .option('--vpc <vpc>', "the pod's VPC, where several have such a pod")
    .option(
      '--listener <addr:port[@vpc[/ns]]>',
      'which listener is asked; default: the one that this pod would use',
    )
    .option('--tcp', 'as over TCP')
    .option(
      '--size <octets>',
      'what the client takes over UDP, 0 for one without EDNS; default 1232',
      readSize,
    )
    .option('--operator', 'tell also what only an operator may know: names of other VPCs')
    .addOption(new Option('-o, --output <format>', 'how').choices(['text', 'json']).default('text'))
    .action(async (name: string, type: string | undefined, options: Options) => {
      const { output, zones, admin: _, adminToken: __, config: ___, ...words } = options;
      const ask = { name, ...(type === undefined ? {} : { type }), ...words };
      const explanation = await (zones === undefined
        ? askAdmin<Explanation>(adminTarget(options, io), `/v1/explain?${askQuery(ask)}`, ASK_CODES)
        : explainFromFiles(zones, ask, options, io));
      io.out(
        output === 'json' ? `${JSON.stringify(explanation, undefined, 2)}\n` : explanationText(explanation),
      );
      const code = exitCodeOf(explanation);
      if (code !== EXIT_OK) throw new CommandError(code, '');
    });
  return addAdminOptions(command);
}

/** Of a server that is loaded only now: who asks a running one does not wait for it. */
async function explainFromFiles(
  zones: string,
  ask: ExplainAsk,
  options: Options,
  io: Io,
): Promise<Explanation> {
  const { withZoneServer } = await import('../zone-server.ts');
  return withZoneServer(zones, options, io, (server) => server.explain(ask));
}

/** As that of `query`; what an upstream would have to say is no failure. */
export function exitCodeOf({ answer }: Explanation): number {
  const { outcome, rcode, records, flags } = answer;
  if (outcome === 'forwarded') return EXIT_OK;
  if (rcode === 'NXDOMAIN') return EXIT_NEGATIVE;
  if (rcode !== 'NOERROR') return EXIT_FAILURE;
  return records.length > 0 || flags.split(' ').includes('tc') ? EXIT_OK : EXIT_NEGATIVE;
}

function readSize(text: string): number {
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65535) throw new InvalidArgumentError('Octets, 0 to 65535.');
  return Number(text);
}
