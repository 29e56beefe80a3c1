/** Debian's Chromium with the page of a server, and everything that the page must not do noted down. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium, type Browser, type BrowserContextOptions, type Page } from 'playwright-core';
import { toolPath } from '../harness/tools.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

/** A phone that is as narrow as they get. */
export const PHONE = { viewport: { width: 360, height: 740 } };

export function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath: toolPath('chromium'),
    // Chromium refuses its sandbox to root, which tests in a container are.
    args: process.getuid?.() === 0 ? ['--no-sandbox'] : [],
  });
}

/** What the page must not do: none of it is there at the end of a test. */
export interface Faults {
  /** Requests that leave the origin. */
  strangers: string[];
  /** Errors of scripts, and what the security policy has stopped. */
  errors: string[];
}

export interface OpenPage extends Faults {
  page: Page;
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const faults: Faults = { strangers: [], errors: [] };
  page.on('request', (request) => {
    if (!request.url().startsWith(`${new URL(url).origin}/`)) faults.strangers.push(request.url());
  });
  page.on('pageerror', (error) => faults.errors.push(error.message));
  page.on('console', (message) => {
    // A status of 404 or 503 is an answer that the page expects.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      faults.errors.push(message.text());
  });
  await page.goto(url);
  return { page, ...faults };
}

/** What axe finds wrong, as `rule: element`. */
export async function axeFindings(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = (await page.evaluate('axe.run()')) as {
    violations: { id: string; nodes: { html: string; failureSummary: string }[] }[];
  };
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 120)} ${failureSummary}`),
  );
}
