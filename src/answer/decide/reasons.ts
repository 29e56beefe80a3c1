/** Why an answer is what it is: codes left in the decision by the one function that decides, words for people. */

// How the client was found (spec: who is asking).
export const BY_LISTENER = 1;
export const BY_RULE = 2;
export const BY_PREFIX = 3;
export const BY_ONLY_VPC = 4;
export const POD_BY_ADDRESS = 5;
export const POD_UNKNOWN = 6;
export const POD_AMBIGUOUS = 7;
export const BY_HOST = 8;

// How the name was read.
export const READ_LOCALHOST = 20;
export const READ_REVERSE = 21;
export const READ_SUFFIX = 22;
export const READ_PORT = 23;
export const READ_OWN_NAMESPACE = 24;
export const READ_NAMESPACE = 25;
export const READ_REPLICA = 26;
export const READ_INVENTORY = 27;
export const READ_DOTLESS = 28;
export const READ_ANCESTOR = 29;
export const READ_SPECIAL = 30;
export const READ_OUTSIDE = 31;
export const READ_SHADOW = 32;
export const READ_SERVER = 33;
export const READ_ROOT = 34;
export const READ_HOST = 35;
export const READ_OWN_REPLICA = 36;
export const READ_BELOW_OWN = 37;
export const READ_NEVER = 38;

// What was taken and left out.
export const TOOK_SERVICES = 50;
export const LEFT_NOT_READY = 51;
export const NONE_READY = 52;
export const LEFT_OVERLAY = 53;
export const NO_SUCH_TYPE = 54;
export const NO_SUCH_NAME = 55;
export const NEEDS_NAMESPACE = 56;
export const FORWARD_LISTED = 57;
export const OUTSIDE_OFF = 58;
export const OUTSIDE_INTERNAL = 59;
export const OUTSIDE_REFUSED = 60;
export const NOT_SYNCED = 61;
export const ROUTED = 62;
export const ROUTE_BLOCKED = 63;

// What only an explanation finds, when it goes through those who bear the name.
export const LEFT_NOT_PINNED = 64;
export const LEFT_A_RECORDS = 65;
export const LEFT_OTHER_OVERLAY = 66;
export const LEFT_CONTESTED = 67;
export const LEFT_SECOND_IP6 = 68;
export const LEFT_CUT = 69;

export const REASON_TEXTS: Readonly<Record<number, string>> = {
  [BY_LISTENER]: 'the listener fixes the VPC',
  [BY_RULE]: 'a rule under clients names this address',
  [BY_PREFIX]: 'the address lies in the VPC’s net6',
  [BY_ONLY_VPC]: 'there is only one VPC',
  [POD_BY_ADDRESS]: 'the address is a pod’s',
  [POD_UNKNOWN]: 'no pod of the VPC has this address',
  [POD_AMBIGUOUS]: 'several pods hold this address, on different overlays',
  [BY_HOST]: 'the host of the engine asks',
  [READ_LOCALHOST]: 'localhost is always the loopback (RFC 6761)',
  [READ_REVERSE]: 'a reverse name',
  [READ_SUFFIX]: 'ends in a suffix of ours',
  [READ_PORT]: 'a named port',
  [READ_OWN_NAMESPACE]: 'a name in the client’s own namespace',
  [READ_NAMESPACE]: 'a name in the namespace that its last label names',
  [READ_REPLICA]: 'one pod among those that bear the name',
  [READ_INVENTORY]: 'an inventory',
  [READ_DOTLESS]: 'a single label never leaves',
  [READ_ANCESTOR]: 'lies above a name that exists',
  [READ_SPECIAL]: 'a special-use name',
  [READ_OUTSIDE]: 'an outside name',
  [READ_SHADOW]: 'the namespace forwards names it does not have (shadow: forward)',
  [READ_SERVER]: 'a name of this server itself',
  [READ_ROOT]: 'the root',
  [READ_HOST]: 'a name under hosts, of the VPC or of the configuration',
  [READ_OWN_REPLICA]: 'one pod among those that bear the name, in the client’s own namespace',
  [READ_BELOW_OWN]: 'lies below a name of the client’s own namespace',
  [READ_NEVER]: 'no top-level domain is a number, or begins with an underscore',
  [TOOK_SERVICES]: 'a service hides the pods of its name',
  [LEFT_NOT_READY]: 'pods that are not ready were left out',
  [NONE_READY]: 'no pod is ready, so all were given',
  [LEFT_OVERLAY]: 'an IPv4 that two pods hold was left out: the client does not share that overlay',
  [NO_SUCH_TYPE]: 'the name exists, but has no data of this type',
  [NO_SUCH_NAME]: 'there is no such name',
  [NEEDS_NAMESPACE]: 'the name can only be read once the client’s pod is known',
  [FORWARD_LISTED]: 'the VPC’s forward list names it',
  [OUTSIDE_OFF]: 'the VPC does not forward this name',
  [OUTSIDE_INTERNAL]: 'all overlays of the pod are internal',
  [OUTSIDE_REFUSED]: 'the VPC refuses outside names',
  [ROUTED]: 'a route names it, with upstreams of its own',
  [ROUTE_BLOCKED]: 'a route without upstreams names it',
  [LEFT_NOT_PINNED]: 'an overlay IPv4 that is not pinned was left out: the pod has an IPv6 address',
  [LEFT_A_RECORDS]: 'overlay IPv4 addresses are not answered here (a_records: none)',
  [LEFT_OTHER_OVERLAY]: 'an overlay address was left out: the client shares another overlay with the pod',
  [LEFT_CONTESTED]: 'an address was left out: another claims it too, and owns it',
  [LEFT_SECOND_IP6]: 'an overlay IPv6 was left out: the pod has an address in the VPC',
  [LEFT_CUT]: 'more addresses than fit into the message: it is truncated',
  [NOT_SYNCED]: 'no source has delivered a whole state yet',
};
