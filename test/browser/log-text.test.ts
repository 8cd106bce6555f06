import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/app.ts';
import { finished, startBuild } from '../support/builds.ts';
import { logEvent, stepEvent } from '../support/fake-engine.ts';
import { ExplorerPage, launchBrowser } from './explorer-page.ts';

/** Each runs, loads or leads somewhere in a page that takes the text for anything but text. */
const ATTACKS = [
  '<script>document.title = "taken"</script>',
  '<img src=/taken onerror="document.title = \'taken\'">',
  '<svg onload="document.title = \'taken\'">',
  '<iframe srcdoc="<script>parent.document.title = \'taken\'</script>"></iframe>',
  '<meta http-equiv="refresh" content="0;url=/taken">',
  '<a href="javascript:document.title=\'taken\'">a link</a>',
  '[a link](javascript:document.title="taken")',
  '\u001b]8;;javascript:document.title="taken"\u001b\\a terminal link\u001b]8;;\u001b\\',
  '\u001b]0;taken\u0007\u001b[31mred\u001b[0m',
];
/** What stays of them without terminal codes. */
const SHOWN = [...ATTACKS.slice(0, 7), 'a terminal link', 'red'];

let slipway: TestApp;
let browser: Browser;
let id: string;
let logUrl: string;

beforeAll(async () => {
  slipway = await createTestApp();
  browser = await launchBrowser();
  slipway.engine.onBuild(async function* () {
    yield stepEvent({ number: 1, name: `RUN echo '${ATTACKS[0]}'` });
    yield logEvent(1, `${ATTACKS.join('\n')}\n`);
    yield { kind: 'result', imageId: 'sha256:1' };
  });
  ({ id } = await startBuild(slipway.admin, { name: 'attack', dockerfile: 'FROM scratch\nRUN x\n' }));
  await finished(slipway.admin, id);
  const found = await slipway.admin.run<{ imageBuild: { logUrl: string } }>(
    'query ($id: ID!) { imageBuild(id: $id) { logUrl } }',
    { id },
  );
  logUrl = `${slipway.url}${found.imageBuild.logUrl}`;
});
afterAll(async () => {
  await browser?.close();
  await slipway?.[Symbol.asyncDispose]();
});

/** Nothing of the text became a part of the page, ran or was asked for. */
async function expectUntouched(page: Page, asked: readonly string[]): Promise<void> {
  expect(await page.title()).not.toContain('taken');
  expect(
    await page.locator('svg[onload], img[onerror], iframe[srcdoc], a[href^="javascript:"]').count(),
  ).toBe(0);
  expect(asked.filter((url) => url.includes('taken'))).toEqual([]);
}

describe("a build's output is text", () => {
  it('at the URL of the log, whatever a browser thinks of it', async () => {
    const context = await browser.newContext({
      extraHTTPHeaders: { authorization: `Bearer ${slipway.admin.token}` },
    });
    const page = await context.newPage();
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    const answer = await page.goto(logUrl);
    const headers = answer?.headers() ?? {};
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['content-security-policy']).toMatch(/default-src 'none'.*sandbox/);
    expect(await page.locator('body').textContent()).toContain(`${SHOWN.join('\n')}\n`);
    await expectUntouched(page, asked);
    await context.close();
  });

  it('as bytes, which a browser only ever saves', async () => {
    const context = await browser.newContext({
      extraHTTPHeaders: { authorization: `Bearer ${slipway.admin.token}` },
    });
    const page = await context.newPage();
    const download = page.waitForEvent('download');
    await page.goto(`${logUrl}?form=raw`).catch(() => {}); // A download is no page.
    expect((await download).suggestedFilename()).toMatch(/\.log$/);
    await context.close();
  });

  it('to a page that loads it as a script', async () => {
    const context = await browser.newContext({
      extraHTTPHeaders: { authorization: `Bearer ${slipway.admin.token}` },
    });
    const page = await context.newPage();
    // A page of our own origin without any policy: none of ours is like that.
    await page.route('**/page', (route) => route.fulfill({ contentType: 'text/html', body: '<p>' }));
    await page.goto(`${slipway.url}/page`);
    const asked: string[] = [];
    page.on('response', (answer) => asked.push(`${answer.status()} ${answer.url()}`));
    await expect(page.addScriptTag({ url: logUrl })).rejects.toThrow();
    expect(asked).toEqual([`200 ${logUrl}`]);
    await expectUntouched(page, asked);
    await context.close();
  });

  it('in the answers that GraphiQL shows', async () => {
    const explorer = await ExplorerPage.open(browser, slipway.url, `/graphiql#token=${slipway.admin.token}`);
    const asked: string[] = [];
    explorer.page.on('request', (request) => asked.push(request.url()));
    await explorer.tabTitles();
    const query = `{ imageBuild(id: "${id}") { steps { name } logs(first: 20) { nodes { text } } } }`;
    await explorer.ask(query);
    await expect.poll(() => explorer.response(), { timeout: 20_000 }).toContain('a terminal link');
    for (const part of ['<script>document.title', '<img src=/taken', '<svg onload', '<iframe srcdoc']) {
      expect(await explorer.response()).toContain(part);
    }
    await expectUntouched(explorer.page, asked);
    expect(explorer.problems).toEqual([]);
  });
});
