/** A host with an engine of its own, where the lines of a page are typed. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { Engine, IMAGE, pause, ran, type EngineKind } from '../harness/engine.ts';
import { blocksOf, ROOT } from './markdown.ts';

export class EngineHost {
  readonly folder = mkdtempSync(join(tmpdir(), 'podns-engine-host-'));
  /** Further flags of the engine, for its next start. */
  readonly flags: string[] = [];
  readonly engine: Engine;
  /** What podns has said since it was started last. */
  log = '';
  private served: ChildProcess | undefined;

  constructor(kind: EngineKind) {
    this.engine = new Engine(kind, this.flags);
  }

  /** With `podns`, and with an image `busybox`. */
  async start(): Promise<void> {
    const bin = join(this.folder, 'bin');
    mkdirSync(bin);
    const run = `#!/bin/sh\nexec ${process.execPath} ${ROOT}dist/cli/main.js "$@"\n`;
    writeFileSync(join(bin, 'podns'), run, { mode: 0o755 });
    await this.engine.start();
    await this.engine.api('POST', `/images/${IMAGE}/tag?repo=busybox&tag=latest`);
  }

  async close(): Promise<void> {
    await this.stop();
    await this.engine.close();
    rmSync(this.folder, { recursive: true });
  }

  /** What a line prints; it must succeed. */
  async shell(line: string): Promise<string> {
    const options = { cwd: this.folder, env: this.environment() };
    const { code, out } = await ran('nsenter', [...this.inside(), 'sh', '-c', this.adapted(line)], options);
    expect(code, `${line}\n${out}\n${this.log}`).toBe(0);
    return out;
  }

  async shellAll(text: string): Promise<string> {
    let out = '';
    for (const line of text.trim().split('\n')) out += await this.shell(line);
    return out;
  }

  /** Starts what the page serves, instead of what it served before; resolves when it is ready. */
  async serve(line: string): Promise<void> {
    await this.stop();
    this.log = '';
    const command = `exec ${this.adapted(line).replace(/ &$/, '')}`;
    const served = spawn('nsenter', [...this.inside(), 'sh', '-c', command], {
      cwd: this.folder,
      env: this.environment(),
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.served = served;
    for (const stream of [served.stdout, served.stderr])
      stream.on('data', (data) => (this.log += String(data)));
    await this.until(() => this.log.includes('serves 1 VPC'));
  }

  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (let attempt = 0; !(await isSo()); attempt++) {
      if (attempt === 400) throw new Error(`it does not come to that:\n${this.log}`);
      await pause(50);
    }
  }

  /** Arguments of nsenter: the network of the host. */
  inside(): string[] {
    return this.engine.enter('-n');
  }

  private async stop(): Promise<void> {
    const { served } = this;
    if (served === undefined || served.exitCode !== null) return;
    const ended = new Promise((resolve) => served.once('exit', resolve));
    served.kill('SIGTERM');
    await ended;
  }

  private adapted(line: string): string {
    return line
      .replace('npx podns', 'podns')
      .replace(/--docker( unix:\S+)?(?= )/, `--docker unix:${this.engine.socket}`)
      .replaceAll('/etc/podns-resolv.conf', join(this.folder, 'resolv.conf'));
  }

  private environment(): NodeJS.ProcessEnv {
    return {
      PATH: `${join(this.folder, 'bin')}:${process.env['PATH']}`,
      HOME: this.folder,
      DOCKER_HOST: `unix://${this.engine.socket}`,
    };
  }
}

/** The one block of a page that holds a text. */
export function blockOf(page: string, holds: string): string {
  const found = blocksOf(page).filter(({ text }) => text.includes(holds));
  expect(found, holds).toHaveLength(1);
  return found[0]!.text;
}
