import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { packContext } from '../../src/engine/docker/build-context.ts';

/** What one build took on the engine's API, in milliseconds from the call. */
export interface EngineTimes {
  /** Until the first output of a step came. */
  readonly firstMs: number;
  readonly totalMs: number;
}

/** The engine's API without Slipway: the same call as Slipway's, its answer looked at for one word and thrown away. */
export class EngineAlone {
  constructor(readonly endpoint: string) {}

  /**
   * Builds as Slipway has it built, without a tag that stays.
   *
   * @param mark what the first step prints first; looked for in each chunk until it comes
   * @throws Error with the engine's words where it fails
   */
  async build(dockerfile: string, builder: 'classic' | 'buildkit', mark: string): Promise<EngineTimes> {
    const { tar, dockerfilePath } = await packContext(dockerfile, []);
    const query = new URLSearchParams({
      dockerfile: dockerfilePath,
      rm: 'true',
      forcerm: 'true',
      pull: 'true',
      nocache: 'true',
      labels: JSON.stringify({ 'bench.build': randomUUID() }),
      ...(builder === 'buildkit' && { version: '2' }),
    });
    const begun = performance.now();
    const { promise, resolve, reject } = Promise.withResolvers<EngineTimes>();
    const call = request(
      {
        socketPath: new URL(this.endpoint).pathname,
        path: `/build?${query}`,
        method: 'POST',
        headers: { 'content-type': 'application/x-tar', 'content-length': tar.byteLength },
      },
      (answer) => {
        let firstMs = 0;
        let end = '';
        const sought = builder === 'classic' ? Buffer.from(`"stream":"${mark}`) : null;
        answer.on('data', (chunk: Buffer) => {
          if (firstMs === 0 && has(chunk, sought, mark)) firstMs = performance.now() - begun;
          end = chunk.toString('latin1').slice(-500);
        });
        answer.on('error', reject);
        answer.on('end', () => {
          if (answer.statusCode === 200 && !end.includes('"errorDetail"'))
            resolve({ firstMs, totalMs: performance.now() - begun });
          else reject(new Error(`the engine's build failed: ${end}`));
        });
      },
    );
    call.on('error', reject);
    call.end(tar);
    return await promise;
  }
}

/** BuildKit's messages are base64 in JSON, in which the step's command comes before what it prints. */
function has(chunk: Buffer, sought: Buffer | null, mark: string): boolean {
  if (sought !== null) return chunk.includes(sought);
  return [...chunk.toString('latin1').matchAll(/"aux":"([^"]+)"/g)].some(([, trace = '']) =>
    Buffer.from(trace, 'base64').includes(`${mark}\n`),
  );
}
