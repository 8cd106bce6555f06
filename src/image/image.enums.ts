import { registerEnumType } from 'type-graphql';
import {
  Architecture,
  DevService,
  FlavorType,
  ImageOrigin,
  ImageStatus,
  ImageType,
  ImportMode,
  ParameterKind,
  ResourceCategory,
  ServiceType,
} from '../shared/enums.ts';

export const ImageOrderField = {
  CREATED_AT: 'CREATED_AT',
  UPDATED_AT: 'UPDATED_AT',
  NAME: 'NAME',
  SIZE: 'SIZE',
} as const;
export type ImageOrderField = keyof typeof ImageOrderField;

export const ImagePermission = {
  READ: 'READ',
  UPDATE: 'UPDATE',
  DELETE: 'DELETE',
  RESTORE: 'RESTORE',
  PURGE: 'PURGE',
  SHARE: 'SHARE',
} as const;
export type ImagePermission = keyof typeof ImagePermission;

registerEnumType(Architecture, {
  name: 'Architecture',
  description: 'The processor architecture that an image runs on.',
  valuesConfig: {
    X86_64: { description: '64-bit x86; amd64 in OCI words.' },
    AARCH64: { description: '64-bit Arm; arm64 in OCI words.' },
  },
});
registerEnumType(ImageOrigin, {
  name: 'ImageOrigin',
  description: 'Where an image comes from; of a registered one, as whoever registered it says.',
  valuesConfig: {
    CUSTOMIZE: { description: 'Registered by a user.' },
    IMAGE_SAVE: { description: 'Saved from a running notebook.' },
    BUILD: { description: 'Built here from a Dockerfile.' },
  },
});
registerEnumType(ImageType, {
  name: 'ImageType',
  description: 'Whose image it is.',
  valuesConfig: {
    BUILD_IN: { description: "The platform's own; read-only." },
    DEDICATED: { description: "A user's." },
  },
});
registerEnumType(ImageStatus, {
  name: 'ImageStatus',
  description: 'Where an image stands in its life.',
  valuesConfig: {
    INIT: { description: 'A save was asked for and waits.' },
    CREATING: { description: 'It is being made.' },
    ACTIVE: { description: 'It can be pulled.' },
    CREATE_FAILED: { description: 'It could not be made; statusMessage says why. Its name is free again.' },
    ERROR: {
      description: 'The registry did not have it when it was asked last: see updateImage with verify.',
    },
    DELETED: { description: 'Taken out of the catalogue.' },
  },
});
registerEnumType(ServiceType, {
  name: 'ServiceType',
  description: 'What an image is for.',
  valuesConfig: {
    COMMON: { description: 'Anything.' },
    INFERENCE: { description: 'Serving a model.' },
    TRAIN: { description: 'Training a model.' },
    DEV: { description: 'Developing and debugging.' },
    UNKNOWN: { description: 'Nobody said.' },
  },
});
registerEnumType(DevService, {
  name: 'DevService',
  description: 'How a container of the image can be reached for development.',
  valuesConfig: {
    NOTEBOOK: { description: 'As a notebook over HTTPS.' },
    SSH: { description: 'From a local IDE over SSH.' },
  },
});
registerEnumType(ResourceCategory, {
  name: 'ResourceCategory',
  description: 'The kind of machine that an image runs on.',
  valuesConfig: {
    CPU: { description: 'Processors alone.' },
    GPU: { description: 'Graphics processors.' },
    ASCEND: { description: 'Ascend processors.' },
  },
});
registerEnumType(ImageOrderField, {
  name: 'ImageOrderField',
  description: 'What a list of images is ordered by; ties are broken by id.',
  valuesConfig: {
    CREATED_AT: { description: 'When it came into the catalogue.' },
    UPDATED_AT: { description: 'When it was changed last.' },
    NAME: { description: "The catalogue name, by the letters' codes." },
    SIZE: { description: 'The size; what has none yet counts as the smallest.' },
  },
});
registerEnumType(ImagePermission, {
  name: 'ImagePermission',
  description: 'What the viewer may do with an image.',
  valuesConfig: {
    READ: { description: 'See and pull it.' },
    UPDATE: { description: 'Change what is said about it.' },
    DELETE: { description: 'Take it out of the catalogue.' },
    RESTORE: { description: 'Bring a deleted one back.' },
    PURGE: { description: 'Remove a deleted one for good.' },
    SHARE: { description: 'Say who may see it.' },
  },
});
registerEnumType(FlavorType, {
  name: 'FlavorType',
  description: 'An Ascend chip.',
  valuesConfig: {
    ASCEND_SNT9: { description: 'Ascend 910.' },
    ASCEND_SNT9B: { description: 'Ascend 910B.' },
    ASCEND_SNT3: { description: 'Ascend 310.' },
  },
});
registerEnumType(ParameterKind, {
  name: 'ParameterKind',
  description: "Which of an image's three lists a parameter stands in.",
  valuesConfig: {
    INPUT: { description: '{{inputs.name}}: what the command works on.' },
    OUTPUT: { description: '{{outputs.name}}: where it puts its results.' },
    CONFIG: { description: '{{configs.name}}: how it works.' },
  },
});
registerEnumType(ImportMode, {
  name: 'ImportMode',
  description: 'What becomes of an import in which some rows are wrong.',
  valuesConfig: {
    ATOMIC: { description: 'Nothing is written.' },
    PARTIAL: { description: 'The rows that are right are written, in one transaction.' },
  },
});
