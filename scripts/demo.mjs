// Serves the demonstration zones: `npm start`. A host without IPv6 loopback is served on IPv4 alone.
import { existsSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

const hasIp6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const listeners = ['127.0.0.1:5300@aep/nextcloud', '127.0.0.1:5301@globex/nextcloud'];
if (hasIp6) listeners.splice(1, 0, '[::1]:5300@aep/nextcloud');
process.argv.push('serve', '--zones', 'zones', ...listeners.flatMap((listen) => ['--listen', listen]));
if (existsSync(new URL('../dist/cli/main.js', import.meta.url))) await import('../dist/cli/main.js');
else {
  console.error('podns: dist is missing, because npm ran without scripts; run: npm run build');
  process.exitCode = 1;
}
