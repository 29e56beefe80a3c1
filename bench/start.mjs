/**
 * `node bench/start.mjs`: how soon a process answers after its start, from the view that another one has saved: with the
 * image beside it, without, and as a build before did. Each start is the command itself; a query is sent every 5 ms until
 * one is answered. Nothing feeds these starts: what they answer is what was saved.
 *
 * Options: --pods 100,100000,1000000 · --rounds 5 · --before FOLDER, another built checkout, measured in turn ·
 * --json FILE
 */
import { spawn } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { measuredOn } from './measured-on.mjs';
import { NET6, pod6Octets, podDomain, podObject, VPC, writeLines } from './pods.mjs';
import { median, round } from './report.mjs';
import { AAAA, buildQuery, parseAnswer } from './wire.mjs';

const { values: options } = parseArgs({
  options: {
    pods: { type: 'string', default: '100,100000,1000000' },
    rounds: { type: 'string', default: '5' },
    before: { type: 'string' },
    json: { type: 'string' },
  },
});

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const HOST = '127.0.0.1';
const EVERY_MS = 5;
/** After it, what a start needs only for a while has been given back. */
const REST_MS = 4000;
const GIVE_UP_MS = 300_000;
/** The line that tells that all records are there. */
const BACK = 'the saved view is served';
const IMAGE = 'view.ndjson.image';

async function freePort() {
  const socket = createSocket('udp4');
  socket.bind(0, HOST);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Seconds of CPU of all threads so far, and what is and was at most resident, MiB. */
function used(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const mebibytes = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1]) / 1024;
  // In hundredths of a second on Linux, whatever its own clock.
  return {
    cpu: (Number(fields[11]) + Number(fields[12])) / 100,
    peak: mebibytes('VmHWM'),
    resident: mebibytes('VmRSS'),
  };
}

/** The command of a checkout, in a folder with the state. */
function serve(root, folder, port, url) {
  const parameters = [
    ...[join(root, 'dist', 'cli', 'main.js'), 'serve', '--watch', url, '--listen', `${HOST}:${port}@${VPC}`],
    ...['--state', join(folder, 'state'), '--admin', 'off', '--workers', '1', '--log-format', 'text'],
  ];
  const child = spawn(process.execPath, parameters, { stdio: ['ignore', 'ignore', 'pipe'], cwd: folder });
  const run = { child, log: '', back: /** @type {number | undefined} */ (undefined) };
  child.stderr.setEncoding('utf8').on('data', (text) => {
    run.log += text;
    if (run.log.includes(BACK) && !lastLine(run.log).includes('are being loaded'))
      run.back ??= performance.now();
  });
  return run;
}

function lastLine(log) {
  return log.split('\n').findLast((line) => line.includes(BACK)) ?? '';
}

async function end({ child }, signal) {
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** Asks for a pod until there is an answer; resolves with the address, hexadecimal. */
async function firstAnswer(port, pod, run) {
  const socket = createSocket('udp4');
  const query = buildQuery(7, podDomain(pod), AAAA);
  let answer;
  socket.on('message', (message) => (answer ??= parseAnswer(message).rdata[0] ?? ''));
  // Nobody listens yet.
  socket.on('error', () => undefined);
  const until = performance.now() + GIVE_UP_MS;
  while (answer === undefined) {
    if (run.child.exitCode !== null || performance.now() > until) throw new Error(`no answer: ${run.log}`);
    socket.send(query, port, HOST);
    await pause(EVERY_MS);
  }
  socket.close();
  return answer;
}

/** A state folder with so many pods, as a process leaves it that was ended. */
async function prepare(root, folder, pods) {
  mkdirSync(folder);
  const server = createServer((_request, response) => {
    void writeLines(response, streamOf(pods));
  }).listen(0, HOST);
  await once(server, 'listening');
  const { port: feed } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const url = `http://${HOST}:${feed}/`;
  const port = await freePort();
  const run = serve(root, folder, port, url);
  await firstAnswer(port, pods - 1, run);
  await end(run, 'SIGTERM');
  server.closeAllConnections();
  server.close();
  return url;
}

function* streamOf(pods) {
  const line = (value) => `${JSON.stringify(value)}\n`;
  const revision = '1';
  yield line({ type: 'snapshot', revision });
  yield line({ type: 'put', revision, object: { kind: 'vpc', name: VPC, net6: [NET6] } });
  for (let i = 0; i < pods; i++) yield line({ type: 'put', revision, object: podObject(i) });
  yield line({ type: 'synced', revision });
}

/** One start, and what it took until the first answer and until all records were there. */
async function start(root, folder, url, pods) {
  const port = await freePort();
  const began = performance.now();
  const run = serve(root, folder, port, url);
  try {
    const answer = await firstAnswer(port, pods - 1, run);
    const first = performance.now() - began;
    const { cpu } = used(run.child.pid);
    if (answer !== pod6Octets(pods - 1).toString('hex')) throw new Error(`another answer: ${String(answer)}`);
    while (run.back === undefined) await pause(EVERY_MS);
    const whole = used(run.child.pid);
    await pause(REST_MS);
    return {
      first,
      cpu: cpu * 1000,
      records: run.back - began,
      recordsCpu: whole.cpu * 1000,
      peak: whole.peak,
      resident: used(run.child.pid).resident,
    };
  } finally {
    await end(run, 'SIGKILL');
  }
}

const rounds = Number(options.rounds);
const place = mkdtempSync(join(tmpdir(), 'podns-start-'));
const results = [];
try {
  for (const pods of options.pods.split(',').map(Number)) {
    /** @type {{ name: string, root: string, folder: string, url: string, times: any[] }[]} */
    const ways = [];
    const add = async (name, root, hasImage) => {
      const folder = join(place, `${name}-${pods}`);
      const url = await prepare(root, folder, pods);
      const image = join(folder, 'state', IMAGE);
      if (!hasImage) rmSync(image, { force: true });
      else if (!existsSync(image)) throw new Error(`no image was left in ${folder}`);
      ways.push({ name, root, folder, url, times: [] });
    };
    await add('image', ROOT, true);
    await add('records', ROOT, false);
    if (options.before !== undefined) await add('before', resolve(options.before), false);
    for (let n = 0; n < rounds; n++) {
      for (const { root, folder, url, times, name } of ways) {
        times.push(await start(root, folder, url, pods));
        // A start that is long enough leaves an image.
        if (name === 'records') rmSync(join(folder, 'state', IMAGE), { force: true });
      }
    }
    for (const { name, folder, times } of ways) {
      const of = (what) => round(median(times.map((time) => time[what])));
      const size = (file) => statSync(join(folder, 'state', file), { throwIfNoEntry: false })?.size ?? 0;
      const result = {
        ...{ pods, from: name, firstAnswerMs: of('first'), firstAnswerCpuMs: of('cpu') },
        ...{ recordsMs: of('records'), recordsCpuMs: of('recordsCpu'), peakMiB: of('peak') },
        ...{ residentMiB: of('resident'), viewOctets: size('view.ndjson'), imageOctets: size(IMAGE) },
      };
      results.push(result);
      console.log(JSON.stringify(result));
    }
    for (const { folder } of ways) rmSync(folder, { recursive: true });
  }
} finally {
  rmSync(place, { recursive: true, force: true });
}
if (options.json !== undefined) {
  const all = { ...measuredOn(), rounds, everyMs: EVERY_MS, starts: results };
  writeFileSync(options.json, `${JSON.stringify(all, undefined, 2)}\n`);
}
