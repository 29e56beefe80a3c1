/** The root of every container of a test: busybox, a musl program, and glibc with getent; no registry is asked. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { toolPath } from './tools.ts';

const LOOKUP = join(import.meta.dirname, '../e2e/lookup.c');
const APPLETS = [
  'sh',
  'sleep',
  'cat',
  'nslookup',
  'ip',
  'true',
  'false',
  'rm',
  'touch',
  'test',
  'dd',
  'tail',
];

/** A tar archive, made in this folder. */
export function engineImage(folder: string): Buffer {
  const root = join(folder, 'image');
  for (const name of ['bin', 'etc', 'tmp', 'proc', 'sys', 'dev'])
    mkdirSync(join(root, name), { recursive: true });
  put(root, toolPath('busybox'), '/bin/busybox');
  for (const applet of APPLETS) symlinkSync('busybox', join(root, 'bin', applet));
  put(root, toolPath('getent'), '/bin/getent');
  execFileSync('musl-gcc', ['-static', '-O1', '-o', join(root, 'bin/lookup-musl'), LOOKUP]);
  execFileSync('gcc', ['-O1', '-o', join(folder, 'lookup-glibc'), LOOKUP]);
  put(root, join(folder, 'lookup-glibc'), '/bin/lookup-glibc');
  writeFileSync(join(root, 'etc/nsswitch.conf'), 'hosts: files dns\n');
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0::/:/bin/sh\n');
  const archive = join(folder, 'image.tar');
  execFileSync('tar', ['-C', root, '-cf', archive, '.']);
  return readFileSync(archive);
}

/** Copies a program with the libraries that it is linked to. */
function put(root: string, program: string, place: string): void {
  copyFileSync(program, join(root, place));
  let linked: string;
  try {
    linked = execFileSync('ldd', [program], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
  } catch {
    return; // linked statically
  }
  for (const [library] of linked.matchAll(/\/\S+/g)) {
    mkdirSync(join(root, dirname(library)), { recursive: true });
    copyFileSync(library, join(root, library));
  }
}
