/** Names of nodes and records as text, for messages and for people. */
import type { ResourceKey } from '../../model.ts';
import * as layout from '../layout.ts';
import type { View } from './view.ts';

/** The labels of `node` up to `top`, which is not among them: `q.b`. */
export function nameBelow(view: View, node: number, top: number): string {
  const labels: string[] = [];
  for (; node !== top && node !== 0; node = view.words[node + layout.NODE_PARENT])
    labels.push(view.labelText(node));
  return labels.join('.');
}

/** The name of a VPC's record. */
export function vpcName(view: View, vpc: number): string {
  return view.labelText(view.words[vpc + layout.VPC_NODE]);
}

/** What names the resource of a POD or SERVICE. */
export function keyOfRecord(view: View, record: number): ResourceKey {
  const { words } = view;
  const tail = view.tail(record);
  const namespace = words[tail + layout.TAIL_NAMESPACE];
  return {
    kind: (words[record] & 0xff) === layout.RECORD_POD ? 'pod' : 'service',
    vpc: vpcName(view, view.vpcOfNamespace(namespace)),
    namespace: view.labelText(namespace),
    name: nameBelow(view, words[tail + layout.TAIL_NODE], namespace),
  };
}
