// Serves the demonstration zones: `npm start`. A host without IPv6 loopback is served on IPv4 alone.
import { networkInterfaces } from 'node:os';

const hasIp6 = Object.values(networkInterfaces()).some((all) =>
  all?.some(({ address }) => address === '::1'),
);
const listeners = ['127.0.0.1:5300@aep/nextcloud', '127.0.0.1:5301@globex/nextcloud'];
if (hasIp6) listeners.splice(1, 0, '[::1]:5300@aep/nextcloud');
process.argv.push('serve', '--zones', 'zones', ...listeners.flatMap((listen) => ['--listen', listen]));
await import('../dist/cli/main.js');
