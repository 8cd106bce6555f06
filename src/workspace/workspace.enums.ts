import { registerEnumType } from 'type-graphql';

export const WorkspacePermission = {
  READ: 'READ',
  UPDATE: 'UPDATE',
  MANAGE_MEMBERS: 'MANAGE_MEMBERS',
  LIMIT: 'LIMIT',
  DELETE: 'DELETE',
  WORK: 'WORK',
} as const;
export type WorkspacePermission = keyof typeof WorkspacePermission;

registerEnumType(WorkspacePermission, {
  name: 'WorkspacePermission',
  description: 'What the viewer may do with a workspace.',
  valuesConfig: {
    READ: {
      description: 'Know of it; its images and builds are seen by a role, on it or on their namespace.',
    },
    UPDATE: { description: 'Change what is said about it.' },
    MANAGE_MEMBERS: { description: 'Say who has which role on it.' },
    LIMIT: { description: 'Say how much it may have.' },
    DELETE: { description: 'Delete it, as soon as it is empty.' },
    WORK: {
      description: 'Register, build and save images here, into a namespace where the viewer may make them.',
    },
  },
});
