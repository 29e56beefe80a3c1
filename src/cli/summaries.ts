/** What each command is for, in one line: the help of podns shows these without loading the commands. */

export const SUMMARIES: Record<string, string> = {
  serve: 'answer DNS; by default from ./zones, on 127.0.0.1:5300 and [::1]:5300',
  check: 'check zone files and configuration: prints file:line:col, exit code 78 on errors',
  explain: 'print why a pod gets its answer',
  query: 'ask a DNS server, or ask as a pod would, and print the answer',
  ns: 'namespaces',
  vpc: 'VPCs',
  overlay: 'overlays',
  network: 'overlays in the layout of docker network ls',
  pod: 'pods',
  service: 'services',
  put: 'write resources to etcd',
  delete: 'delete a resource from etcd: podns delete pod aep/nextcloud/db',
  events: 'print every change of a running server as it is applied',
  status: 'print the state of a running server: sources, revisions, lag, ages, rates',
  problems: 'list all that stands wrong at a running server; exit code 1 if there is any',
  'resolv-conf': "print what a pod's resolv.conf should contain, and why",
  import: 'make zone files from the files of other tools',
  completion: 'print the completion script for a shell; use it with: source <(podns completion bash)',
};
