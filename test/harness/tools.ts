/** What a test needs of the machine: found, or the test is skipped aloud with the line that installs it. */
import { execFileSync, spawnSync } from 'node:child_process';
import { test } from 'vitest';

const PACKAGES: Record<string, string> = {
  ip: 'iproute2',
  unshare: 'util-linux',
  mount: 'mount',
  dig: 'bind9-dnsutils',
  'musl-gcc': 'musl-tools',
  'docker-compose': 'docker-compose',
  go: 'golang-go',
  busybox: 'busybox',
  getent: 'libc-bin',
  knotd: 'knot',
  nsd: 'nsd',
  docker: 'docker.io',
  dockerd: 'docker.io',
  containerd: 'containerd',
  nsenter: 'util-linux',
  chromium: 'chromium',
  'systemd-analyze': 'systemd',
  man: 'man-db',
  nft: 'nftables',
  'dpkg-deb': 'dpkg',
  promtool: 'prometheus',
  spin: 'spin',
  gcc: 'gcc',
};

/** True when CI says that a missing tool is a failure. */
export const required = process.env['PODNS_TEST_REQUIRE_TOOLS'] === '1';

/** Where a tool is; throws where it is not. */
export function toolPath(name: string): string {
  return execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim();
}

export function hasTool(name: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${name}`], { stdio: 'ignore' }).status === 0;
}

/** Why these tools cannot be used, or undefined when all are there. */
export function missingTools(names: string[]): string | undefined {
  const missing = names.filter((name) => !hasTool(name));
  if (missing.length === 0) return undefined;
  return `missing ${missing.join(', ')}: apt-get install ${missing.map((name) => PACKAGES[name] ?? name).join(' ')}`;
}

/** Why no network namespace can be made, or undefined when one can. */
export function namespaceReason(): string | undefined {
  const tools = missingTools(['ip', 'unshare', 'mount']);
  if (tools !== undefined) return tools;
  try {
    execFileSync('unshare', ['-n', '-m', 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'a network namespace of its own needs root (CAP_SYS_ADMIN)';
  }
}

/** Reports that something was not tested, and why; fails instead where tools are required. */
export function skipAloud(title: string, reason: string): void {
  if (required) {
    test(title, () => {
      throw new Error(reason);
    });
    return;
  }
  test(`${title} (skipped: ${reason})`, (context) => {
    context.skip(reason);
  });
}
