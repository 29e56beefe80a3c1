/** Docker's own command line, as installed, against the demonstration zones: what people see. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyOf } from '../../src/model.ts';
import { missingTools, skipAloud } from '../harness/tools.ts';
import { eventually, pod } from '../watch/nodes.ts';
import { DockerNode, runDocker } from './docker-harness.ts';

/** In the words of the server, or of clients before 23. */
const NOT_FOUND = /network \S+ not found|No such network: /;
const ZONES = fileURLToPath(new URL('../../zones', import.meta.url));
const reason = missingTools(['docker']);
if (reason !== undefined) skipAloud("Docker's own command line", reason);

describe.skipIf(reason !== undefined)("Docker's own command line", () => {
  let node: DockerNode;
  beforeAll(async () => void (node = await new DockerNode({ zones: ZONES }).start()));
  afterAll(() => node.close());

  const aep = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await node.docker('/vpc/aep', ...args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  };
  const failing = async (base: string, ...args: string[]): Promise<string> => {
    const { code, out, err } = await node.docker(base, ...args);
    expect(code).not.toBe(0);
    // What was not found, inspect prints as an empty list.
    expect(['', '[]\n', '\n']).toContain(out);
    return err;
  };

  it('lists the networks of a VPC, and of all', async () => {
    expect(await aep('network', 'ls')).toBe(
      'NETWORK ID    NAME                DRIVER    SCOPE\n' +
        'v1223123123   nextcloud/default   ipip      global\n' +
        'v9dfdfa3bb8   shop/default        ipip      global\n',
    );
    const all = await node.docker(
      '',
      'network',
      'ls',
      '--format',
      '{{.ID}} {{.Name}} {{.Label "podns.vpc"}}',
    );
    expect(all.out).toBe(
      'v1223123123 nextcloud/default aep\n' +
        'v92949c8120 nextcloud/default globex\n' +
        'v9dfdfa3bb8 shop/default aep\n',
    );
  });

  it.each([
    [['name=shop'], ['v9dfdfa3bb8']],
    [['name=^(next|shop).*/default$'], ['v1223123123', 'v9dfdfa3bb8']],
    [['name=nextcloud/default', 'id=^v9'], []],
    [['driver=ipip'], ['v1223123123', 'v9dfdfa3bb8']],
    [['driver=bridge'], []],
    [['id=v12'], ['v1223123123']],
    [['label=podns.namespace=shop'], ['v9dfdfa3bb8']],
    [
      ['label=podns.namespace', 'label=podns.vpc=aep'],
      ['v1223123123', 'v9dfdfa3bb8'],
    ],
    [['label=podns.vpc=globex'], []],
    [['scope=global'], ['v1223123123', 'v9dfdfa3bb8']],
    [['scope=local'], []],
    [['type=custom'], ['v1223123123', 'v9dfdfa3bb8']],
    [['type=builtin'], []],
    [['dangling=true'], []],
    [['dangling=false'], ['v1223123123', 'v9dfdfa3bb8']],
  ])('lists networks with filters %j', async (filters, ids) => {
    const args = filters.flatMap((filter) => ['--filter', filter]);
    expect(await aep('network', 'ls', '-q', ...args)).toBe(ids.map((id) => `${id}\n`).join(''));
  });

  it('says of a filter that there is none', async () => {
    expect(await failing('', 'network', 'ls', '--filter', 'colour=red')).toBe(
      "Error response from daemon: invalid filter 'colour'\n",
    );
    expect(await failing('', 'network', 'ls', '--filter', 'type=odd')).toContain("invalid filter 'type=odd'");
    expect(await failing('', 'ps', '--filter', 'status=odd')).toContain("invalid filter 'status=odd'");
    expect(await failing('', 'ps', '--filter', 'name=(')).toContain("invalid filter 'name=('");
  });

  it('inspects a network by name, id, and the beginning of its id', async () => {
    const [network] = JSON.parse(await aep('network', 'inspect', 'nextcloud/default')) as [object];
    expect(network).toMatchObject({
      Name: 'nextcloud/default',
      Id: 'v1223123123',
      Created: '2023-09-11T12:16:30Z',
      Scope: 'global',
      Driver: 'ipip',
      EnableIPv6: true,
      IPAM: { Config: [{ Subnet: '10.198.62.0/23' }, { Subnet: 'fd42:1a8:0:2a09::/64' }] },
      Internal: false,
      Labels: { 'podns.vpc': 'aep', 'podns.namespace': 'nextcloud' },
    });
    const { Containers } = network as { Containers: Record<string, object> };
    expect(Object.entries(Containers)).toMatchObject([
      [
        expect.stringMatching(/^pb39708eef4[0-9a-f]{53}$/),
        { Name: 'nextcloud/app', IPv4Address: '10.198.62.20/23', IPv6Address: 'fd42:1a8:0:2a09::20/64' },
      ],
    ]);
    for (const term of ['v1223123123', 'v12', 'aep/nextcloud/default', 'NextCloud/Default'])
      expect(await aep('network', 'inspect', '-f', '{{.Id}}', term)).toBe('v1223123123\n');
    expect(await aep('inspect', '-f', '{{.Name}}', 'v12')).toBe('nextcloud/default\n');
  });

  it('says that a name or a beginning is ambiguous, or nobody’s', async () => {
    expect(await failing('/vpc/aep', 'network', 'inspect', 'v')).toBe(
      'Error response from daemon: network v is ambiguous (2 matches found based on ID prefix)\n',
    );
    expect(await failing('', 'network', 'inspect', 'nextcloud/default')).toBe(
      'Error response from daemon: network nextcloud/default is ambiguous (2 matches found based on name); ' +
        'aep/nextcloud/default is one of them\n',
    );
    const qualified = await node.docker(
      '',
      'network',
      'inspect',
      '-f',
      '{{.Id}}',
      'globex/nextcloud/default',
    );
    expect(qualified.out).toBe('v92949c8120\n');
    expect(await failing('/vpc/aep', 'network', 'inspect', 'v92949c8120')).toMatch(NOT_FOUND);
    expect(await failing('/vpc/aep', 'network', 'inspect', 'globex/nextcloud/default')).toMatch(NOT_FOUND);
    expect(await failing('/vpc/aep', 'container', 'inspect', 'p')).toMatch(
      /multiple IDs found with provided prefix: p/,
    );
    expect(await failing('', 'inspect', 'nextcloud/app')).toMatch(
      /container nextcloud\/app is ambiguous \(2 matches found based on name\); aep\/nextcloud\/app is one/,
    );
    expect(await failing('/vpc/aep', 'container', 'inspect', 'nosuch')).toMatch(/No such container: nosuch/);
    expect(await failing('/vpc/aep', 'inspect', 'nosuch')).toMatch(/No such object: nosuch/);
  });

  it('lists containers', async () => {
    const format = '{{.Names}}|{{.State}}|{{.Status}}|{{.Ports}}|{{.Networks}}|{{.Label "podns.ip6"}}';
    expect(await aep('ps', '--format', format)).toBe(
      'nextcloud/app|running|Up (healthy)||nextcloud/default|fdfd:1a8::2:2\n' +
        'nextcloud/db|running|Up (healthy)|||fdfd:1a8::2:1\n' +
        'nextcloud/worker-0|running|Up (healthy)|||fdfd:1a8::2:10\n' +
        'nextcloud/worker-1|running|Up (healthy)|||fdfd:1a8::2:11\n' +
        'shop/app|running|Up (healthy)|8080/tcp|shop/default|fdfd:1a8::3:1\n',
    );
    expect(await aep('ps', '-q')).toMatch(/^(p[0-9a-f]{11}\n){5}$/);
    expect(await aep('ps')).toMatch(
      /^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +PORTS +NAMES\npb39708eef4[0-9a-f] +<no image> +""/,
    );
    expect(await aep('ps', '-n', '2', '-q')).toMatch(/^(p[0-9a-f]{11}\n){2}$/);
  });

  it.each([
    [['name=app'], 'nextcloud/app shop/app'],
    [['name=^/?shop/app$'], 'shop/app'],
    [['name=worker-[01]', 'id=^pbf'], 'nextcloud/worker-0'],
    [['id=pee83a65c05'], 'shop/app'],
    [['network=shop/default'], 'shop/app'],
    [['network=v1223'], 'nextcloud/app'],
    [['network=default'], ''],
    [['label=podns.names=worker', 'name=1$'], 'nextcloud/worker-1'],
    [['label=com.docker.compose.project=shop'], 'shop/app'],
    [['expose=8000-8090/tcp'], 'shop/app'],
    [['expose=8080/udp'], ''],
    [['health=unhealthy'], ''],
    [['status=exited'], ''],
    [['status=exited', 'status=running', 'name=db'], 'nextcloud/db'],
    [['ancestor=alpine'], ''],
    [['volume=data'], ''],
  ])('lists containers with filters %j', async (filters, names) => {
    const args = filters.flatMap((filter) => ['--filter', filter]);
    const out = await aep('ps', '--format', '{{.Names}}', ...args);
    expect(out.trimEnd().split('\n').join(' ')).toBe(names);
  });

  it('inspects a container', async () => {
    const [container] = JSON.parse(await aep('inspect', 'shop/app')) as [object];
    expect(container).toMatchObject({
      Name: '/shop/app',
      State: { Status: 'running', Running: true, Health: { Status: 'healthy' } },
      Config: {
        Hostname: 'app',
        Domainname: 'shop.vpc.internal',
        ExposedPorts: { '8080/tcp': {} },
        Labels: { 'podns.vpc': 'aep', 'podns.aid': 'pee83a65c05', 'com.docker.compose.project': 'shop' },
      },
      NetworkSettings: {
        GlobalIPv6Address: 'fdfd:1a8::3:1',
        Networks: {
          'shop/default': {
            NetworkID: 'v9dfdfa3bb8',
            IPAddress: '10.198.64.20',
            IPPrefixLen: 23,
            IPAMConfig: { IPv4Address: '10.198.64.20' },
            Aliases: ['app'],
          },
        },
      },
    });
    const address = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
    for (const term of ['shop/app', '/shop/app', 'pee8', 'pee83a65c05', 'aep/shop/app'])
      expect(await aep('inspect', '-f', address, term)).toBe('10.198.64.20\n');
    expect(await aep('port', 'shop/app')).toBe('');
  });

  it('tells version and information, and of which VPC', async () => {
    const version = await aep('version', '--format', '{{.Server.Version}} {{.Server.MinAPIVersion}}');
    expect(version).toBe('1.2.3 1.24\n');
    expect(await aep('version')).toMatch(/Server: podns, read-only\n Engine:\n {2}Version: +1\.2\.3\n/);
    const format = '{{.Name}} {{.Containers}} {{.ServerVersion}} {{.Labels}}';
    expect((await node.docker('/vpc/aep', 'info', '--format', format)).out).toBe(
      'node7 5 1.2.3 [podns.vpc=aep]\n',
    );
    expect((await node.docker('', 'info', '--format', format)).out).toBe('node7 8 1.2.3 []\n');
    const { out, err } = await node.docker('', 'info');
    expect(out + err).toContain('podns is no container engine');
  });

  it('prints events', async () => {
    const pods = [
      pod('extra', 'fdfd:1a8::9:9', { vpc: 'aep' }),
      pod('extra', 'fdfd:2b7::9:9', { vpc: 'globex' }),
    ];
    const format = '{{.Type}} {{.Action}} {{.Actor.Attributes.name}} {{index .Actor.Attributes "podns.vpc"}}';
    const child = spawn('docker', ['-H', `${node.host}/vpc/aep`, 'events', '--format', format], {
      env: { PATH: process.env['PATH'], HOME: node.folder },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ended = new Promise((resolve) => child.on('close', resolve));
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
    // The client may not be there yet when the first of them come.
    await eventually(
      async () => {
        await node.server.apply({ put: pods });
        await node.server.apply({ delete: pods.map(keyOf) });
        return out;
      },
      (text) => text.includes('container destroy n/extra aep'),
    );
    child.kill();
    await ended;
    expect(out).toContain(
      'container create n/extra aep\ncontainer start n/extra aep\ncontainer die n/extra aep\n',
    );
    expect(out).not.toContain('globex');
    // Docker's client cuts times to seconds, so what has just happened is after "now".
    const since = await eventually(
      () => node.docker('/vpc/globex', 'events', '--since', '1h', '--until', '0s', '--format', format),
      (ran) => ran.out.includes('container create n/extra globex\n'),
    );
    expect(since.out).not.toContain('aep');
  });

  it('says what it does not do', async () => {
    const readOnly =
      /Error response from daemon: podns is read-only: pods and overlays come from its sources/;
    for (const command of ['run alpine', 'network create x', 'rm shop/app', 'stop shop/app'])
      expect(await failing('/vpc/aep', ...command.split(' '))).toMatch(readOnly);
    expect(await failing('/vpc/aep', 'exec', 'shop/app', 'ls')).toMatch(readOnly);
    expect(await failing('/vpc/aep', 'logs', 'shop/app')).toBe(
      'Error response from daemon: podns is read-only: it knows names and addresses of pods, not their logs\n',
    );
    expect(await failing('/vpc/aep', 'service', 'ls')).toMatch(/This node is not a swarm manager/);
    expect(await aep('images', '-q')).toBe('');
    expect(await aep('volume', 'ls', '-q')).toBe('');
    // It crashes where ids are shorter than it takes for granted.
    expect((await node.docker('/vpc/aep', 'stats', '--no-stream')).err).not.toContain('panic');
    expect(await failing('/vpc/nosuch', 'ps')).toBe(
      'Error response from daemon: podns has no VPC "nosuch"\n',
    );
  });

  it('is told of an API version that is too new', async () => {
    const env = { DOCKER_API_VERSION: '1.99' };
    const { err } = await runDocker(['-H', node.host, 'ps'], node.folder, env);
    expect(err).toMatch(/client version 1\.99 is too new\. Maximum supported API version is 1\.51/);
    const old = await runDocker(['-H', node.host, 'ps', '-q'], node.folder, { DOCKER_API_VERSION: '1.24' });
    expect(old.out).toMatch(/^(p[0-9a-f]{11}\n){8}$/);
  });
});

describe.skipIf(reason !== undefined)("Docker's own command line comes", () => {
  it('over a unix socket, whatever it calls the host', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podns-docker-'));
    const node = await new DockerNode({ zones: ZONES, bind: `unix:${join(folder, 'admin')}` }).start();
    try {
      const { out } = await node.docker('', 'network', 'ls', '-q');
      expect(out).toBe('v1223123123\nv92949c8120\nv9dfdfa3bb8\n');
    } finally {
      await node.close();
      rmSync(folder, { recursive: true });
    }
  });

  it('with a token of its configuration, and is told when that is missing', async () => {
    const node = await new DockerNode({ zones: ZONES, token: 'secret' }).start();
    try {
      const refused = await node.docker('/vpc/aep', 'network', 'ls');
      expect(refused.err).toContain('requires a token');
      mkdirSync(join(node.folder, 'with'));
      const config = { HttpHeaders: { Authorization: 'Bearer secret' } };
      writeFileSync(join(node.folder, 'with', 'config.json'), JSON.stringify(config));
      const args = ['-H', `${node.host}/vpc/aep`, 'network', 'ls', '-q'];
      const { out } = await runDocker(args, join(node.folder, 'with'));
      expect(out).toBe('v1223123123\nv9dfdfa3bb8\n');
    } finally {
      await node.close();
    }
  });
});
