import { registerEnumType } from 'type-graphql';

export const NamespacePermission = {
  READ: 'READ',
  UPDATE: 'UPDATE',
  MANAGE_MEMBERS: 'MANAGE_MEMBERS',
  LIMIT: 'LIMIT',
  DELETE: 'DELETE',
  CREATE_IMAGE: 'CREATE_IMAGE',
} as const;
export type NamespacePermission = keyof typeof NamespacePermission;

registerEnumType(NamespacePermission, {
  name: 'NamespacePermission',
  description: 'What the viewer may do with a namespace.',
  valuesConfig: {
    READ: { description: 'See it with all its images, builds and members.' },
    UPDATE: { description: 'Change what is said about it.' },
    MANAGE_MEMBERS: { description: 'Say who has which role on it.' },
    LIMIT: { description: 'Say how much it may have.' },
    DELETE: { description: 'Delete it, as soon as it is empty.' },
    CREATE_IMAGE: {
      description: 'Register, import, build and save images into it, from a workspace to work in.',
    },
  },
});
