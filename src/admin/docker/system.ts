/** What Docker's clients ask of the engine itself: version, and information for people. */
import { arch, availableParallelism, release, totalmem } from 'node:os';
import { API_VERSION, MIN_API_VERSION } from './api-version.ts';
import type { DockerView } from './view.ts';

/** Go's words for processors, and uname's. */
const GO_ARCH: Record<string, string> = { x64: 'amd64', ia32: '386' };
const UNAME: Record<string, string> = { x64: 'x86_64', arm64: 'aarch64', ia32: 'i686' };

/** Headers of every answer: clients agree on a version by them. */
export function engineHeaders(version: string): Record<string, string> {
  return {
    'api-version': API_VERSION,
    'docker-experimental': 'false',
    ostype: 'linux',
    server: `podns/${version} (linux)`,
  };
}

export function versionOf({ version }: DockerView): object {
  const details = {
    ApiVersion: API_VERSION,
    Arch: GO_ARCH[arch()] ?? arch(),
    KernelVersion: release(),
    MinAPIVersion: MIN_API_VERSION,
    NodeVersion: process.versions.node,
    Os: 'linux',
  };
  return {
    Platform: { Name: 'podns, read-only' },
    Components: [{ Name: 'Engine', Version: version, Details: details }],
    Version: version,
    ApiVersion: API_VERSION,
    MinAPIVersion: MIN_API_VERSION,
    GitCommit: '',
    GoVersion: '',
    Os: details.Os,
    Arch: details.Arch,
    KernelVersion: details.KernelVersion,
  };
}

/** `listeners`: readers of events. */
export function infoOf(view: DockerView, listeners: number, now: number): object {
  const pods = view.catalog.count('pod', view.vpc);
  return {
    ID: view.nodeName,
    Name: view.nodeName,
    Containers: pods,
    ContainersRunning: pods,
    ContainersPaused: 0,
    ContainersStopped: 0,
    Images: 0,
    ServerVersion: view.version,
    OperatingSystem: 'podns',
    OSType: 'linux',
    Architecture: UNAME[arch()] ?? arch(),
    KernelVersion: release(),
    NCPU: availableParallelism(),
    MemTotal: totalmem(),
    SystemTime: new Date(now).toISOString(),
    NEventsListener: listeners,
    Driver: '',
    DriverStatus: [],
    DockerRootDir: '',
    LoggingDriver: '',
    CgroupDriver: '',
    IndexServerAddress: '',
    Labels: view.vpc === undefined ? [] : [`podns.vpc=${view.vpc}`],
    Plugins: { Volume: [], Network: [], Authorization: null, Log: [] },
    Runtimes: {},
    DefaultRuntime: '',
    SecurityOptions: [],
    Swarm: { NodeID: '', NodeAddr: '', LocalNodeState: 'inactive', ControlAvailable: false, Error: '' },
    Debug: false,
    ExperimentalBuild: false,
    LiveRestoreEnabled: false,
    // Clients print these, and make up their own where there are none.
    Warnings: ['podns is no container engine: it shows the pods and overlays that it answers for, read-only'],
  };
}
