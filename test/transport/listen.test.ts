/** The text of listeners: what is read, what is refused and with which advice. */
import { describe, expect, it } from 'vitest';
import { formatListen, ListenError, parseListen } from '../../src/transport/listen.ts';

describe('the text of a listener', () => {
  it.each([
    ['127.0.0.1:5300', '127.0.0.1', 5300, '', ''],
    ['127.0.0.1:5300@aep', '127.0.0.1', 5300, 'aep', ''],
    ['127.0.0.1:5300@aep/nextcloud', '127.0.0.1', 5300, 'aep', 'nextcloud'],
    ['[::1]:53@aep/nextcloud', '::1', 53, 'aep', 'nextcloud'],
    ['0.0.0.0:53', '0.0.0.0', 53, '', ''],
    ['[::]:53', '::', 53, '', ''],
    ['127.0.0.1:0', '127.0.0.1', 0, '', ''],
    ['127.0.0.1:65535', '127.0.0.1', 65_535, '', ''],
    ['[fe80::1%eth0]:53', 'fe80::1%eth0', 53, '', ''],
    ['[FE80:0:0::1%br-1a2b3c.7]:53@v', 'fe80::1%br-1a2b3c.7', 53, 'v', ''],
    ['[fdfd:01a8:0:0::2:1]:53', 'fdfd:1a8::2:1', 53, '', ''],
    ['127.0.0.1:53@AEP/NextCloud', '127.0.0.1', 53, 'aep', 'nextcloud'],
    ['127.0.0.1:53@1_a', '127.0.0.1', 53, '1_a', ''],
  ])('%s', (text, address, port, vpc, namespace) => {
    const listen = parseListen(text);
    expect(listen).toEqual({ address, port, vpc, namespace });
    expect(parseListen(formatListen(listen))).toEqual(listen);
  });

  it('is written canonically', () => {
    expect(formatListen(parseListen('[0:0:0:0:0:0:0:1]:053@AEP/n'))).toBe('[::1]:53@aep/n');
    expect(formatListen(parseListen('[FE80::1%eth0]:53'))).toBe('[fe80::1%eth0]:53');
    expect(formatListen(parseListen('0.0.0.0:53@aep'))).toBe('0.0.0.0:53@aep');
  });

  it.each([
    ['', /ADDR:PORT/],
    ['@aep', /no address/],
    [':53', /0\.0\.0\.0:53 and \[::\]:53/],
    ['*:53', /0\.0\.0\.0:53 and \[::\]:53/],
    ['127.0.0.1', /write 127\.0\.0\.1:53/],
    ['127.0.0.1:', /no port behind/],
    ['127.0.0.1@aep', /write 127\.0\.0\.1:53/],
    ['[::1]', /write \[::1\]:53/],
    ['[::1]53', /behind "\]"/],
    ['[::1', /without "\]"/],
    ['[]:53', /no address/],
    ['::1:53', /brackets/],
    ['::1', /brackets/],
    ['[127.0.0.1]:53', /only IPv6/],
    ['localhost:53', /host names are not looked up/],
    ['127.0.0.256:53', /not an IP address/],
    ['010.0.0.1:53', /not an IP address/],
    ['[::g]:53', /not an IP address/],
    ['[::ffff:127.0.0.1]:53', /write 127\.0\.0\.1:PORT/],
    ['[fe80::1]:53', /\[fe80::1%eth0\]:PORT/],
    ['[fe80::1%]:53', /not the name of an interface/],
    ['[fe80::1%a-name-beyond-ifnamsiz]:53', /not the name of an interface/],
    ['[::1%lo]:53', /only link-local/],
    ['127.0.0.1%lo:53', /no scope/],
    ['127.0.0.1:65536', /not a port/],
    ['127.0.0.1:-1', /not a port/],
    ['127.0.0.1:5 3', /not a port/],
    ['127.0.0.1:0x35', /not a port/],
    ['127.0.0.1:000053', /not a port/],
    ['127.0.0.1:53@', /no VPC/],
    ['127.0.0.1:53@/n', /no VPC/],
    ['127.0.0.1:53@aep/', /no namespace/],
    ['127.0.0.1:53@aep/n/x', /more than one "\/"/],
    ['127.0.0.1:53@aep@n', /not the name of a VPC/],
    ['127.0.0.1:53@a b', /not the name of a VPC/],
    ['127.0.0.1:53@aep/n.x', /has a dot/],
    [`127.0.0.1:53@${'a'.repeat(64)}`, /63 octets/],
  ])('refuses %j', (text, reason) => {
    let thrown: unknown;
    try {
      parseListen(text);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(ListenError);
    expect((thrown as ListenError).reason).toMatch(reason);
    expect((thrown as ListenError).text).toBe(text);
    expect((thrown as ListenError).message).toContain(JSON.stringify(text).slice(1, -1));
  });
});
