/**
 * The words of the API's enums that the database keeps too. One place, so that entity, rule and GraphQL type agree.
 * The meaning of each value stands with its GraphQL enum.
 */
export const Role = { VIEWER: 'VIEWER', DEVELOPER: 'DEVELOPER', OWNER: 'OWNER' } as const;
export type Role = keyof typeof Role;

/** What a token may be used for. */
export const TokenScope = { READ: 'READ', WRITE: 'WRITE' } as const;
export type TokenScope = keyof typeof TokenScope;

export const UserKind = { PERSON: 'PERSON', SERVICE: 'SERVICE' } as const;
export type UserKind = keyof typeof UserKind;

/** What came of a mutation. */
export const AuditResult = {
  DONE: 'DONE',
  CHECKED: 'CHECKED',
  REFUSED: 'REFUSED',
  FORBIDDEN: 'FORBIDDEN',
  FAILED: 'FAILED',
} as const;
export type AuditResult = keyof typeof AuditResult;

export const CredentialKind = {
  ACCESS_TOKEN: 'ACCESS_TOKEN',
  JWT: 'JWT',
  OPERATOR_TOKEN: 'OPERATOR_TOKEN',
} as const;
export type CredentialKind = keyof typeof CredentialKind;

export const Visibility = { PRIVATE: 'PRIVATE', PUBLIC: 'PUBLIC' } as const;
export type Visibility = keyof typeof Visibility;

export const Architecture = { X86_64: 'X86_64', AARCH64: 'AARCH64' } as const;
export type Architecture = keyof typeof Architecture;

export const ImageOrigin = { CUSTOMIZE: 'CUSTOMIZE', IMAGE_SAVE: 'IMAGE_SAVE', BUILD: 'BUILD' } as const;
export type ImageOrigin = keyof typeof ImageOrigin;

export const ImageType = { BUILD_IN: 'BUILD_IN', DEDICATED: 'DEDICATED' } as const;
export type ImageType = keyof typeof ImageType;

export const ImageStatus = {
  INIT: 'INIT',
  CREATING: 'CREATING',
  ACTIVE: 'ACTIVE',
  CREATE_FAILED: 'CREATE_FAILED',
  ERROR: 'ERROR',
  DELETED: 'DELETED',
} as const;
export type ImageStatus = keyof typeof ImageStatus;

export const ServiceType = {
  COMMON: 'COMMON',
  INFERENCE: 'INFERENCE',
  TRAIN: 'TRAIN',
  DEV: 'DEV',
  UNKNOWN: 'UNKNOWN',
} as const;
export type ServiceType = keyof typeof ServiceType;

export const DevService = { NOTEBOOK: 'NOTEBOOK', SSH: 'SSH' } as const;
export type DevService = keyof typeof DevService;

export const ResourceCategory = { CPU: 'CPU', GPU: 'GPU', ASCEND: 'ASCEND' } as const;
export type ResourceCategory = keyof typeof ResourceCategory;

export const FlavorType = {
  ASCEND_SNT9: 'ASCEND_SNT9',
  ASCEND_SNT9B: 'ASCEND_SNT9B',
  ASCEND_SNT3: 'ASCEND_SNT3',
} as const;
export type FlavorType = keyof typeof FlavorType;

/** Which of an image's three lists a parameter stands in. */
export const ParameterKind = { INPUT: 'INPUT', OUTPUT: 'OUTPUT', CONFIG: 'CONFIG' } as const;
export type ParameterKind = keyof typeof ParameterKind;

export const ImportMode = { ATOMIC: 'ATOMIC', PARTIAL: 'PARTIAL' } as const;
export type ImportMode = keyof typeof ImportMode;

export const ImageBuildKind = {
  DOCKERFILE: 'DOCKERFILE',
  PACKAGES: 'PACKAGES',
  NOTEBOOK: 'NOTEBOOK',
} as const;
export type ImageBuildKind = keyof typeof ImageBuildKind;

export const BuildType = {
  PACKAGE_INSTALLATION: 'PACKAGE_INSTALLATION',
  CUSTOM_DOCKERFILE: 'CUSTOM_DOCKERFILE',
} as const;
export type BuildType = keyof typeof BuildType;

export const BuildResourceType = { LINGJUN: 'LINGJUN' } as const;
export type BuildResourceType = keyof typeof BuildResourceType;

export const RegistryType = { OCI: 'OCI', ACR_ENTERPRISE: 'ACR_ENTERPRISE' } as const;
export type RegistryType = keyof typeof RegistryType;

/** Which builds a worker takes first. */
export const ImageBuildPriority = { LOW: 'LOW', NORMAL: 'NORMAL', HIGH: 'HIGH' } as const;
export type ImageBuildPriority = keyof typeof ImageBuildPriority;

/** What a container engine builds a Dockerfile with. */
export const Builder = { CLASSIC: 'CLASSIC', BUILDKIT: 'BUILDKIT' } as const;
export type Builder = keyof typeof Builder;

export const ImageBuildStatus = {
  QUEUED: 'QUEUED',
  RUNNING: 'RUNNING',
  CANCELING: 'CANCELING',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
  CANCELED: 'CANCELED',
  TIMED_OUT: 'TIMED_OUT',
  EXPIRED: 'EXPIRED',
} as const;
export type ImageBuildStatus = keyof typeof ImageBuildStatus;

export const ImageBuildPhase = {
  PREPARING: 'PREPARING',
  BUILDING: 'BUILDING',
  COMMITTING: 'COMMITTING',
  EXPORTING: 'EXPORTING',
  PUSHING: 'PUSHING',
  REGISTERING: 'REGISTERING',
} as const;
export type ImageBuildPhase = keyof typeof ImageBuildPhase;

export const ImageBuildStepStatus = {
  PENDING: 'PENDING',
  RUNNING: 'RUNNING',
  SUCCEEDED: 'SUCCEEDED',
  FAILED: 'FAILED',
  CANCELED: 'CANCELED',
} as const;
export type ImageBuildStepStatus = keyof typeof ImageBuildStepStatus;

export const ImageBuildFailureReason = {
  DOCKERFILE_INVALID: 'DOCKERFILE_INVALID',
  BASE_IMAGE_NOT_FOUND: 'BASE_IMAGE_NOT_FOUND',
  STEP_FAILED: 'STEP_FAILED',
  OUT_OF_MEMORY: 'OUT_OF_MEMORY',
  TIMED_OUT: 'TIMED_OUT',
  PUSH_DENIED: 'PUSH_DENIED',
  REGISTRY_UNAVAILABLE: 'REGISTRY_UNAVAILABLE',
  TAG_EXISTS: 'TAG_EXISTS',
  NAME_TAKEN: 'NAME_TAKEN',
  NOTEBOOK_GONE: 'NOTEBOOK_GONE',
  NOTEBOOK_NOT_RUNNING: 'NOTEBOOK_NOT_RUNNING',
  ENGINE_UNAVAILABLE: 'ENGINE_UNAVAILABLE',
  WORKER_LOST: 'WORKER_LOST',
  DISK_FULL: 'DISK_FULL',
  QUOTA_EXCEEDED: 'QUOTA_EXCEEDED',
  CANCELED: 'CANCELED',
  EXPIRED: 'EXPIRED',
  INTERNAL: 'INTERNAL',
} as const;
export type ImageBuildFailureReason = keyof typeof ImageBuildFailureReason;

/** Why lines are missing from a log. */
export const LogGapReason = { LIMIT_EXCEEDED: 'LIMIT_EXCEEDED', EXPIRED: 'EXPIRED' } as const;
export type LogGapReason = keyof typeof LogGapReason;

export const LogStream = { STDOUT: 'STDOUT', STDERR: 'STDERR', SYSTEM: 'SYSTEM' } as const;
export type LogStream = keyof typeof LogStream;
