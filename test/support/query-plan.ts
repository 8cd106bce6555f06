import type { Statement } from './app.ts';
import type { TestDatabase } from './database.ts';

/** A step of how PostgreSQL goes about a statement, as `explain (format json)` tells it. */
export interface PlanStep {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly PlanStep[];
}

/** All steps of the statement's plan, each before those that it is made of. */
export async function planStepsOf(
  database: TestDatabase,
  { text, values }: Statement,
): Promise<readonly PlanStep[]> {
  const [answer] = await database.query<{ 'QUERY PLAN': [{ Plan: PlanStep }] }>(
    `explain (format json) ${text}`,
    values,
  );
  return flatten((answer as { 'QUERY PLAN': [{ Plan: PlanStep }] })['QUERY PLAN'][0].Plan);
}

const flatten = (step: PlanStep): PlanStep[] => [step, ...(step.Plans ?? []).flatMap(flatten)];
