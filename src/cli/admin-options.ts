/** The flags of commands that ask the admin listener: without its client, which loads the whole configuration. */
import type { Command } from 'commander';

export interface AdminOptions {
  admin?: string;
  adminToken?: string;
  adminTokenFile?: string;
  config?: string;
}

/** The flags that select the server. */
export function addAdminOptions(command: Command): Command {
  return command
    .option('--admin <addr:port|unix:path|url>', 'address of the admin listener; default: the configured one')
    .option(
      '--admin-token <token>',
      'bearer token of the admin listener; prefer the variable PODNS_ADMIN_TOKEN',
    )
    .option('--admin-token-file <file>', 'file with that token')
    .option('-c, --config <file>', 'read admin and its token from this file instead of ./podns.yaml');
}
