/** The setting `docker`: sockets of engines, each a VPC of its own. */
import { expect, test } from 'vitest';
import { SETTINGS } from '../../src/config/table.ts';
import { addSettings, givenSettings } from '../../src/cli/serve-flags.ts';
import { Command } from 'commander';

function parse(value: unknown): unknown {
  const result = SETTINGS.docker.schema.safeParse(value);
  return result.success ? result.data : result.error.issues.map(({ message }) => message);
}

test('a socket is a text, or a map that names its VPC and the network of the VPC', () => {
  expect(parse('/run/docker.sock')).toEqual([{ socket: '/run/docker.sock', vpc: 'docker' }]);
  expect(parse([{ socket: 'tcp://[::1]:2375', vpc: 'Lab', network: 'six' }, 'unix:/a'])).toEqual([
    { socket: 'tcp://[::1]:2375', vpc: 'lab', network: 'six' },
    { socket: 'unix:/a', vpc: 'docker' },
  ]);
});

test.each([
  [
    'docker.sock',
    'docker.sock: write unix:/var/run/docker.sock, a path that begins with /, or tcp://HOST:PORT',
  ],
  ['unix:run', 'unix:run: a path such as /var/run/docker.sock must follow "unix:"'],
  ['tcp://', 'tcp://: not an address; write tcp://HOST:PORT'],
])('%j is refused, and the reason says what to write', (socket, reason) => {
  expect(parse(socket)).toEqual([reason]);
});

test('two engines cannot be one VPC, and the reason names the remedy', () => {
  expect(parse(['/a', '/b'])).toEqual([
    '/b and /a cannot both be VPC docker: give each a name in podns.yaml, docker: [{ socket: /b, vpc: NAME }, …]',
  ]);
});

test('the flag without a value means the usual socket, and may be repeated', () => {
  const given = (...words: string[]): unknown => {
    const command = addSettings(new Command().exitOverride());
    command.parse(['node', 'podns', ...words]);
    return givenSettings(command.opts()).docker;
  };
  expect(given('--docker', '--listen', '127.0.0.1:53')).toEqual(['/var/run/docker.sock']);
  expect(given('--docker', '/a', '--docker', '/b')).toEqual(['/a', '/b']);
  expect(given()).toBeUndefined();
});
