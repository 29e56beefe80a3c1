/**
 * The state folder in every bad condition, before the served program: a disk that is full, a read-only one, a saved view
 * that is damaged, cut, of something else or of a newer podns, and one that belongs to somebody else.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startServer } from '../../bench/hostile-server.mjs';
import { stop } from '../../bench/process.mjs';
import { AAAA, buildQuery, parseAnswer } from '../../bench/wire.mjs';
import { ROOT } from '../child.mjs';
import { admin } from '../server.mjs';

/** Only bounds a hang, milliseconds. */
const PATIENCE = 20_000;
/** Ends with it where other users can write, or have written, the state folder. */
const EX_NOPERM = 77;
const STRANGER = 4711;
const MAIN = `${ROOT}dist/cli/main.js`;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @template T @param {() => Promise<T>} look @param {(value: T) => boolean} fits @param {string} what */
async function eventually(look, fits, what) {
  const until = performance.now() + PATIENCE;
  for (;;) {
    const value = await look();
    if (fits(value)) return value;
    if (performance.now() > until) throw new Error(`${what}: ${JSON.stringify(value).slice(0, 300)}`);
    await pause(50);
  }
}

/** `revision` is in the address of `db`; `pods` more make the view large. */
const zoneOf = (revision, pods) =>
  JSON.stringify({
    vpc: 'aep',
    net6: ['fdfd:1a8::/48'],
    namespaces: {
      web: {
        pods: Object.fromEntries([
          ['db', { ip6: `fdfd:1a8::1:${revision.toString(16)}` }],
          ...Array.from({ length: pods }, (_, n) => [
            `pod-${n}`,
            { ip6: `fdfd:1a8::2:${n.toString(16)}`, names: [`name-${revision}`] },
          ]),
        ]),
      },
    },
  });

/** Before a command, so that it has mounts of its own. @param {string} mount */
function prefixOf(mount) {
  if (mount === '') return [];
  return ['unshare', '-m', 'sh', '-c', `mount --make-rprivate / && ${mount} && exec "$@"`, 'sh'];
}

/** One server with a state folder, in a mount namespace of its own where `mount` says how. */
class Trial {
  folder = mkdtempSync(join(tmpdir(), 'podns-state-'));
  state = join(this.folder, 'state');
  zones = join(this.folder, 'zones');
  socket = join(this.folder, 'admin.sock');
  revision = 0;
  server;
  #udp = createSocket('udp4');
  #id = 0;

  constructor() {
    mkdirSync(this.state, { mode: 0o700 });
    mkdirSync(this.zones);
  }

  /** @param {number} pods */
  change(pods) {
    writeFileSync(join(this.folder, 'next'), zoneOf(++this.revision, pods));
    renameSync(join(this.folder, 'next'), join(this.zones, 'aep.yaml'));
  }

  /** @param {string} [mount] A shell command that mounts the state folder, `$STATE`. */
  async start(mount = '') {
    const prefix = prefixOf(mount);
    const flags = ['--state', this.state, '--zones', this.zones, '--admin', `unix:${this.socket}`];
    const { server, port } = await startServer(this.folder, flags, false, prefix, { STATE: this.state });
    this.server = server;
    this.port = port;
  }

  /** `0 fdfd…`: rcode, and the addresses in hexadecimal. */
  async ask(name = 'db') {
    const id = ++this.#id;
    const answered = new Promise((resolve) => {
      const take = (answer) => {
        if (answer.readUInt16BE(0) !== id) return;
        this.#udp.off('message', take);
        resolve(answer);
      };
      this.#udp.on('message', take);
    });
    this.#udp.send(buildQuery(id, name, AAAA, true), this.port, '127.0.0.1');
    const answer = await Promise.race([answered, pause(PATIENCE)]);
    if (answer === undefined) throw new Error('no answer');
    const { rcode, rdata } = parseAnswer(answer);
    return { rcode, revision: rdata.length === 1 ? Number.parseInt(rdata[0].slice(-4), 16) : -1 };
  }

  async problems() {
    const { body } = await admin(this.socket, '/v1/problems');
    return /** @type {string[]} */ (JSON.parse(body).problems.map((problem) => JSON.stringify(problem)));
  }

  served() {
    return eventually(
      () => this.ask(),
      ({ revision }) => revision === this.revision,
      'not served',
    );
  }

  problem(pattern) {
    return eventually(
      () => this.problems(),
      (all) => all.some((one) => pattern.test(one)),
      `no problem ${pattern}`,
    );
  }

  /** @param {RegExp} pattern */
  solved(pattern) {
    return eventually(
      () => this.problems(),
      (all) => !all.some((one) => pattern.test(one)),
      `the problem ${pattern} stays`,
    );
  }

  /** podns ends and says that it has no permission. */
  async refused(mount = '') {
    const flags = ['--state', this.state, '--zones', this.zones, '--listen', '127.0.0.1:0', '--admin', 'off'];
    const [command, ...parameters] = [...prefixOf(mount), process.execPath, MAIN, 'serve', ...flags];
    const environment = { ...process.env, STATE: this.state };
    const child = spawn(command, parameters, { stdio: 'ignore', env: environment });
    const [code] = await once(child, 'exit');
    if (code !== EX_NOPERM) throw new Error(`serve ended with ${code}, not ${EX_NOPERM}`);
  }

  async end(signal = 'SIGTERM') {
    if (this.server !== undefined) await stop(this.server, signal);
    this.server = undefined;
  }

  async close() {
    await this.end('SIGKILL');
    this.#udp.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** @param {Trial} trial @param {string} option */
function remount({ server, state: folder }, option) {
  const command = ['-t', String(server.pid), '-m', 'mount', '-o', `remount,${option}`, folder];
  const { status, stderr } = spawnSync('nsenter', command, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`remount: ${stderr}`);
}

/** Each throws where that does not hold. */
const CASES = {
  /** Changes until nothing more fits; every one is served, the problem is told, and goes when there is room again. */
  async 'disk full'({ changes }) {
    const trial = new Trial();
    try {
      trial.change(1);
      await trial.start('mount -t tmpfs -o size=128k,mode=0700 tmpfs "$STATE"');
      for (let i = 0; i < changes; i++) {
        trial.change(200 + i);
        await trial.served();
      }
      await trial.problem(/ENOSPC/);
      remount(trial, 'size=64m');
      await trial.solved(/ENOSPC/);
      const saved = `/proc/${trial.server.pid}/root${trial.state}/view.ndjson`;
      if (!existsSync(saved)) throw new Error('nothing was saved once there was room');
    } finally {
      await trial.close();
    }
  },

  /** A restart must not fail because a disk is full. */
  async 'disk full at the start'() {
    const trial = new Trial();
    try {
      trial.change(1);
      await trial.start('mount -t tmpfs -o nr_inodes=1,mode=0700 tmpfs "$STATE"');
      await trial.served();
      await trial.problem(/ENOSPC/);
      remount(trial, 'nr_inodes=100');
      await trial.solved(/ENOSPC/);
    } finally {
      await trial.close();
    }
  },

  async 'read-only state'() {
    const trial = new Trial();
    try {
      trial.change(1);
      await trial.refused('mount -t tmpfs -o ro,mode=0700 tmpfs "$STATE"');
    } finally {
      await trial.close();
    }
  },

  /** What is damaged is not served, is kept aside, and is told; what the source says is served and saved. */
  ...Object.fromEntries(
    Object.entries({
      'damaged view': (octets) => {
        octets[octets.length >> 1] ^= 1;
        return octets;
      },
      'truncated view': (octets) => octets.subarray(0, octets.length >> 1),
      'foreign view': () => Buffer.from('{"hello":1}\n'),
      'newer view': (octets) => Buffer.from(octets.toString().replace('"format":2', '"format":99')),
    }).map(([name, damage]) => [
      name,
      async () => {
        const trial = new Trial();
        const view = join(trial.state, 'view.ndjson');
        try {
          trial.change(20);
          await trial.start();
          await trial.served();
          await eventually(async () => existsSync(view), Boolean, 'nothing is saved');
          await trial.end();
          const before = readFileSync(view);
          writeFileSync(view, damage(Buffer.from(before)), { mode: 0o600 });
          // The source goes on from what it says now, not from what was saved.
          trial.change(20);
          await trial.start();
          await trial.problem(/kept as view\.ndjson\.damaged-/);
          if (!readdirSync(trial.state).some((file) => file.includes('.damaged-')))
            throw new Error('it is not kept');
          await trial.served();
        } finally {
          await trial.close();
        }
      },
    ]),
  ),

  async "somebody else's view"() {
    const trial = new Trial();
    try {
      trial.change(1);
      const view = join(trial.state, 'view.ndjson');
      writeFileSync(view, '{}\n', { mode: 0o600 });
      chownSync(view, STRANGER, STRANGER);
      await trial.refused();
    } finally {
      await trial.close();
    }
  },
};

export const state = {
  name: 'state',
  about:
    'a full disk, a read-only state folder, a saved view that is damaged, cut, foreign, of a newer podns or of another user: served as documented, with the problem shown',
  short: { changes: 3 },
  long: { changes: 200 },
  reach: ({ changes }) => `${Object.keys(CASES).length} conditions, ${changes} changes on a full disk`,
  missing: () => {
    if (process.getuid?.() !== 0) return 'mounts of its own need root';
    const { status } = spawnSync('unshare', ['-m', 'true'], { stdio: 'ignore' });
    return status === 0 ? undefined : 'unshare -m does not work here (CAP_SYS_ADMIN, util-linux)';
  },
  async run(parameters) {
    const faults = [];
    await Promise.all(
      Object.entries(CASES).map(([name, work]) =>
        work(parameters).catch((error) => faults.push(`${name}: ${error.message}`)),
      ),
    );
    const all = Object.keys(CASES).length;
    return { got: `${all - faults.length} of ${all}: ${Object.keys(CASES).join(', ')}`, faults };
  },
};
