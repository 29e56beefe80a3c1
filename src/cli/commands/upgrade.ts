/** `upgrade`: starts `serve --takeover` beside the running process, and waits until it is in charge. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { commandModule } from '../../locations.ts';
import { givenSettings, addSettings } from '../serve-flags.ts';
import { CommandError, Ended, EXIT_FAILURE } from '../exit.ts';
import { line, type Io } from '../io.ts';
import { configOf } from './serve.ts';

/** Milliseconds that a takeover may take beyond the patience with sources: a large view, a busy machine. */
const BEYOND_MS = 120_000;

export function upgradeCommand(io: Io): Command {
  const command = new Command('upgrade').option('-c, --config <file>', 'as of serve');
  return addSettings(command).action(async (options: Record<string, unknown>) => {
    // What is wrong with the configuration is told before anything is started.
    const { config } = configOf(options, io);
    const pid = await startSuccessor(flagsOf(options), io, config.takeoverPatience + BEYOND_MS);
    line(io, pid.text);
  });
}

/** The flags as they were given: those of `serve` are the same. */
function flagsOf(options: Record<string, unknown>): string[] {
  const flags: string[] = [];
  if (typeof options['config'] === 'string') flags.push('--config', options['config']);
  for (const [key, value] of Object.entries(givenSettings(options))) {
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
    for (const one of Array.isArray(value) ? (value as string[]) : [value])
      flags.push(...(one === true ? [flag] : [flag, String(one)]));
  }
  return flags;
}

/** Resolves when the new process answers alone. Throws Ended with its exit code where it could not take over. */
async function startSuccessor(flags: string[], io: Io, patience: number): Promise<{ text: string }> {
  const main = fileURLToPath(commandModule());
  const child = spawn(process.execPath, [...process.execArgv, main, 'serve', '--takeover', ...flags], {
    cwd: io.folder,
    env: io.environment,
    detached: true,
    // It goes on where this command writes, as a process that the user starts there.
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new CommandError(EXIT_FAILURE, `the new process did not take over in ${patience / 1000} s`));
    }, patience);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(new CommandError(EXIT_FAILURE, error.message));
    });
    child.once('exit', (code, signal) => {
      clearTimeout(timer);
      if (signal !== null) {
        const text = `the new process was ended by ${signal}; the running one goes on`;
        reject(new CommandError(EXIT_FAILURE, text));
      } else reject(new Ended(code === 0 || code === null ? EXIT_FAILURE : code));
    });
    child.once('message', (message: { tookOver?: boolean }) => {
      clearTimeout(timer);
      child.removeAllListeners('exit');
      child.unref();
      const how = message.tookOver === true ? 'has taken over' : 'has started; none was running';
      resolve({ text: `process ${child.pid} ${how}` });
    });
  });
}
