import { registerEnumType } from 'type-graphql';

export const NotebookPermission = { READ: 'READ', SAVE: 'SAVE' } as const;
export type NotebookPermission = keyof typeof NotebookPermission;

registerEnumType(NotebookPermission, {
  name: 'NotebookPermission',
  description: 'What the viewer may do with a notebook.',
  valuesConfig: {
    READ: { description: 'See it.' },
    SAVE: {
      description:
        'Save it as an image, into a namespace where the viewer may make images. Not while it is paused, stopped or being saved.',
    },
  },
});
