#!/usr/bin/env node
/**
 * The `podns` command: refuses a Node that is too old, else starts the program. Node 12 can parse this file, so it has
 * no static import, no `await` at its top and no newer operators.
 */
function numbers(text: string): number[] {
  return text
    .replace(/^[^0-9]*/, '')
    .split('.')
    .map(Number);
}

function isOlder(version: string, least: string): boolean {
  const [major, minor = 0] = numbers(version);
  const [leastMajor, leastMinor = 0] = numbers(least);
  return major !== leastMajor ? major! < leastMajor! : minor < leastMinor;
}

// A listener replaces that of Node.js, which would open the port of a debugger.
process.on('SIGUSR1', function ignore() {});

void import('fs').then(function start({ readFileSync }) {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  const least = (JSON.parse(text) as { engines: { node: string } }).engines.node;
  if (!isOlder(process.version, least)) return import('./start.ts');
  process.stderr.write(
    'podns: Node ' +
      process.version.slice(1) +
      ' is too old: podns needs Node ' +
      numbers(least).join('.') +
      ' or later\n',
  );
  process.exitCode = 1;
  return undefined;
});
