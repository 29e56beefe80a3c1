/** Every configuration, zone file and `podns` command of the pages is valid; each block of commands is run, or it says why not. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommanderError, type Command } from 'commander';
import { afterAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../src/cli/program.ts';
import { loadConfig } from '../../src/config.ts';
import { parseZoneFile } from '../../src/source/zones/zone-file.ts';
import {
  blocksOf,
  commandsOf,
  PAGES,
  podnsWords,
  ROOT,
  shellLines,
  spansOf,
  type Block,
} from './markdown.ts';

const blocks = PAGES.flatMap(blocksOf);
const folder = mkdtempSync(join(tmpdir(), 'podns-pages-'));
afterAll(() => rmSync(folder, { recursive: true }));

function titled<T extends { page: string; line: number }>(list: readonly T[]): (T & { at: string })[] {
  return list.map((one) => ({ ...one, at: `${one.page}:${one.line}` }));
}

const yaml = titled(blocks.filter(({ language }) => language === 'yaml'));
const isZone = ({ text }: Block): boolean => /^vpc:/m.test(text);

describe('configurations', () => {
  const list = yaml.filter((block) => !isZone(block));
  it('are some', () => expect(list.length).toBeGreaterThan(8));

  it.each(list)('$at', ({ text }) => {
    const file = join(folder, 'podns.yaml');
    writeFileSync(file, text);
    const { origins } = loadConfig({ file, folder, environment: {} });
    expect(Object.values(origins)).toContain('file');
  });
});

describe('zone files', () => {
  const list = yaml.filter(isZone);
  it('are some', () => expect(list.length).toBeGreaterThan(3));

  it.each(list)('$at', ({ text }) => {
    const { problems } = parseZoneFile(text, 'page.yaml');
    expect(problems).toEqual([]);
  });
});

/** The whole program, of which nothing is done. */
async function parse(words: readonly string[]): Promise<CommanderError | undefined> {
  const silent = { out: () => undefined, err: () => undefined, input: () => Promise.resolve('') };
  const program = await buildProgram({ ...silent, environment: {}, folder });
  const disarm = (command: Command): void => {
    if (command.commands.length === 0) command.action(() => undefined);
    command.commands.forEach(disarm);
  };
  disarm(program);
  // As the command itself reads it.
  const [first, ...rest] = words;
  const read = first === 'help' ? [...rest.filter((word) => !/^[A-Z[]/.test(word)), '--help'] : words;
  try {
    await program.parseAsync(read, { from: 'user' });
    return undefined;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode !== 0) return error;
    if (error instanceof CommanderError) return undefined;
    throw error;
  }
}

function podnsCommands(lines: readonly string[]): string[][] {
  return lines
    .flatMap(commandsOf)
    .map(podnsWords)
    .filter((words) => words !== undefined);
}

describe('podns commands', () => {
  const commands = blocks.flatMap((block) =>
    podnsCommands(shellLines(block)).map((words) => ({ ...block, words, command: words.join(' ') })),
  );
  it('are found', () => expect(commands.length).toBeGreaterThan(40));
  it('would be refused with a flag that is not there', async () =>
    expect((await parse(['serve', '--zoness', 'zones']))?.code).toBe('commander.unknownOption'));

  it.each(titled(commands))('$at $command', async ({ words }) => {
    expect((await parse(words))?.message).toBeUndefined();
  });

  const spans = PAGES.flatMap((page) => spansOf(page).map((span) => ({ page, span })));
  const inText = spans.flatMap(({ page, span }) =>
    podnsCommands([span].filter((text) => !text.startsWith('podns is ')))
      .filter((words) => words.length > 0)
      .map((words) => ({ page, words, span })),
  );
  it('are found in the text', () => expect(inText.length).toBeGreaterThan(30));

  it.each(inText)('$page $span', async ({ words }) => {
    const error = await parse(words);
    // A text may name a command without what it needs.
    const isShort = ['commander.missingArgument', 'commander.missingMandatoryOptionValue'];
    if (!isShort.includes(error?.code ?? '')) expect(error?.message).toBeUndefined();
  });
});

describe('npx podns', () => {
  // Nobody has published podns yet: where it is not installed, npx would fetch something else.
  const ALLOWED: Record<string, RegExp> = {
    'README.md':
      /\n## Try it\n\nIn a clone of this repository:[\s\S]*?\n## On a Docker host\n\nIn a clone[\s\S]*?\n## |in a clone it is `npx podns`/g,
    'docs/installation.md':
      /In a clone of this repository:[\s\S]*?\n## |`npx podns` ends with `podns: not found`|\*\*`npx podns`\*\* in the clone/g,
    // Where it has just been installed from the tarball.
    'docs/release.md':
      /npm ci && npx podns --version|npm install \/tmp\/podns-[\d.]+tgz\n(?:npx podns .*\n)+/g,
  };

  it.each(PAGES)('%s tells it only where podns is installed', (page) => {
    const text = readFileSync(ROOT + page, 'utf8');
    const rest = ALLOWED[page] === undefined ? text : text.replace(ALLOWED[page], '');
    expect(rest).not.toContain('npx podns');
  });
});

/** Who runs a block of commands: a test, or nobody for a reason. By page, then by a text that the block holds. */
const RUN: Record<string, Record<string, { test: string } | { reason: string }>> = {
  'README.md': {
    'npm ci && npm start': {
      reason: 'it installs the packages; scripts/demo.mjs is what examples are asked of',
    },
    'dig @127.0.0.1 -p 5300 app.shop': { test: 'docs/shown.test.ts' },
    'etcd --data-dir': { test: 'quick-start.test.ts' },
    'npx podns serve --docker': { test: 'docs/docker.test.ts' },
    'explain db': { test: 'docs/on-call.test.ts' },
    'podns problems\nwarning': { test: 'docs/on-call.test.ts' },
    'explain cart': { test: 'docs/on-call.test.ts' },
    '/etc/podns/zones --listen': { reason: 'its addresses are those of a node' },
    'npm cit': { reason: 'it runs all tests' },
  },
  'docs/admin-api.md': { curl: { test: 'docs/admin-api.test.ts' } },
  'docs/api.md': { 'npm install podns': { reason: 'podns is not published' } },
  'docs/benchmarks.md': { 'npm run bench': { reason: 'it takes an hour, and other servers' } },
  'docs/configuration.md': { podns: { test: 'docs/shown.test.ts' } },
  'docs/docker.md': {
    'podns serve --docker --listen 172.17.0.1:53@docker\n': { test: 'docs/docker.test.ts' },
    'docker run -d --name shop-db': { test: 'docs/docker.test.ts' },
    'nslookup -type=a db.shop': { test: 'docs/docker.test.ts' },
    'dig @172.17.0.1': { test: 'docs/docker.test.ts' },
    'podns serve --docker --docker-listen\n': { test: 'docs/docker.test.ts' },
    'podns-resolv.conf': { test: 'docs/docker.test.ts' },
    'podns problems': { test: 'docs/docker.test.ts' },
    'podns:0.1.0': { reason: 'it needs the image of podns, which is built from a registry’s' },
    '/run/podman/podman.sock --docker-listen': { test: 'docs/podman.test.ts' },
    '--rootless-netns': { reason: 'it needs a user’s session' },
  },
  'docs/docker-cli.md': { docker: { test: 'admin/docker-cli-docs.test.ts' } },
  'docs/explain.md': { podns: { test: 'explain/docs.test.ts' } },
  'docs/installation.md': {
    'npm ci\nnpm start': { reason: 'it installs the packages' },
    'npm pack': { reason: 'it installs for the whole machine' },
    'apt-get install /tmp': { test: 'packaging/packaging.test.ts' },
    'systemctl reload': { reason: 'it needs the unit to be installed and systemd to run' },
    'docker build': { reason: 'it needs a container engine' },
  },
  'docs/listeners.md': { '': { test: 'docs/listeners.test.ts' } },
  'docs/node.md': { '': { test: 'packaging/node-page.test.ts' } },
  'docs/upgrade.md': { '': { test: 'docs/upgrade.test.ts' } },
  'docs/reliability.md': {
    'npm run prove': { test: 'prove/prove.test.ts' },
    'npm run fuzz': { test: 'fuzz/fuzz.test.ts' },
    'npm run soak': { test: 'prove/soak.test.ts' },
    PODNS_STOPPED_SECONDS: { reason: 'these are the long forms of tests, minutes to hours' },
  },
  'docs/scale.md': {
    'node bench/fleet.mjs': { test: 'bench/fleet.test.ts' },
    '--vpc globex': { reason: 'its addresses are those of a fleet' },
  },
  'docs/log.md': { podns: { test: 'docs/log.test.ts' } },
  'docs/observability.md': { podns: { test: 'docs/shown.test.ts' } },
  'docs/operations.md': {
    curl: { test: 'docs/shown.test.ts' },
    'podns accept': { test: 'docs/shown.test.ts' },
  },
  'docs/watch.md': {
    'control-plane:8080': { reason: 'the control plane has a made-up name; the next block has a real one' },
    'node examples': { test: 'docs/shown.test.ts' },
    'podns put': { test: 'watch/etcd.test.ts' },
  },
  'docs/release.md': { '': { reason: 'it publishes a release' } },
};

describe('blocks of commands', () => {
  const shells = titled(blocks.filter(({ language }) => language === 'sh' || language === 'console'));

  it.each(shells)('$at is run, or it is told why not', ({ page, text }) => {
    const entries = Object.entries(RUN[page] ?? {}).filter(([holds]) => text.includes(holds));
    expect(entries).toHaveLength(1);
    const [, by] = entries[0]!;
    if (!('test' in by)) return;
    expect(existsSync(`${ROOT}test/${by.test}`), by.test).toBe(true);
  });

  it('has no entry of a block that is gone', () => {
    const gone = Object.entries(RUN).flatMap(([page, entries]) =>
      Object.keys(entries).filter(
        (holds) => !shells.some((block) => block.page === page && block.text.includes(holds)),
      ),
    );
    expect(gone).toEqual([]);
  });
});
