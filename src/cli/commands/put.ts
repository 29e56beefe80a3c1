/** `put`: writes the resources of files to etcd, where every podns that watches it sees them. */
import { Command } from 'commander';
import { keyOf, keyText } from '../../model.ts';
import { TRANSACTION_MOST } from '../../source/etcd/writer.ts';
import { addEtcdOptions, etcdTarget, withEtcd, type EtcdOptions } from '../etcd-target.ts';
import { CommandError, EXIT_BAD_CONFIG } from '../exit.ts';
import { line, type Io, reportProblems } from '../io.ts';
import { readResources } from '../resource-files.ts';

export function putCommand(io: Io): Command {
  const command = new Command('put')
    .description('write resources to etcd')
    .argument(
      '<file...>',
      'zone files (YAML), resources as JSON or NDJSON, folders of zone files, or - for standard input',
    );
  return addEtcdOptions(command).action(async (files: string[], options: EtcdOptions) => {
    const { writer, zone } = etcdTarget(options, io);
    const { resources, problems } = await readResources(files, zone, io);
    reportProblems(problems, io);
    // All or nothing: a half-written change is rarely useful.
    if (problems.some(({ severity }) => severity === 'error'))
      throw new CommandError(EXIT_BAD_CONFIG, 'nothing was written');
    if (resources.length === 0) throw new CommandError(EXIT_BAD_CONFIG, 'there is no resource to write');
    const revision = await withEtcd(() => writer.put(resources));
    const keys = [...new Set(resources.map((resource) => keyText(keyOf(resource))))];
    for (const key of keys) line(io, key);
    const several = keys.length > TRANSACTION_MOST ? `, in changes of ${TRANSACTION_MOST}` : '';
    io.err(`podns: ${keys.length} put, revision ${revision}${several}\n`);
  });
}
