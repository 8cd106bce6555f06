import { registerEnumType } from 'type-graphql';
import { TokenScope, UserKind } from '../shared/enums.ts';

registerEnumType(TokenScope, {
  name: 'TokenScope',
  description: 'What a token may be used for, as far as its user may do it.',
  valuesConfig: {
    READ: { description: 'To read: queries and subscriptions.' },
    WRITE: { description: 'To change things: mutations; holds READ.' },
  },
});

registerEnumType(UserKind, {
  name: 'UserKind',
  description: 'Who signs in.',
  valuesConfig: {
    PERSON: { description: 'Somebody.' },
    SERVICE: { description: 'A service account: a program, with access tokens that administrators make.' },
  },
});
