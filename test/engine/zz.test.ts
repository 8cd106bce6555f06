import { appendFileSync } from 'node:fs';
import { inject, it } from 'vitest';
import { collectUntilError } from '../contracts/container-engine.contract.ts';
import { buildRequest, testEngine } from '../support/engine.ts';

const out = process.env['ZZ_OUT'] ?? '/tmp/zz.log';
const ms = Number(process.env['ZZ_MS'] ?? 150_000);
it.concurrent.each([1, 2])(
  'loop %i',
  async (i) => {
    const { engine, baseImage } = testEngine(inject('podmanEndpoint'));
    const end = Date.now() + ms;
    let n = 0;
    let odd = 0;
    while (Date.now() < end) {
      n += 1;
      const { error } = await collectUntilError(
        engine.build(buildRequest({ dockerfile: `FROM ${baseImage}\nRUN echo hello; exit 3\n`, noCache: true }), {}),
      );
      const e = error as (Error & { exitCode?: number }) | null;
      if (e?.exitCode !== 3) {
        odd += 1;
        appendFileSync(out, `${new Date().toISOString()} loop${i} #${n} ${e?.message} | cause: ${(e?.cause as Error)?.message}\n`);
      }
    }
    appendFileSync(out, `${new Date().toISOString()} loop${i} end n=${n} odd=${odd}\n`);
  },
  900_000,
);
