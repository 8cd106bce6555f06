import type { Statement } from './app.ts';
import type { TestDatabase } from './database.ts';

/** A step of how PostgreSQL goes about a statement, as `explain (format json)` tells it. */
export interface PlanStep {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  /** What the index is searched by, as text. */
  readonly 'Index Cond'?: string;
  readonly Plans?: readonly PlanStep[];
}

/**
 * All steps of the statement's plan, each before those that it is made of.
 *
 * @param plan `for all values`: the one that a prepared statement is carried out by, whatever its values
 */
export async function planStepsOf(
  database: TestDatabase,
  { text, values }: Statement,
  plan: 'for these values' | 'for all values' = 'for these values',
): Promise<readonly PlanStep[]> {
  const [answer] = await (plan === 'for these values'
    ? database.query<{ 'QUERY PLAN': [{ Plan: PlanStep }] }>(`explain (format json) ${text}`, values)
    : database.query<{ 'QUERY PLAN': [{ Plan: PlanStep }] }>(`explain (format json, generic_plan) ${text}`));
  return flatten((answer as { 'QUERY PLAN': [{ Plan: PlanStep }] })['QUERY PLAN'][0].Plan);
}

const flatten = (step: PlanStep): PlanStep[] => [step, ...(step.Plans ?? []).flatMap(flatten)];
