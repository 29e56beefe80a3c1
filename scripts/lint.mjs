/**
 * oxlint with the rules of .oxlintrc.json, those that need types too. Not a dependency: npx fetches these versions, and
 * where it cannot, this says so and ends with 0, so that nobody without a registry is kept from a change.
 */
import { spawnSync } from 'node:child_process';

const PACKAGES = ['oxlint@1.94.0', 'oxlint-tsgolint@7.0.2008'];
const FOLDERS = ['src', 'test', 'bench', 'scripts', 'examples'];

/** `npx --yes -p A -p B oxlint …`, in the folder of the package. */
function oxlint(parameters, stdio) {
  const packages = PACKAGES.flatMap((name) => ['-p', name]);
  const cwd = new URL('..', import.meta.url);
  return spawnSync('npx', ['--yes', ...packages, 'oxlint', ...parameters], { cwd, stdio, encoding: 'utf8' });
}

const fetched = oxlint(['--version'], 'pipe');
if (fetched.status === 0) {
  const options = ['--type-aware', '--deny-warnings', '--report-unused-disable-directives'];
  process.exitCode = oxlint([...options, ...process.argv.slice(2), ...FOLDERS], 'inherit').status ?? 1;
} else {
  console.error(fetched.stderr || String(fetched.error));
  console.error(`NOT LINTED: npx could not fetch or run ${PACKAGES.join(' and ')}`);
}
