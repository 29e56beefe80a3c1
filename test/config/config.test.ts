/** The order of flag, environment, file and default, and how errors are told. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkConfigFile, ConfigError, loadConfig, type ConfigInput } from '../../src/config.ts';
import { readConfigText } from '../../src/config/file.ts';
import { problemText } from '../../src/model.ts';

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'podns-config-'))));
afterAll(() => rmSync(folder, { recursive: true }));

function errorsOf(input: ConfigInput): string[] {
  try {
    loadConfig({ folder, ...input });
  } catch (error) {
    if (error instanceof ConfigError) return error.problems.map(problemText);
    throw error;
  }
  return [];
}

function problemsOf(text: string): string[] {
  return readConfigText('podns.yaml', text).problems.map(problemText);
}

describe('loadConfig', () => {
  it('prefers a flag to a variable to the file to the default', () => {
    const file = join(folder, 'order.yaml');
    writeFileSync(file, 'ttl: 7\nnegative_ttl: 8\na_records: all\nzones: here\n');
    const { config, origins } = loadConfig({
      folder,
      file,
      flags: { ttl: '5' },
      environment: { PODNS_TTL: '6', PODNS_NEGATIVE_TTL: '9', PODNS_CHAOS: '' },
    });
    expect([config.ttl, config.negativeTtl, config.aRecords, config.chaos]).toEqual([5, 9, 'all', true]);
    expect([origins.ttl, origins.negativeTtl, origins.aRecords, origins.chaos]).toEqual([
      'flag',
      'environment',
      'file',
      'default',
    ]);
    expect(config.zones).toEqual([join(folder, 'here')]);
  });

  it('has the defaults of the contract', () => {
    const { config } = loadConfig({ folder });
    expect(config).toMatchObject({
      zone: 'vpc.internal',
      ttl: 1,
      negativeTtl: 1,
      aRecords: 'pinned',
      forward: 'on',
      admin: '127.0.0.1:9153',
      staleAfter: 30_000,
      syncHold: 1_500,
      podHold: 300,
    });
  });

  it('reads lists and structured values from variables', () => {
    const { config } = loadConfig({
      folder,
      environment: {
        PODNS_LISTEN: '127.0.0.1:5300@aep/nextcloud,[::1]:5300',
        PODNS_SUFFIXES: '["svc.cluster.local",{"name":"dns.podman","flat":true}]',
        PODNS_CLIENTS: '[{"from":"10.1.2.3/8","vpc":"aep","namespace":"Nextcloud"}]',
        PODNS_FORWARD: 'example.com, corp.example.',
      },
    });
    expect(config.listen).toEqual([
      {
        text: '127.0.0.1:5300@aep/nextcloud',
        address: '127.0.0.1',
        port: 5300,
        vpc: 'aep',
        namespace: 'nextcloud',
      },
      { text: '[::1]:5300', address: '::1', port: 5300, vpc: '', namespace: '' },
    ]);
    expect(config.suffixes).toEqual([
      { name: 'svc.cluster.local', flat: false },
      { name: 'dns.podman', flat: true },
    ]);
    expect(config.clients).toEqual([{ from: '10.0.0.0/8', vpc: 'aep', namespace: 'nextcloud' }]);
    expect(config.forward).toEqual(['example.com', 'corp.example']);
  });

  it('takes flat suffixes from flags and variables', () => {
    const flat = [
      { name: 'svc.cluster.local', flat: false },
      { name: 'dns.podman', flat: true },
    ];
    const flags = { suffixes: ['svc.cluster.local', 'dns.podman=flat'] };
    expect(loadConfig({ folder, flags }).config.suffixes).toEqual(flat);
    const environment = { PODNS_SUFFIXES: 'svc.cluster.local,dns.podman=flat' };
    expect(loadConfig({ folder, environment }).config.suffixes).toEqual(flat);
  });

  it('takes routes and hosts as maps, as flags, and as one variable', () => {
    const routes = {
      '10.in-addr.arpa': ['10.0.0.53:53'],
      ads: [],
      'corp.example': ['10.0.0.53:53', '[fd00::53]:53'],
    };
    const text =
      'routes: { 10.in-addr.arpa: 10.0.0.53, ads: [], corp.example: [10.0.0.53, "[fd00::53]:53"] }\n';
    const file = join(folder, 'routes.yaml');
    writeFileSync(file, text);
    expect(loadConfig({ folder, file }).config.routes).toEqual(routes);
    const flags = { routes: ['corp.example=10.0.0.53', 'Corp.example=[fd00::53]:53', 'ads='] };
    expect(errorsOf({ flags })).toEqual(['--routes: "corp.example" is written twice']);
    flags.routes[1] = 'corp.example=[fd00::53]:53';
    expect(loadConfig({ folder, flags }).config.routes).toEqual({
      ...{ ads: [], 'corp.example': ['10.0.0.53:53', '[fd00::53]:53'] },
    });
    const environment = { PODNS_HOSTS: 'constructor=192.0.2.1 host.docker.internal=172.17.0.1,fd00::1' };
    expect(loadConfig({ folder, environment }).config.hosts).toEqual({
      ...{ constructor: ['192.0.2.1'], 'host.docker.internal': ['172.17.0.1', 'fd00::1'] },
    });
    expect(errorsOf({ flags: { hosts: ['db'] } })).toEqual(['--hosts: NAME=ADDRESS,… is expected, not "db"']);
  });

  it('tells wrong flags from wrong configuration', () => {
    expect(errorsOf({ flags: { ttl: 'soon' } })).toEqual([
      '--ttl: a duration such as 300ms, 30s or 1h is expected, not "soon"',
    ]);
    expect(() => loadConfig({ folder, flags: { workers: '-1' } })).toThrow(
      expect.objectContaining({ usage: true }) as Error,
    );
    expect(() => loadConfig({ folder, environment: { PODNS_WORKERS: 'x' } })).toThrow(
      expect.objectContaining({ usage: false }) as Error,
    );
    expect(errorsOf({ file: 'absent.yaml' })).toEqual([`${join(folder, 'absent.yaml')}: no such file`]);
  });

  it('wants a token for an admin listener that others can reach', () => {
    expect(errorsOf({ flags: { admin: '0.0.0.0:9153' } })[0]).toContain('set admin_token');
    expect(errorsOf({ flags: { admin: '0.0.0.0:9153', adminToken: 'x' } })).toEqual([]);
    expect(errorsOf({ flags: { admin: '0.0.0.0:9153', adminTokenFile: 'x' } })).toEqual([]);
    expect(errorsOf({ flags: { admin: '[::1]:9153' } })).toEqual([]);
    expect(errorsOf({ flags: { admin: 'unix:/run/podns.sock' } })).toEqual([]);
  });
});

describe('listen', () => {
  it.each([
    ['127.0.0.1', 'no port; write 127.0.0.1:53'],
    ['::1', 'stands in brackets, such as [::1]:53'],
    ['localhost:53', '"localhost" is not an IP address'],
    ['127.0.0.1:70000', '"70000" is not a port'],
    ['127.0.0.1:53@a/b/c', 'more than one "/"'],
    ['127.0.0.1:53@a.b', 'one label'],
  ])('refuses %s', (text, reason) => {
    expect(errorsOf({ flags: { listen: [text] } })[0]).toContain(reason);
  });

  it('refuses the same listener twice, and names who gave it', () => {
    const listen = ['127.0.0.1:53@a', '[::1]:53@a', '127.0.0.1:053@A'];
    expect(errorsOf({ flags: { listen } })).toEqual([
      '--listen: 127.0.0.1:53@a is given twice; once is enough',
    ]);
    expect(() => loadConfig({ folder, flags: { listen } })).toThrow(
      expect.objectContaining({ usage: true }) as Error,
    );
    const environment = { PODNS_LISTEN: listen.join(',') };
    expect(errorsOf({ environment })[0]).toMatch(/^PODNS_LISTEN: /);
    expect(() => loadConfig({ folder, environment })).toThrow(
      expect.objectContaining({ usage: false }) as Error,
    );
    expect(errorsOf({ flags: { listen: ['127.0.0.1:0', '127.0.0.1:0'] } })).toEqual([]);
  });

  it('keeps a zone index', () => {
    const { config } = loadConfig({ folder, flags: { listen: ['[fe80::1%eth0]:53@a'] } });
    expect(config.listen[0]).toMatchObject({ address: 'fe80::1%eth0', vpc: 'a', namespace: '' });
  });
});

describe('podns.yaml', () => {
  it('names line and column of every error at once', () => {
    expect(
      problemsOf(
        'tll: 1\nforward: of\nclients:\n  - from: 10.0.0.0/8\n    vpc: a\n    zone: b\nsync_hold: 1 week\n',
      ),
    ).toEqual([
      'podns.yaml:1:1: unknown key "tll" (did you mean "ttl"?)',
      'podns.yaml:2:10: forward: on, off, refuse or a list of suffixes is expected, not "of"',
      'podns.yaml:4:5: clients.0: Unrecognized key: "zone"',
      'podns.yaml:7:12: sync_hold: a duration such as 300ms, 30s or 1h is expected, not "1 week"',
    ]);
  });

  it('points into lists', () => {
    expect(problemsOf('suffixes:\n  - svc.cluster.local\n  - a..b\n')).toEqual([
      'podns.yaml:3:5: suffixes.1.name: "a..b" has an empty label',
    ]);
  });

  it('reports what is not YAML, and what is not a map', () => {
    expect(problemsOf('ttl: [1\n')[0]).toMatch(/^podns\.yaml:\d+:\d+: /);
    expect(problemsOf('- ttl')).toEqual(['podns.yaml:1:1: a map of settings is expected, such as "ttl: 1"']);
    expect(problemsOf('ttl: 1\nttl: 2\n')[0]).toMatch(/^podns\.yaml:2:1: .*unique/);
    expect(problemsOf('ttl:\n')).toEqual([
      'podns.yaml:1:5: ttl has no value; remove the key to use the default',
    ]);
    expect(problemsOf('# nothing\n')).toEqual([]);
  });

  it('checks settings against each other, at their place', () => {
    const file = join(folder, 'across.yaml');
    writeFileSync(file, 'ttl: 1\nadmin: 0.0.0.0:9153\n');
    expect(checkConfigFile(file).problems.map(problemText)).toEqual([
      `${file}:2:8: 0.0.0.0:9153 is reachable from other hosts: set admin_token or admin_token_file, or use a loopback address`,
    ]);
  });

  it('takes durations with their units', () => {
    const { values, problems } = readConfigText(
      'p',
      'stale_after: 1h30m\npod_hold: 250\nsync_hold: 1.5s\nttl: 5\nnegative_ttl: 2s\n',
    );
    expect(problems).toEqual([]);
    expect(values).toMatchObject({
      staleAfter: 5_400_000,
      podHold: 250,
      syncHold: 1_500,
      ttl: 5,
      negativeTtl: 2,
    });
  });
});

it('wants an engine where it is to listen on the gateways of one', () => {
  expect(errorsOf({ flags: { dockerListen: true } })).toEqual([
    '--docker-listen: no engine is named whose networks have gateways: set docker, too',
  ]);
  expect(loadConfig({ flags: { dockerListen: true, docker: ['/d.sock'] }, folder }).config.dockerListen).toBe(
    true,
  );
});

describe('a variable that no setting has', () => {
  it.each([
    ['PODNS_LISTN', 'PODNS_LISTEN'],
    ['PODNS_UPSTREAM', 'PODNS_UPSTREAMS'],
    ['PODNS_ETCD_CA', 'PODNS_ETCD_CA_FILE'],
    ['podns_log_level', 'PODNS_LOG_LEVEL'],
    ['PODNS_CONFG', 'PODNS_CONFIG'],
  ])('%s is a warning with what is meant', (name, meant) => {
    expect(loadConfig({ folder, environment: { [name]: 'x' } }).problems.map(problemText)).toEqual([
      `${name}: no setting has this variable; did you mean ${meant}?`,
    ]);
  });

  it.each([
    'PODNS_SERVICE_HOST',
    'PODNS_PORT_53_UDP_ADDR',
    'PODNS_PORT',
    'PODNS_TEST_WHOLE',
    'PODNSX_LISTEN',
  ])('%s belongs to something else', (name) => {
    expect(loadConfig({ folder, environment: { [name]: 'x' } }).problems).toEqual([]);
  });
});
