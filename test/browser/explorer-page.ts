import { type Browser, chromium, type Page } from 'playwright-core';

/** Debian's Chromium; as root it runs without its own sandbox only. The rest keeps it from talking to its maker's servers. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** The GraphiQL page as a person uses it: tabs, the run button, the response. */
export class ExplorerPage {
  /** What went wrong in the page: errors of scripts, policy violations, failed requests, requests to other hosts. */
  readonly problems: string[] = [];

  private constructor(
    readonly page: Page,
    readonly url: string,
  ) {
    page.on('pageerror', (error) => this.problems.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(message.text());
    });
    page.on('request', (request) => {
      const { protocol, origin } = new URL(request.url());
      if (protocol.startsWith('http') && origin !== url) this.problems.push(`request to ${request.url()}`);
    });
  }

  /** Opens a fresh page, with storage of its own, at `path` of the server. */
  static async open(browser: Browser, url: string, path: string): Promise<ExplorerPage> {
    const context = await browser.newContext({ viewport: { width: 1500, height: 1200 } });
    const explorer = new ExplorerPage(await context.newPage(), url);
    await explorer.page.goto(`${url}${path}`);
    return explorer;
  }

  async tabTitles(): Promise<string[]> {
    await this.page.locator('.graphiql-execute-button').waitFor();
    return this.page.locator('.graphiql-tab').allInnerTexts();
  }

  async showTab(title: string): Promise<void> {
    // A tab that is clicked before the editor is there is shown as chosen, but never gets into the editor.
    await this.page.locator('.graphiql-query-editor .view-line', { hasText: /\S/ }).first().waitFor();
    await this.page.locator('.graphiql-tab', { hasText: title }).click();
    await this.page.locator('.graphiql-query-editor .view-lines', { hasText: title }).waitFor();
  }

  async run(title: string): Promise<void> {
    await this.showTab(title);
    await this.page.locator('.graphiql-execute-button').click();
  }

  /** Runs a query of one's own. */
  async ask(query: string): Promise<void> {
    await this.page.locator('.graphiql-query-editor .view-lines').first().click();
    await this.page.keyboard.press('Control+A');
    await this.page.keyboard.insertText(query);
    // The editor may have closed a bracket once more.
    await this.page.keyboard.press('Control+Shift+End');
    await this.page.keyboard.press('Delete');
    await this.page.locator('.graphiql-execute-button').click();
  }

  /** Stops the subscription that runs. */
  stop(): Promise<void> {
    return this.page.locator('.graphiql-execute-button').click();
  }

  /** The lines of the response that are in sight, one after the other. */
  response(): Promise<string> {
    return this.textOf('.graphiql-response');
  }

  variables(): Promise<string> {
    return this.textOf('.graphiql-editor-tool');
  }

  private async textOf(editor: string): Promise<string> {
    const text = await this.page.locator(`${editor} .view-lines`).first().textContent();
    // Long lines are wrapped and indented anew.
    return (text ?? '').replace(/\s+/g, ' ');
  }
}
