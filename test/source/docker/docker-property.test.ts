/** Whatever happens to an engine, and whatever of it is told: after a quiet moment the view is what the engine has. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ScriptedContainer, ScriptedEngine } from '../../harness/scripted-engine.ts';
import { stage, type AddressSink } from './docker-harness.ts';

const RUNS = Number(process.env['PODNS_DOCKER_RUNS'] ?? 20);

/** Milliseconds after which a difference is one for ever: lists come each 600. */
const QUIET_MOST = 10_000;

/** One thing that happens; the number says to which container or network. */
const step = fc.tuple(
  fc.constantFrom(
    ...(['run', 'stop', 'start', 'remove', 'rename', 'pause', 'ill', 'connect', 'disconnect'] as const),
    ...(['move', 'network', 'remove network', 'cut', 'deaf', 'slow'] as const),
  ),
  fc.nat(20),
);
type Step = [string, number];

const PROJECTS = ['shop', 'blog'];

/** `serial`: a number that no container has in its name yet. */
function act(engine: ScriptedEngine, [what, n]: Step, serial: number): void {
  const all = [...engine.containers.values()];
  const one = all[n % Math.max(1, all.length)];
  const networks = [...engine.networks.values()];
  const net = networks[n % networks.length]!;
  switch (what) {
    case 'run': {
      const project = PROJECTS[n % 2]!;
      if (n % 3 === 0) engine.run({ name: `lone${serial}`, networks: { bridge: {} } });
      else engine.service(project, `svc${n % 4}`, serial);
      break;
    }
    case 'stop':
      if (one?.status === 'running') engine.stopContainer(one);
      break;
    case 'start':
      if (one !== undefined && one.status !== 'running' && one.status !== 'paused')
        engine.startContainer(one);
      break;
    case 'move': {
      // Another container gets the address at once.
      const idle = all.find(({ status }) => status === 'exited');
      if (one?.status === 'running' && idle !== undefined) {
        engine.stopContainer(one);
        engine.startContainer(idle);
      }
      break;
    }
    case 'remove':
      if (one !== undefined) engine.remove(one);
      break;
    case 'rename':
      if (one !== undefined) engine.rename(one, `named-${serial}`);
      break;
    case 'pause':
      if (one?.status === 'running') engine.setStatus(one, 'paused', 'pause');
      else if (one?.status === 'paused') engine.setStatus(one, 'running', 'unpause');
      break;
    case 'ill':
      if (one !== undefined) engine.setHealth(one, n % 2 === 0 ? 'unhealthy' : 'healthy');
      break;
    case 'connect':
      if (one !== undefined && !one.endpoints.has(net.name))
        engine.connect(one, net.name, { aliases: [`al${n}`] });
      break;
    case 'disconnect':
      if (one !== undefined && one.endpoints.size > 1) engine.disconnect(one, [...one.endpoints.keys()][0]!);
      break;
    case 'network':
      if (networks.length < 8)
        engine.projectNetwork(PROJECTS[n % 2]!, `net${serial}`, {
          net4: `10.${50 + n}.0.0/24`,
        });
      break;
    case 'remove network':
      if (/net/.test(net.name) && !all.some(({ endpoints }) => endpoints.has(net.name)))
        engine.removeNetwork(net.name);
      break;
    case 'deaf':
      engine.telling = !engine.telling;
      break;
    case 'slow':
      if (one !== undefined)
        engine.before = (path) =>
          path.includes(one.id) ? new Promise((resolve) => setTimeout(resolve, n * 5)) : undefined;
      break;
  }
}

/** What each container must be served as, from the engine's own state. */
function truth(engine: ScriptedEngine): Map<string, object> {
  const pods = new Map<string, object>();
  for (const container of engine.containers.values()) {
    const project = container.labels['com.docker.compose.project'];
    const service = container.labels['com.docker.compose.service'];
    const number = container.labels['com.docker.compose.container-number'];
    const regular = container.name === `${project}-${service}-${number}`;
    const name = regular ? `${service}-${number}` : container.name;
    pods.set(`${project ?? 'default'}/${name.toLowerCase()}`, {
      ready: container.status === 'running' && (container.health === '' || container.health === 'healthy'),
      addresses: addressesOf(engine, container),
      service: service !== undefined,
    });
  }
  return pods;
}

function addressesOf(engine: ScriptedEngine, { endpoints, status }: ScriptedContainer): string[] {
  const live = status === 'running' || status === 'paused';
  return [...endpoints]
    .map(([name, { ip4, ip6 }]) => {
      const { labels } = engine.networkCalled(name);
      const key = labels['com.docker.compose.network'] ?? name;
      return `${key} ${live ? `${ip4} ${ip6}` : ' '}`;
    })
    .sort();
}

function served(sink: AddressSink): Map<string, object> {
  const pods = new Map<string, object>();
  for (const resource of sink.visible.values()) {
    if (resource.kind !== 'pod') continue;
    pods.set(`${resource.namespace}/${resource.name}`, {
      ready: resource.ready,
      addresses: resource.overlays
        .map(({ overlay, ip4 = '', ip6 = '' }) => `${overlay.split('/').at(-1)!} ${ip4} ${ip6}`)
        .sort(),
      service: resource.names.some((name) => /^svc\d$/.test(name)),
    });
  }
  return pods;
}

test('after a quiet moment the view is what the engine has', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const { engine, sink, end } = await stage((engine) => {
        engine.network('bridge', { net4: '172.17.0.0/24' });
        for (const [i, project] of PROJECTS.entries())
          engine.projectNetwork(project, 'default', { net4: `10.${i}.0.0/24`, net6: `fd00:${i + 1}::/64` });
      });
      try {
        for (const [i, one] of steps.entries()) {
          if (one[0] === 'cut') {
            await engine.stop();
            await engine.start();
          } else act(engine, one, i);
          if (i % 3 === 0) await new Promise((resolve) => setTimeout(resolve, one[1] % 4));
        }
        engine.before = () => undefined;
        const sorted = (pods: Map<string, object>): string =>
          JSON.stringify([...pods].map((pod) => JSON.stringify(pod)).sort());
        const equal = sink.until(
          () => sink.lastState === 'live' && sorted(served(sink)) === sorted(truth(engine)),
        );
        // Where the two never meet, the difference is said below.
        const given = new Promise((resolve) => setTimeout(resolve, QUIET_MOST).unref());
        await Promise.race([equal, given]);
        expect(sorted(served(sink))).toBe(sorted(truth(engine)));
        expect(sink.violations).toEqual([]);
        expect(sink.doubles).toEqual([]);
      } finally {
        await end();
      }
    }),
    { numRuns: RUNS, endOnFailure: true },
  );
}, 60_000);
