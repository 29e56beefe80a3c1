/** Where a process listens for its successor. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { placeOf } from '../../src/takeover/place.ts';

const none = { asked: '', state: '', admin: '127.0.0.1:9153', environment: {} };

it('is what is asked for, or the state folder', () => {
  expect(placeOf({ ...none, asked: 'run/a.sock', state: 's' })).toEqual({ path: 'run/a.sock' });
  expect(placeOf({ ...none, state: 's' })).toEqual({ path: 's/takeover.sock' });
});

it('is else in a folder that nobody else can write to, and differs by admin address', () => {
  const folder = mkdtempSync(join(tmpdir(), 'podns-place-'));
  const environment = { RUNTIME_DIRECTORY: `${folder}:/run/other` };
  const { path = '' } = placeOf({ ...none, environment });
  expect(path.startsWith(`${folder}/podns-`)).toBe(true);
  expect(placeOf({ ...none, environment })).toEqual({ path });
  expect(placeOf({ ...none, admin: '127.0.0.1:9154', environment }).path).not.toBe(path);
  chmodSync(folder, 0o777);
  expect(placeOf({ ...none, environment }).reason).toContain('is no folder of this user alone');
  rmSync(folder, { recursive: true });
  expect(placeOf({ ...none, environment }).reason).toContain('ENOENT');
});

it.each(['off', '127.0.0.1:0'])('is nowhere where the admin address is %s', (admin) => {
  expect(placeOf({ ...none, admin }).reason).toContain('set state or takeover_socket');
});

it('is nowhere where the path is too long for a socket', () => {
  expect(placeOf({ ...none, state: 'x'.repeat(100) }).reason).toContain('longer than 107 octets');
});
