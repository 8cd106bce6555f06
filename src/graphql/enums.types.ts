import { registerEnumType } from 'type-graphql';
import { Role, Visibility } from '../shared/enums.ts';

/** The direction of an order. */
export const OrderDirection = { ASC: 'ASC', DESC: 'DESC' } as const;
export type OrderDirection = keyof typeof OrderDirection;

registerEnumType(OrderDirection, {
  name: 'OrderDirection',
  description: 'The direction of an order.',
  valuesConfig: {
    ASC: { description: 'Smallest, oldest or first in the alphabet first.' },
    DESC: { description: 'Largest, newest or last in the alphabet first.' },
  },
});

registerEnumType(Role, {
  name: 'Role',
  description: 'What a member may do on a namespace or workspace; each role holds the ones before it.',
  valuesConfig: {
    VIEWER: { description: 'Sees everything in it.' },
    DEVELOPER: { description: 'Registers, changes, deletes, builds and saves images.' },
    OWNER: { description: 'Changes it and its members.' },
  },
});

registerEnumType(Visibility, {
  name: 'Visibility',
  description: 'Who may see an image.',
  valuesConfig: {
    PRIVATE: { description: 'Members of its namespace and of its workspace.' },
    PUBLIC: {
      description: 'Everyone who is signed in may read and pull it; changing it stays with members.',
    },
  },
});
