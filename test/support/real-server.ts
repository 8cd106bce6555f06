import { startSlipway } from './slipway-process.ts';
import { openTestFolder } from './test-folder.ts';

/** Everything that an operator's own token may hold and an address may not. */
const TOKEN = 'an operator\'s own token: a+b&c%2Bd#e="é"';

/** The whole program as README's command starts it, with everything it brings along and a notebook to save. */
export interface RealServer extends AsyncDisposable {
  readonly url: string;
  /** The address of the page with the token in it, as it was printed. */
  readonly page: string;
  readonly token: string;
}

export async function startRealServer(): Promise<RealServer> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openTestFolder());
  const slipway = opened.use(
    await startSlipway(
      ['--demo-notebook'],
      {
        SLIPWAY_DATA_DIR: folder.data.path,
        PORT: '0',
        SLIPWAY_DRAIN_SECONDS: '1',
        SLIPWAY_ADMIN_TOKEN: TOKEN,
      },
      /Slipway is ready: ((\S+)\/graphiql#token=\S+)/,
    ),
  );
  const [, page, url] = slipway.said as [string, string, string];
  const closing = opened.move();
  return {
    url,
    page,
    token: TOKEN,
    async [Symbol.asyncDispose]() {
      await slipway.stop();
      await closing.disposeAsync();
    },
  };
}
