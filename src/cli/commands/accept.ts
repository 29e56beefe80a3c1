/** `accept`: lets through what the shrink guard of a running server holds, of one source or of all. */
import { Command } from 'commander';
import type { AcceptAnswer } from '../../admin/accept.ts';
import { plainText } from '../../model-text.ts';
import { addAdminOptions, adminTarget, askAdmin, type AdminOptions } from '../admin-client.ts';
import { EXIT_FAILURE } from '../exit.ts';
import { line, type Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';

interface AcceptOptions extends AdminOptions {
  output: 'text' | 'json';
}

export function acceptCommand(io: Io): Command {
  const command = new Command('accept').argument('[source]', 'only of this source, such as zones:zones');
  return addAdminOptions(addOutput(command, 'text')).action(
    async (source: string | undefined, options: AcceptOptions) => {
      const path = source === undefined ? '/v1/accept' : `/v1/accept?source=${encodeURIComponent(source)}`;
      const target = adminTarget(options, io);
      const answer = await askAdmin<AcceptAnswer>(target, path, { 404: EXIT_FAILURE }, 'POST');
      if (options.output === 'json') io.out(jsonText(answer));
      else for (const text of acceptLines(answer)) line(io, plainText(text));
    },
  );
}

function acceptLines({ accepted }: AcceptAnswer): string[] {
  if (accepted.length === 0) return ['nothing is held'];
  return accepted.map(
    ({ source, vpc, gone, of }) =>
      `accepted: ${gone} of ${of} pods of vpc ${vpc} are gone, as ${source} says`,
  );
}
