/** A server with its admin listener, whose page is tried. */
import { createAdmin, type Admin } from '../../src/admin/http.ts';
import { serverRoutes } from '../../src/admin/server-routes.ts';
import type { Config } from '../../src/config/table.ts';
import { createServer, type PodnsServer } from '../../src/index.ts';
import type { Resource } from '../../src/model.ts';

export class Site {
  readonly server: PodnsServer;
  readonly admin: Admin;
  url = '';

  constructor(config: Partial<Config> = {}, token = '', bind = '127.0.0.1:0') {
    this.server = createServer({ config: { workers: 0, ...config } });
    this.admin = createAdmin({
      bind,
      token,
      facts: { readiness: () => this.server.readiness() },
      routes: serverRoutes(this.server, 'test'),
    });
  }

  async start(put: Resource[] = []): Promise<this> {
    await this.server.start();
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
