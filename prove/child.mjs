/** Runs a program of this repository and collects what it prints. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('..', import.meta.url));

/**
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [environment]
 * @returns {Promise<{ stdout: string, stderr: string, code: number }>}
 */
export function runChild(command, args, environment = {}) {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      args,
      { cwd: ROOT, maxBuffer: 1 << 26, env: { ...process.env, ...environment } },
      (_, stdout, stderr) => resolve({ stdout, stderr, code: child.exitCode ?? -1 }),
    );
  });
}

export const count = (number) => Number(number).toLocaleString('en');
