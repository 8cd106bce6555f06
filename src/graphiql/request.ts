import type { ExecutionResult } from 'graphql';

export interface Operation {
  query: string;
  variables?: Record<string, unknown>;
  operationName?: string | null;
}

/** The token is not (or no longer) good. */
export class SignedOutError extends Error {}

/**
 * Sends one operation.
 * @throws SignedOutError the server does not know the token
 */
export async function sendOperation(
  token: string,
  operation: Operation,
  headers: Record<string, string> = {},
): Promise<ExecutionResult> {
  const response = await fetch('/graphql', {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}`, ...headers },
    body: JSON.stringify(operation),
  });
  const answer: ExecutionResult = await response.json();
  if (response.status === 401) throw new SignedOutError(answer.errors?.[0]?.message ?? 'Sign in again.');
  return answer;
}
