/** A server with its admin listener, whose page is tried. */
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import type { Config } from '../../src/config/table.ts';
import { ServerCore } from '../../src/server.ts';
import type { Resource } from '../../src/model.ts';

/** Few records; without it there is room for a million pods. */
const SMALL = { arena: 1 << 24, names: 1 << 22, addresses: 1 << 22 };
/** Records from which on a site is not small. */
const MANY = 10_000;

export class Site {
  server!: ServerCore;
  admin!: Admin;
  url = '';
  private readonly config: Partial<Config>;
  private readonly token: string;
  private readonly bind: string;

  constructor(config: Partial<Config> = {}, token = '', bind = '127.0.0.1:0') {
    this.config = { workers: 0, ...config };
    this.token = token;
    this.bind = bind;
  }

  async start(put: Resource[] = []): Promise<this> {
    const { config, token, bind } = this;
    const server = new ServerCore(put.length < MANY ? { config, reserve: SMALL } : { config });
    this.server = server;
    this.admin = createAdmin({
      bind,
      token,
      facts: { readiness: () => server.readiness() },
      routes: serverRoutes(server, 'test'),
    });
    await server.start();
    if (put.length > 0) await this.server.apply({ put });
    const address = await this.admin.open();
    this.url = `http://${address.replace('0.0.0.0', '127.0.0.1')}/`;
    return this;
  }

  async close(): Promise<void> {
    await this.admin.close();
    await this.server.close(0);
  }
}
