/** What a process without permission is told, with exit code 77. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAdmin } from '../../src/admin/http.ts';
import { bindError } from '../../src/cli/bind-error.ts';
import { prepareStateFolder } from '../../src/cli/state-folder.ts';

const NOBODY = 65_534;
const root = process.getuid?.() === 0;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'podns-permission-'));
  chmodSync(folder, 0o555);
  // Root may write everywhere.
  if (root) process.seteuid!(NOBODY);
});
afterEach(() => {
  if (root) process.seteuid!(0);
  rmSync(folder, { recursive: true });
});

describe('without permission', () => {
  it('no folder of state is made', () => {
    expect(() => prepareStateFolder(join(folder, 'state'))).toThrow(
      expect.objectContaining({
        exitCode: 77,
        message: `--state ${join(folder, 'state')}: no permission to write there`,
      }) as Error,
    );
    expect(() => prepareStateFolder(folder)).toThrow(expect.objectContaining({ exitCode: 77 }) as Error);
  });

  it('no socket file is made', async () => {
    const bind = `unix:${join(folder, 'admin.sock')}`;
    const admin = createAdmin({ bind, facts: { readiness: () => ({ ready: true, reasons: [] }) } });
    const failure = await admin.open().then(
      () => undefined,
      (error: unknown) => bindError(bind, error),
    );
    expect(failure).toMatchObject({ exitCode: 77 });
    await admin.close();
  });
});

it('every other failure to bind has its own code', () => {
  const codeOf = (code: string): number => bindError('x', Object.assign(new Error('m'), { code })).exitCode;
  expect(['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES', 'EPERM', 'EMFILE'].map(codeOf)).toEqual([
    69, 69, 77, 77, 1,
  ]);
});
