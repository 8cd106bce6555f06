import { registerEnumType } from 'type-graphql';
import { AuditResult, CredentialKind } from '../shared/enums.ts';

registerEnumType(AuditResult, {
  name: 'AuditResult',
  description: 'What came of a mutation.',
  valuesConfig: {
    DONE: { description: 'It was done.' },
    CHECKED: { description: 'It was to be checked only (validateOnly), and nothing was wrong with it.' },
    REFUSED: {
      description:
        'Its userErrors, or of an import its rowErrors, say what was wrong with it, and nothing was changed.',
    },
    FORBIDDEN: { description: 'The user may not do it, and nothing was changed.' },
    FAILED: { description: 'It failed; what it had changed until then was taken back, if it could be.' },
  },
});

registerEnumType(CredentialKind, {
  name: 'CredentialKind',
  description: 'With what somebody has signed in.',
  valuesConfig: {
    ACCESS_TOKEN: { description: 'An access token of this server.' },
    JWT: { description: "A JWT of the operator's OIDC issuer." },
    OPERATOR_TOKEN: { description: "The operator's own token, which is the user admin." },
  },
});
