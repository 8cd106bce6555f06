import { excerpt } from '../shared/excerpt.ts';
import type { Problems } from '../shared/problems.ts';

/** S2's rule for a namespace; workspaces follow it too. */
export const SCOPE_NAME = /^[a-z][A-Za-z0-9._-]{0,63}$/;

export type ScopeKind = 'namespace' | 'workspace';

/** How much a namespace or workspace may have; `null`: any amount. */
export interface ScopeLimits {
  /** Live images. */
  imageLimit: number | null;
  /** What its images take in the platform's registry. */
  storageLimitBytes: number | null;
  /** Unfinished builds. */
  buildLimit: number | null;
}
export const NO_LIMITS: Readonly<ScopeLimits> = {
  imageLimit: null,
  storageLimitBytes: null,
  buildLimit: null,
};

/** Limits as they are set: absent keeps one, `null` takes it away. */
export interface QuotaInput {
  readonly images?: number | null | undefined;
  readonly storageBytes?: number | null | undefined;
  readonly concurrentBuilds?: number | null | undefined;
}

/** The largest number of the column that keeps a limit. */
const MAX_LIMITS = {
  images: 2 ** 31 - 1,
  storageBytes: Number.MAX_SAFE_INTEGER,
  concurrentBuilds: 2 ** 31 - 1,
} as const satisfies Record<keyof QuotaInput, number>;

/** Checks limits that are to be set. */
export function checkQuota(
  problems: Problems,
  path: readonly string[],
  quota: QuotaInput | null | undefined,
): void {
  for (const [name, max] of Object.entries(MAX_LIMITS) as [keyof QuotaInput, number][]) {
    const current = quota?.[name];
    if (current === undefined || current === null || (current >= 0 && current <= max)) continue;
    const message = `a whole number from 0 to ${max}, or null for no limit`;
    problems.add('OUT_OF_RANGE', [...path, name], message, { min: 0, max, current });
  }
}

/** The limits that an input sets, for the caller to lay over those there are; `null` takes all of them away. */
export function limitsOf(quota: QuotaInput | null | undefined): Partial<ScopeLimits> {
  if (quota === undefined) return {};
  if (quota === null) return NO_LIMITS;
  const { images, storageBytes, concurrentBuilds } = quota;
  return {
    ...(images === undefined ? {} : { imageLimit: images }),
    ...(storageBytes === undefined ? {} : { storageLimitBytes: storageBytes }),
    ...(concurrentBuilds === undefined ? {} : { buildLimit: concurrentBuilds }),
  };
}

/** Checks the name of a namespace or workspace. */
export function checkScopeName(problems: Problems, path: readonly string[], name: string): void {
  if (SCOPE_NAME.test(name)) return;
  const rule = `${JSON.stringify(excerpt(name))} is no such name: give a lower-case letter, then at most 63 letters, digits, hyphens, underscores or dots`;
  problems.add('PATTERN', path, rule, { pattern: SCOPE_NAME.source });
}

/** What may be done with a namespace and with a workspace alike. */
export type ScopePermission = 'READ' | 'UPDATE' | 'MANAGE_MEMBERS' | 'LIMIT' | 'DELETE';
