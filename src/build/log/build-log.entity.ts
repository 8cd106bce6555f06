import { defineEntity, p } from '@mikro-orm/core';
import { Build } from '../build.entity.ts';

/**
 * One batch of a build's log lines. `data` holds the lines' bytes one after another, as they were printed and without
 * their newlines (PostgreSQL's text cannot hold NUL), compressed where that makes them fewer; `lines` says how to cut it.
 */
export const BuildLogBatch = defineEntity({
  name: 'BuildLogBatch',
  tableName: 'image_build_log',
  properties: {
    buildId: () => p.manyToOne(Build).mapToPk().name('build_id').primary().deleteRule('cascade'),
    /** The first line's number; lines count from 1 through all attempts, without a gap. */
    firstSeq: p.bigint('number').primary(),
    lastSeq: p.bigint('number'),
    /** Where the batch begins in the log as it was printed, in bytes; null: written by a version that did not count. */
    byteOffset: p.bigint('number').strictNullable(),
    /** Where it begins in the plain text without terminal codes. */
    textOffset: p.bigint('number').strictNullable(),
    data: p.blob(),
    /** How many bytes `data` has without its compression, see build-log.compression.ts; null: it has none. */
    dataBytes: p.integer().strictNullable(),
    /** How to cut it, and what else is known of each line; see build-log.codec.ts. */
    lines: p.json().$type<readonly EncodedLines[]>(),
  },
});
/**
 * Lines that follow each other and differ in their lengths alone: these in bytes, as a number or, of several, as a text with spaces
 * between (reading an entry of its own for each line was most of what a batch took in PostgreSQL); then time in epoch milliseconds,
 * stream (0 stdout, 1 stderr, 2 system, 3 a gap), step or null, flags: 1 if no newline followed, 2 if the forms of the log put one
 * before it (never set by versions that did not).
 */
export type EncodedLines = readonly [number | string, number, 0 | 1 | 2 | 3, number | null, 0 | 1 | 2 | 3];
