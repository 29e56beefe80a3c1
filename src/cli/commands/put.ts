/** `put`: writes the resources of files to etcd, where every podns that watches it sees them. */
import { Command } from 'commander';
import { keyOf, keyText, type Resource } from '../../model.ts';
import { TRANSACTION_MOST, type EtcdWriter } from '../../source/etcd/writer.ts';
import { addEtcdOptions, etcdTarget, withEtcd, type EtcdOptions } from '../etcd-target.ts';
import { CommandError, EXIT_BAD_CONFIG } from '../exit.ts';
import { line, type Io } from '../io.ts';
import { addOutput, jsonText } from '../output.ts';
import { reportProblems } from '../problems.ts';
import { putChange, putChangeText, type PutChange } from '../put-changes.ts';
import { readResources } from '../resource-files.ts';

interface PutOptions extends EtcdOptions {
  dryRun?: true;
  output: 'text' | 'json';
}

export function putCommand(io: Io): Command {
  const command = new Command('put')
    .argument(
      '<file...>',
      'zone files (YAML), resources as JSON or NDJSON, folders of zone files, or - for standard input',
    )
    .option('--dry-run', 'check the files and print what would change in etcd; write nothing');
  addOutput(command, 'text');
  return addEtcdOptions(command).action(async (files: string[], options: PutOptions) => {
    const { writer, zone } = etcdTarget(options, io);
    const { resources, problems } = await readResources(files, zone, io);
    reportProblems(problems, io);
    // All or nothing: a half-written change is rarely useful.
    if (problems.some(({ severity }) => severity === 'error'))
      throw new CommandError(EXIT_BAD_CONFIG, 'nothing was written');
    if (resources.length === 0) throw new CommandError(EXIT_BAD_CONFIG, 'there is no resource to write');
    // Of two with the same key the later one wins.
    const last = new Map(resources.map((resource) => [keyText(keyOf(resource)), resource]));
    if (options.dryRun) await dryRun(writer, [...last.values()], zone, options, io);
    else await put(writer, [...last.values()], options, io);
  });
}

async function put(writer: EtcdWriter, resources: Resource[], options: PutOptions, io: Io): Promise<void> {
  const revision = await withEtcd(() => writer.put(resources));
  const keys = resources.map(keyOf);
  if (options.output === 'json') io.out(jsonText({ revision, put: keys }));
  else for (const key of keys) line(io, keyText(key));
  const several = keys.length > TRANSACTION_MOST ? `, in changes of ${TRANSACTION_MOST}` : '';
  io.err(`podns: ${keys.length} put, revision ${revision}${several}\n`);
}

async function dryRun(
  writer: EtcdWriter,
  resources: Resource[],
  zone: string,
  options: PutOptions,
  io: Io,
): Promise<void> {
  const stored = await withEtcd(() => writer.read(resources.map(keyOf)));
  const changes = resources.map((resource, i) => putChange(resource, stored[i], zone));
  if (options.output === 'json') io.out(jsonText({ dryRun: true, changes }));
  else for (const change of changes) line(io, putChangeText(change));
  const count = (wanted: PutChange['change']): number =>
    changes.filter(({ change }) => change === wanted).length;
  io.err(
    `podns: nothing was written; put would create ${count('create')}, change ${count('change')} and leave ${count('same')} as they are\n`,
  );
}
