import { type EntityManager, kysely } from '../../db/orm.ts';
import type { Build } from '../build.entity.ts';
import { encodeLines, isPartial } from './build-log.codec.ts';
import { BuildLogBatch } from './build-log.entity.ts';
import { placeLines, printLines } from './build-log-form.rules.ts';

/**
 * Adds a line of our own to the log of a build that no attempt writes to any more. The caller holds the build's row, and ends it
 * in the same transaction.
 */
export async function addLastLine(tx: EntityManager, build: Build, text: string, at: Date): Promise<void> {
  const last = await kysely(tx)
    .selectFrom('BuildLogBatch')
    .select('lines')
    .where('buildId', '=', build.id)
    .orderBy('firstSeq', 'desc')
    .limit(1)
    .executeTakeFirst();
  const isOpen = isPartial(last?.lines.at(-1)?.[4] ?? 0);
  const line = { at, stream: 'SYSTEM' as const, step: null, partial: false, data: Buffer.from(text) };
  const { lines } = placeLines([line], { isOpen, writer: null });
  const seq = build.logLineCount + 1;
  tx.create(BuildLogBatch, {
    buildId: build.id,
    firstSeq: seq,
    lastSeq: seq,
    byteOffset: build.logBytes,
    textOffset: build.logTextBytes,
    ...encodeLines(lines),
  });
  build.logLineCount = seq;
  if (build.logBytes !== null) build.logBytes += printLines(lines, 'raw').byteLength;
  if (build.logTextBytes !== null) build.logTextBytes += printLines(lines, 'text').byteLength;
}
