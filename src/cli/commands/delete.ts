/** `delete`: deletes a resource from etcd. */
import { Argument, Command } from 'commander';
import { KINDS, keyText, type Kind, type ResourceKey } from '../../model.ts';
import type { EtcdWriter } from '../../source/etcd/writer.ts';
import { StreamError } from '../../source/reflector/dialect.ts';
import { issueText, validateKey } from '../../source/validate/by-schema.ts';
import { addEtcdOptions, etcdTarget, withEtcd, type EtcdOptions } from '../etcd-target.ts';
import { CommandError, EXIT_NEGATIVE, EXIT_USAGE } from '../exit.ts';
import { line, type Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';
import { readPath, type ResourcePath } from '../resource-path.ts';

/** Commands that the output spells out. */
const SHOWN = 10;

interface DeleteOptions extends EtcdOptions {
  output: 'text' | 'json';
}

export function deleteCommand(io: Io): Command {
  const command = new Command('delete')
    .addArgument(new Argument('<kind>', 'kind of the resource').choices([...KINDS]))
    .argument(
      '<name>',
      'VPC/NS/NAME, or NS/NAME if only one VPC has it; of a VPC or namespace VPC, VPC/NS or NS',
    );
  addOutput(command, 'text');
  return addEtcdOptions(command).action(async (kind: Kind, name: string, options: DeleteOptions) => {
    const path = readPath(kind, name, kind === 'namespace' ? 1 : 2);
    const { writer } = etcdTarget(options, io);
    const key =
      path.vpc === undefined
        ? await holderOf(writer, kind, name, path)
        : checkedKey(kind, name, path as ResourcePath & { vpc: string });
    const { revision, deleted } = await withEtcd(() => writer.delete(key));
    if (!deleted) throw new CommandError(EXIT_NEGATIVE, `${keyText(key)}: etcd has no such resource`);
    if (options.output === 'json') io.out(jsonText({ revision, deleted: key }));
    else line(io, keyText(key));
    io.err(`podns: deleted, revision ${revision}\n`);
    if (kind === 'vpc' || kind === 'namespace') io.err(await remainsText(key, writer));
  });
}

/** The only resource with this name in any VPC. Throws CommandError if there is none, or more than one. */
async function holderOf(
  writer: EtcdWriter,
  kind: Kind,
  text: string,
  path: ResourcePath,
): Promise<ResourceKey> {
  // A stand-in for the VPC, to check the name before etcd is asked.
  checkedKey(kind, text, { ...path, vpc: 'x' });
  const found = await withEtcd(async () => {
    const keys = (await writer.vpcs()).map((vpc) => keyIn(kind, { ...path, vpc }));
    const values = await writer.read(keys);
    return keys.filter((_, i) => values[i] !== undefined);
  });
  if (found.length === 1) return found[0]!;
  if (found.length === 0) throw new CommandError(EXIT_NEGATIVE, `${kind} ${text}: etcd has no such resource`);
  const names = found.map((key) => keyText(key).slice(kind.length + 1)).join(', ');
  throw new CommandError(EXIT_USAGE, `${text}: several VPCs have such a ${kind}: name one of ${names}`);
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

function keyIn(kind: Kind, { vpc, namespace = '', name = '' }: ResourcePath & { vpc: string }): ResourceKey {
  return { kind, vpc, namespace, name };
}

/** Throws CommandError if a part of the path is not a valid name. */
function checkedKey(kind: Kind, text: string, path: ResourcePath & { vpc: string }): ResourceKey {
  const { vpc, namespace, name } = path;
  const raw =
    kind === 'vpc'
      ? { kind, name: vpc }
      : kind === 'namespace'
        ? { kind, vpc, name: namespace }
        : { kind, vpc, namespace, name };
  const { key, issues } = validateKey(raw);
  if (key !== undefined) return key;
  throw new CommandError(EXIT_USAGE, issues.map((issue) => `${text}: ${issueText(issue)}`).join('\n'));
}
