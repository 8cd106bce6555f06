import type { ExampleTab } from './tabs.ts';

/** Who may do what, and who did. */
export const ACCESS_TABS: readonly ExampleTab[] = [
  {
    query: `# An access token for a program that reads. It is shown this
# one time: "token" is what its requests send as
# Authorization: Bearer …
mutation MakeToken($input: CreateAccessTokenInput!) {
  createAccessToken(input: $input) {
    token
    accessToken { id prefix scopes expiresAt }
    userErrors { code message path }
  }
}
`,
    variables: JSON.stringify(
      { input: { name: 'From GraphiQL', scopes: ['READ'], expiresAt: '2099-12-31T00:00:00Z' } },
      null,
      2,
    ),
  },
  {
    query: `# Who did what, newest first; for administrators.
# "cost", under the answer, is what this query cost.
query AuditTrail {
  auditEvents(first: 20) {
    nodes { at userName credential action result codes grants inputIds objectIds facts address requestId }
  }
}
`,
  },
];
