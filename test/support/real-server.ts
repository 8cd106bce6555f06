import { startSlipway } from './slipway-process.ts';
import { openTestFolder } from './test-folder.ts';

/** The whole program as README's command starts it, with everything it brings along and a notebook to save. */
export interface RealServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
}

export async function startRealServer(): Promise<RealServer> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.use(await openTestFolder());
  const slipway = opened.use(
    await startSlipway(
      ['--demo-notebook'],
      { SLIPWAY_DATA_DIR: folder.data.path, PORT: '0', SLIPWAY_DRAIN_SECONDS: '1' },
      /Slipway is ready: (\S+)\/graphiql#token=(\S+)/,
    ),
  );
  const [, url, token] = slipway.said as [string, string, string];
  const closing = opened.move();
  return {
    url,
    token,
    async [Symbol.asyncDispose]() {
      await slipway.stop();
      await closing.disposeAsync();
    },
  };
}
