/** The rows of the settings' table that limit what podns keeps and takes. */
import { SECOND, setting } from './setting.ts';
import * as value from './values.ts';

export const LIMITS = {
  holds: setting('Limits', 'N', value.integer(0), 10_000, 'maximum number of held queries'),
  vpcHolds: setting('Limits', 'N', value.integer(0), 2_000, 'maximum number of held queries per VPC'),
  clientHolds: setting(
    'Limits',
    'N',
    value.integer(0),
    50,
    'maximum number of held queries per source address',
  ),
  tcpConnections: setting(
    'Limits',
    'N',
    value.integer(0),
    1_000,
    'maximum number of TCP connections, for all listeners together',
  ),
  tcpClient: setting(
    'Limits',
    'N',
    value.integer(0),
    100,
    'maximum number of TCP connections from one address to one listener',
  ),
  tcpIdle: setting(
    'Limits',
    'DURATION',
    value.duration,
    10 * SECOND,
    'time after which podns closes an idle TCP connection',
  ),
};
