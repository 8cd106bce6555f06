import { sql } from 'kysely';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { Db } from '../../db/tables.ts';
import type { Build } from '../build.entity.ts';
import { encodeLines, isPartial } from './build-log.codec.ts';
import { BuildLogBatch, type EncodedLines } from './build-log.entity.ts';
import { type LogEnd, placeLines, printedBytes } from './build-log-form.rules.ts';

/** How a log ends that others have stored: nothing goes on with their last line. */
export async function storedEnd(db: Db, buildId: string): Promise<LogEnd> {
  const { rows } = await sql<{ last: EncodedLines }>`
    select lines -> -1 as last from image_build_log where build_id = ${buildId}
    order by first_seq desc limit 1`.execute(db);
  return { isOpen: rows[0] !== undefined && isPartial(rows[0].last[4]), writer: null };
}

/**
 * Adds a line of our own to the log of a build that no attempt writes to any more. The caller holds the build's row, and ends it
 * in the same transaction.
 */
export async function addLastLine(tx: EntityManager, build: Build, text: string, at: Date): Promise<void> {
  const line = { at, stream: 'SYSTEM' as const, step: null, partial: false, data: Buffer.from(text) };
  const { lines } = placeLines([line], await storedEnd(kysely(tx), build.id));
  const seq = build.logLineCount + 1;
  tx.create(BuildLogBatch, {
    buildId: build.id,
    firstSeq: seq,
    lastSeq: seq,
    byteOffset: build.logBytes,
    textOffset: build.logTextBytes,
    ...encodeLines(lines),
    dataBytes: null,
  });
  build.logLineCount = seq;
  if (build.logBytes !== null) build.logBytes += printedBytes(lines, 'raw');
  if (build.logTextBytes !== null) build.logTextBytes += printedBytes(lines, 'text');
}
