/**
 * Runs the bundled command once, so that what V8 compiles of it is kept in the package: the server answers a few queries
 * of the demonstration zones on ports that the system picks. Where that cannot be done, the command compiles at each start.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const RECORDER = fileURLToPath(new URL('keep-compiled.cjs', import.meta.url));
/** Milliseconds for all of it: it takes one or two seconds. */
const PATIENCE = 60_000;

/** `command`: the path of the bundled `cli/main.js`; `root`: the folder with the demonstration zones. */
export async function keepCompiled(command, root) {
  /** @param {[string, unknown]} entry */
  const isOwn = ([name]) => !name.startsWith('PODNS_') && !name.startsWith('NODE_');
  const options = {
    cwd: dirname(command),
    env: {
      ...Object.fromEntries(Object.entries(process.env).filter(isOwn)),
      KEEP_COMPILED_IN: join(dirname(command), '..', 'bundle'),
    },
    signal: AbortSignal.timeout(PATIENCE),
  };
  /** @returns {import('node:child_process').ChildProcessByStdio<null, import('node:stream').Readable, null>} */
  const run = (...parameters) =>
    spawn(process.execPath, ['--require', RECORDER, command, ...parameters], {
      ...options,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  const zones = ['--zones', join(root, 'zones')];
  try {
    // Last is what is kept of a bundle that several of them load.
    await ended(run('--version'));
    await ended(run('explain', 'app', ...zones, '--from', 'aep/nextcloud/app'));
    const listeners = ['aep/nextcloud', 'globex/nextcloud'].flatMap((scope) => [
      '--listen',
      `127.0.0.1:0@${scope}`,
    ]);
    const server = run('serve', ...zones, ...listeners, '--admin', 'off', '--workers', '1');
    const stopped = ended(server);
    const address = await Promise.race([firstListener(server.stdout), stopped]);
    if (address === undefined) throw new Error('the server ended before it served');
    for (const words of [['app'], ['app', '+tcp'], ['app.shop', 'A'], ['nothing'], ['example.com']])
      await ended(run('query', ...words, '--server', address));
    server.kill('SIGTERM');
    await stopped;
  } catch (error) {
    console.error('build: nothing that V8 compiles is kept, because the command does not run here:', error);
  }
}

/** Resolves when the process has ended, whatever its exit code: a name that does not exist has one. */
async function ended(child) {
  child.stdout.resume();
  await once(child, 'close');
}

/** ADDRESS:PORT of the first line of the banner that has one; rejects never, and may never resolve. */
function firstListener(output) {
  return new Promise((resolve) => {
    let text = '';
    output.setEncoding('utf8').on('data', (part) => {
      text += part;
      const found = /^ {2}DNS +([\d.]+:\d+)@.*\n/m.exec(text);
      if (found !== null) resolve(found[1]);
    });
  });
}
