/** The version of the package. */
import { readFileSync } from 'node:fs';

/** The version, as in package.json. */
export function packageVersion(): string {
  // Two folders up from both src/cli and dist/cli.
  const path = new URL('../../package.json', import.meta.url);
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
