/** Moves the test's own process into a network namespace of its own, where any address can be a source. */
import { execFileSync } from 'node:child_process';

const CLONE_NEWNET = 0x40000000;

/**
 * From now on every socket and child of this thread is in a fresh namespace with these addresses on `lo`.
 * Vitest runs each file in a process of its own, so nobody else notices. Returns why it could not be done.
 */
export async function enterNamespace(addresses: string[]): Promise<string | undefined> {
  if (process.platform !== 'linux') return 'network namespaces are a Linux thing';
  if (process.getuid?.() !== 0) return 'a network namespace of its own needs root';
  let unshare: (flags: number) => number;
  try {
    const { default: koffi } = await import('koffi');
    unshare = koffi.load(null).func('int unshare(int)') as (flags: number) => number;
  } catch {
    return 'koffi is not installed: npm install koffi';
  }
  try {
    execFileSync('ip', ['-V'], { stdio: 'ignore' });
  } catch {
    return 'missing ip: apt-get install iproute2';
  }
  if (unshare(CLONE_NEWNET) !== 0) return 'unshare(CLONE_NEWNET) was refused (CAP_SYS_ADMIN)';
  const lines = addresses.map((address) =>
    address.includes(':') ? `addr add ${address}/128 dev lo nodad` : `addr add ${address}/32 dev lo`,
  );
  execFileSync('ip', ['-batch', '-'], { input: ['link set lo up', ...lines, ''].join('\n') });
  return undefined;
}
