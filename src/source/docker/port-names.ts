/**
 * Names of well-known ports, from IANA's registry of service names: a table of podns' own, because the file
 * /etc/services of a host differs from node to node, and a name must mean the same on each.
 */
import type { Port, Protocol } from '../../model.ts';

const BOTH: Readonly<Record<number, string>> = {
  7: 'echo',
  53: 'domain',
  88: 'kerberos',
  111: 'sunrpc',
  123: 'ntp',
  161: 'snmp',
  162: 'snmptrap',
  389: 'ldap',
  443: 'https',
  464: 'kpasswd',
  514: 'syslog',
  636: 'ldaps',
  853: 'domain-s',
  1812: 'radius',
  1813: 'radius-acct',
  2049: 'nfs',
  3478: 'stun',
  5060: 'sip',
  5061: 'sips',
  5349: 'stuns',
};

const TCP: Readonly<Record<number, string>> = {
  21: 'ftp',
  22: 'ssh',
  23: 'telnet',
  25: 'smtp',
  79: 'finger',
  80: 'http',
  110: 'pop3',
  119: 'nntp',
  143: 'imap',
  179: 'bgp',
  445: 'microsoft-ds',
  465: 'submissions',
  514: 'shell',
  554: 'rtsp',
  587: 'submission',
  631: 'ipp',
  873: 'rsync',
  990: 'ftps',
  993: 'imaps',
  995: 'pop3s',
  1080: 'socks',
  1194: 'openvpn',
  1433: 'ms-sql-s',
  1883: 'mqtt',
  2375: 'docker',
  2376: 'docker-s',
  2379: 'etcd-client',
  2380: 'etcd-server',
  3260: 'iscsi-target',
  3306: 'mysql',
  3389: 'ms-wbt-server',
  3690: 'svn',
  4222: 'nats',
  4369: 'epmd',
  5222: 'xmpp-client',
  5269: 'xmpp-server',
  5432: 'postgresql',
  5671: 'amqps',
  5672: 'amqp',
  5900: 'rfb',
  5984: 'couchdb',
  6379: 'redis',
  6697: 'ircs-u',
  8080: 'http-alt',
  8883: 'secure-mqtt',
  9418: 'git',
  11211: 'memcache',
  27017: 'mongodb',
};

const UDP: Readonly<Record<number, string>> = {
  67: 'bootps',
  68: 'bootpc',
  69: 'tftp',
  80: 'http',
  500: 'isakmp',
  1194: 'openvpn',
  4500: 'ipsec-nat-t',
  4789: 'vxlan',
  5353: 'mdns',
  5355: 'llmnr',
  11211: 'memcache',
};

/** The port under the name that everybody knows, else under its number. */
export function portOf(protocol: Protocol, port: number): Port {
  const own = protocol === 'tcp' ? TCP[port] : protocol === 'udp' ? UDP[port] : undefined;
  return { name: own ?? BOTH[port] ?? String(port), protocol, port };
}
