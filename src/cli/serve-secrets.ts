/** The files with secrets that `serve` uses, read before it starts and again at SIGHUP. */
import type { Logger } from '../server/logger.ts';
import type { Admin } from '../admin/http.ts';
import { readTokenFile, TokenFileError } from '../admin/token-file.ts';
import type { Config } from '../config/table.ts';
import { checkCertificates } from '../server/sources.ts';
import { StreamError } from '../source/reflector/dialect.ts';
import { CommandError, EXIT_BAD_CONFIG, EXIT_NO_PERMISSION } from './exit.ts';

/** A certificate that cannot work is told before the start, not by a source that tries for ever. */
export async function refuseCertificates(config: Config): Promise<void> {
  try {
    await checkCertificates(config);
  } catch (error) {
    if (error instanceof StreamError) throw new CommandError(EXIT_BAD_CONFIG, error.message);
    throw error;
  }
}

/** The token of the admin listener, from its file if it is not given. Throws CommandError. */
export function adminTokenOf({ admin, adminToken, adminTokenFile }: Config, logger: Logger): string {
  if (adminToken !== '' || adminTokenFile === '' || admin === 'off') return adminToken;
  try {
    const { token, warning } = readTokenFile(adminTokenFile);
    if (warning !== undefined) logger.warn({}, warning);
    return token;
  } catch (error) {
    if (!(error instanceof TokenFileError)) throw error;
    throw new CommandError(error.denied ? EXIT_NO_PERMISSION : EXIT_BAD_CONFIG, error.message);
  }
}

/** Reads the token again; a file that cannot be read leaves the token as it is. */
export function renewToken(config: Config, admin: Admin | undefined, logger: Logger): void {
  try {
    admin?.setToken(adminTokenOf(config, logger));
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    logger.error({}, `${error.message}; the admin listener keeps its token`);
  }
}
