/** A source on a scripted engine, with a sink that watches what is never allowed. */
import type { Clock } from '../../../src/base/clock.ts';
import type { Overlay, Pod, Resource, Source } from '../../../src/model.ts';
import { dockerSource, type DockerOptions } from '../../../src/source/docker/docker.ts';
import { ScriptedEngine } from '../../harness/scripted-engine.ts';
import { MapSink } from '../map-sink.ts';

/** Lists come each 600 ms; all other times are the true ones, so that a busy machine changes nothing. */
export const FAST: Clock = {
  now: () => performance.now(),
  setTimeout: (run, ms) => setTimeout(run, ms >= 60_000 ? ms / 100 : ms),
  clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout | undefined),
};

/** Each commit is looked at: no address may be in two pods. */
export class AddressSink extends MapSink {
  readonly doubles: string[] = [];

  override async commit(): Promise<void> {
    await super.commit();
    const owners = new Map<string, string>();
    for (const resource of this.visible.values()) {
      if (resource.kind !== 'pod') continue;
      for (const { overlay, ip4, ip6 } of resource.overlays)
        for (const address of [ip4, ip6]) {
          if (address === undefined) continue;
          const key = `${resource.namespace}/${overlay} ${address}`;
          const other = owners.get(key);
          if (other !== undefined) this.doubles.push(`${key}: ${other} and ${resource.name}`);
          owners.set(key, resource.name);
        }
    }
  }

  pod(namespace: string, name: string): Pod | undefined {
    return this.visible.get(`pod docker/${namespace}/${name}`) as Pod | undefined;
  }

  overlay(namespace: string, name: string): Overlay | undefined {
    return this.visible.get(`overlay docker/${namespace}/${name}`) as Overlay | undefined;
  }

  /** The addresses of a pod, in the order of its attachments; undefined where there is no such pod. */
  addresses(namespace: string, name: string): string[] | undefined {
    return this.pod(namespace, name)?.overlays.flatMap(({ ip4, ip6 }) => [ip4 ?? [], ip6 ?? []].flat());
  }

  pods(): string[] {
    const isPod = (resource: Resource): resource is Pod => resource.kind === 'pod';
    return [...this.visible.values()]
      .filter(isPod)
      .map(({ namespace, name }) => `${namespace}/${name}`)
      .sort();
  }
}

export interface Stage {
  engine: ScriptedEngine;
  sink: AddressSink;
  source: Source;
  end(): Promise<void>;
}

/** Starts the source when the engine has been set up. */
export async function stage(
  setUp: (engine: ScriptedEngine) => void = () => undefined,
  options: Partial<DockerOptions> = {},
): Promise<Stage> {
  const engine = new ScriptedEngine();
  setUp(engine);
  await engine.start();
  const sink = new AddressSink();
  const source = dockerSource({ socket: engine.socket, clock: FAST, random: () => 0.5, ...options });
  source.start(sink);
  return {
    engine,
    sink,
    source,
    async end() {
      await source.close();
      await engine.end();
    },
  };
}
