/** `delete`: deletes a resource from etcd. */
import { Argument, Command } from 'commander';
import { KINDS, keyText, type Kind, type ResourceKey } from '../../model.ts';
import type { EtcdWriter } from '../../source/etcd/writer.ts';
import { StreamError } from '../../source/reflector/dialect.ts';
import { issueText, validateKey } from '../../source/validate/by-schema.ts';
import { addEtcdOptions, etcdTarget, withEtcd, type EtcdOptions } from '../etcd-target.ts';
import { CommandError, EXIT_NEGATIVE, EXIT_USAGE } from '../exit.ts';
import { line, type Io } from '../io.ts';

/** Commands that the output spells out. */
const SHOWN = 10;

const FORMS: Record<Kind, string> = {
  vpc: 'VPC',
  namespace: 'VPC/NAMESPACE',
  overlay: 'VPC/NAMESPACE/NAME',
  pod: 'VPC/NAMESPACE/NAME',
  service: 'VPC/NAMESPACE/NAME',
};

export function deleteCommand(io: Io): Command {
  const command = new Command('delete')
    .description('delete a resource from etcd: podns delete pod aep/nextcloud/db')
    .addArgument(new Argument('<kind>', 'kind of the resource').choices([...KINDS]))
    .argument('<name>', 'VPC, VPC/NAMESPACE or VPC/NAMESPACE/NAME, depending on the kind');
  return addEtcdOptions(command).action(async (kind: Kind, name: string, options: EtcdOptions) => {
    const key = keyOfText(kind, name);
    const { writer } = etcdTarget(options, io);
    const { revision, deleted } = await withEtcd(() => writer.delete(key));
    if (!deleted) throw new CommandError(EXIT_NEGATIVE, `${keyText(key)}: etcd has no such resource`);
    line(io, keyText(key));
    io.err(`podns: deleted, revision ${revision}\n`);
    if (kind === 'vpc' || kind === 'namespace') io.err(await remainsText(key, writer));
  });
}

/** What a VPC or namespace still contains, which implies it and so keeps it served. '' if it is empty. */
async function remainsText(key: ResourceKey, writer: EtcdWriter): Promise<string> {
  const what = keyText(key);
  let remains: Awaited<ReturnType<EtcdWriter['within']>>;
  try {
    remains = await writer.within(key, SHOWN);
  } catch (error) {
    if (!(error instanceof StreamError)) throw error;
    return `podns: cannot read what ${what} still contains: ${error.message}\n`;
  }
  const counts = remains.counts.map(({ kind, count }) => `${count} ${kind}${count === 1 ? '' : 's'}`);
  if (counts.length === 0) return '';
  const some = remains.keys.slice(0, SHOWN);
  const total = remains.counts.reduce((sum, { count }) => sum + count, 0);
  const more = total > some.length ? `  … and ${total - some.length} more\n` : '';
  const lines = some.map((each) => `  podns delete ${keyText(each)}\n`).join('');
  return `podns: ${what} stays served, because it still contains ${counts.join(', ')}; to delete that:\n${lines}${more}`;
}

/** Throws CommandError if the path does not fit the kind, or a part of it is not a valid name. */
function keyOfText(kind: Kind, text: string): ResourceKey {
  const parts = text.split('/');
  const form = FORMS[kind];
  if (parts.length !== form.split('/').length)
    throw new CommandError(EXIT_USAGE, `${text}: the name of a ${kind} has the form ${form}`);
  const [vpc, second, third] = parts;
  const raw =
    kind === 'vpc'
      ? { kind, name: vpc }
      : kind === 'namespace'
        ? { kind, vpc, name: second }
        : { kind, vpc, namespace: second, name: third };
  const { key, issues } = validateKey(raw);
  if (key !== undefined) return key;
  throw new CommandError(EXIT_USAGE, issues.map((issue) => `${text}: ${issueText(issue)}`).join('\n'));
}
