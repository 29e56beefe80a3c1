/** A saved view that somebody else may have written is not served. */
import {
  chmodSync,
  chownSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { prepareStateFolder } from '../../src/cli/state-folder.ts';
import { createServer, StateFolderError } from '../../src/index.ts';
import { checkStateFolder } from '../../src/server/state-folder.ts';

const STRANGER = 4711;
const root = process.getuid?.() === 0;

let above = '';
let folder = '';
let view = '';
beforeEach(() => {
  above = mkdtempSync(join(tmpdir(), 'podns-state-'));
  folder = join(above, 'state');
  mkdirSync(folder, { mode: 0o700 });
  view = join(folder, 'view.ndjson');
  writeFileSync(view, '{}\n', { mode: 0o600 });
});
afterEach(() => rmSync(above, { recursive: true }));

const refusal = (text: string) =>
  expect.objectContaining({
    name: 'StateFolderError',
    message: expect.stringContaining(text) as string,
  }) as Error;

describe('a state folder', () => {
  it('of our own is fine, and so is one that others may read, or that is not there', () => {
    checkStateFolder(folder);
    chmodSync(folder, 0o755);
    checkStateFolder(folder);
    checkStateFolder(join(above, 'none'));
  });

  it.each([0o770, 0o707, 0o1777])('with mode %o is refused', (mode) => {
    chmodSync(folder, mode);
    const reason = `${folder} has mode ${mode.toString(8).padStart(4, '0')}, so other users can write to it`;
    expect(() => checkStateFolder(folder)).toThrow(refusal(reason));
  });

  it('with a file that others may write is refused, by its path', () => {
    chmodSync(view, 0o620);
    expect(() => checkStateFolder(folder)).toThrow(refusal(`${view} has mode 0620`));
  });

  it('with a file that is a link is refused', () => {
    const elsewhere = join(above, 'view.ndjson');
    writeFileSync(elsewhere, '{}\n', { mode: 0o600 });
    rmSync(view);
    symlinkSync(elsewhere, view);
    expect(() => checkStateFolder(folder)).toThrow(refusal(`${view} is a symbolic link`));
  });

  it.skipIf(!root)('of somebody else is refused, and so is a link or a file of theirs', () => {
    const link = join(above, 'link');
    symlinkSync(folder, link);
    checkStateFolder(link);
    lchownSync(link, STRANGER, 0);
    expect(() => checkStateFolder(link)).toThrow(refusal(`${link} belongs to user ${STRANGER}`));
    chownSync(view, STRANGER, 0);
    expect(() => checkStateFolder(folder)).toThrow(
      refusal(`${view} belongs to user ${STRANGER} (mode 0600)`),
    );
    chownSync(folder, STRANGER, 0);
    expect(() => checkStateFolder(folder)).toThrow(
      refusal(`${folder} belongs to user ${STRANGER} (mode 0700), and podns runs as user 0`),
    );
  });

  it('that is not safe ends the command with 77, and the library does not start', async () => {
    chmodSync(folder, 0o777);
    expect(() => prepareStateFolder(folder)).toThrow(expect.objectContaining({ exitCode: 77 }) as Error);
    const server = createServer({ config: { state: folder, listen: [] } });
    await expect(server.start()).rejects.toBeInstanceOf(StateFolderError);
    await server.close(0);
  });
});
