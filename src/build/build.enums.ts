import { registerEnumType } from 'type-graphql';
import {
  BuildResourceType,
  BuildType,
  ImageBuildFailureReason,
  ImageBuildKind,
  ImageBuildPhase,
  ImageBuildPriority,
  ImageBuildStatus,
  ImageBuildStepStatus,
  LogGapReason,
  LogStream,
  RegistryType,
} from '../shared/enums.ts';

export const ImageBuildOrderField = { CREATED_AT: 'CREATED_AT' } as const;
export type ImageBuildOrderField = keyof typeof ImageBuildOrderField;

export const ImageBuildPermission = { READ: 'READ', CANCEL: 'CANCEL', RETRY: 'RETRY' } as const;
export type ImageBuildPermission = keyof typeof ImageBuildPermission;

export const FileEncoding = { UTF8: 'UTF8', BASE64: 'BASE64' } as const;
export type FileEncoding = keyof typeof FileEncoding;

export const NotebookStatus = {
  RUNNING: 'RUNNING',
  SAVING: 'SAVING',
  PAUSED: 'PAUSED',
  STOPPED: 'STOPPED',
} as const;
export type NotebookStatus = keyof typeof NotebookStatus;

registerEnumType(ImageBuildKind, {
  name: 'ImageBuildKind',
  description: 'What an image is built from.',
  valuesConfig: {
    DOCKERFILE: { description: 'A Dockerfile.' },
    PACKAGES: { description: 'Lists of packages, installed on a base image.' },
    NOTEBOOK: { description: 'A running notebook.' },
  },
});
registerEnumType(BuildType, {
  name: 'BuildType',
  description: 'What a build request describes.',
  valuesConfig: {
    PACKAGE_INSTALLATION: { description: 'A base image, and lists of packages to install on it.' },
    CUSTOM_DOCKERFILE: { description: 'A Dockerfile, with the files it copies.' },
  },
});
registerEnumType(BuildResourceType, {
  name: 'BuildResourceType',
  description: 'A kind of subscribed resources.',
  valuesConfig: { LINGJUN: { description: 'Intelligent computing resources.' } },
});
registerEnumType(RegistryType, {
  name: 'RegistryType',
  description: 'A kind of registry.',
  valuesConfig: {
    OCI: { description: 'Any registry of the OCI distribution specification.' },
    ACR_ENTERPRISE: { description: 'A Container Registry Enterprise Edition instance.' },
  },
});
registerEnumType(ImageBuildPriority, {
  name: 'ImageBuildPriority',
  description: 'Which builds workers take first. Among equals the namespaces take turns.',
  valuesConfig: {
    LOW: { description: 'Behind all others: for builds in bulk.' },
    NORMAL: { description: 'As most builds.' },
    HIGH: { description: 'Before all others; for administrators only.' },
  },
});
registerEnumType(ImageBuildStatus, {
  name: 'ImageBuildStatus',
  description:
    'Where a build stands in its life. SUCCEEDED, FAILED, CANCELED, TIMED_OUT and EXPIRED are final.',
  valuesConfig: {
    QUEUED: { description: 'It waits for a worker.' },
    RUNNING: { description: 'A worker runs it.' },
    CANCELING: { description: 'It was cancelled and is being stopped.' },
    SUCCEEDED: { description: 'The image is pushed, checked and ACTIVE.' },
    FAILED: { description: 'It failed; see failure.' },
    CANCELED: { description: 'It was cancelled.' },
    TIMED_OUT: { description: 'It took longer than its limit.' },
    EXPIRED: { description: 'It waited too long for a worker.' },
  },
});
registerEnumType(ImageBuildPhase, {
  name: 'ImageBuildPhase',
  description: 'What a running build is doing.',
  valuesConfig: {
    PREPARING: { description: 'A worker has taken it.' },
    BUILDING: { description: 'The engine runs the Dockerfile.' },
    COMMITTING: {
      description:
        'The engine copies what the notebook has written into a layer; unless `pause` is false, the notebook stands still meanwhile.',
    },
    EXPORTING: {
      description:
        'The engine puts the image together; a notebook runs again by then. Left out where one was not paused.',
    },
    PUSHING: { description: 'The image goes to the registry.' },
    REGISTERING: { description: 'The registry has it; the catalogue is being told.' },
  },
});
registerEnumType(ImageBuildStepStatus, {
  name: 'ImageBuildStepStatus',
  description: 'Where a step stands.',
  valuesConfig: {
    PENDING: { description: 'Not begun.' },
    RUNNING: { description: 'Begun and not ended.' },
    SUCCEEDED: { description: 'Done, or taken from the cache.' },
    FAILED: { description: 'It ended the build.' },
    CANCELED: { description: 'Interrupted with the build.' },
  },
});
registerEnumType(ImageBuildFailureReason, {
  name: 'ImageBuildFailureReason',
  description: 'Why a build did not succeed, for a program.',
  valuesConfig: {
    DOCKERFILE_INVALID: { description: 'The engine could not read the Dockerfile.' },
    BASE_IMAGE_NOT_FOUND: {
      description:
        'A registry does not know a base image, or does not let us have it; of a notebook: the engine has the image no more that it was started from.',
    },
    STEP_FAILED: { description: 'A step ended with an exit code that is not 0.' },
    OUT_OF_MEMORY: { description: 'A step was killed for want of memory.' },
    TIMED_OUT: { description: 'The build took longer than its limit.' },
    PUSH_DENIED: { description: 'The registry refused the push.' },
    REGISTRY_UNAVAILABLE: { description: 'A registry did not answer, also after several tries.' },
    TAG_EXISTS: { description: 'The tag exists and was not to be overwritten.' },
    NAME_TAKEN: {
      description: 'Another image took the name while this one was built, or a built-in one has it.',
    },
    NOTEBOOK_GONE: { description: "The notebook's container was removed." },
    NOTEBOOK_NOT_RUNNING: { description: 'The notebook had stopped, or somebody had paused it.' },
    ENGINE_UNAVAILABLE: { description: 'The container engine did not answer, also after several tries.' },
    WORKER_LOST: { description: 'Two workers were lost while they ran it.' },
    DISK_FULL: { description: 'The engine has no space left.' },
    QUOTA_EXCEEDED: {
      description:
        'Its namespace or workspace had no room for the image when it was done, or a saved notebook has more layers or bytes than the operator allows: the message says whose limit, and how much was used.',
    },
    CANCELED: { description: 'Somebody cancelled it.' },
    EXPIRED: { description: 'It waited too long for a worker.' },
    INTERNAL: { description: 'A fault of ours.' },
  },
});
registerEnumType(LogStream, {
  name: 'LogStream',
  description: 'Where a line of a log comes from.',
  valuesConfig: {
    STDOUT: { description: "A step's standard output." },
    STDERR: { description: "A step's standard error." },
    SYSTEM: { description: 'Slipway itself.' },
  },
});
registerEnumType(LogGapReason, {
  name: 'LogGapReason',
  description: 'Why lines are missing from a log.',
  valuesConfig: {
    LIMIT_EXCEEDED: { description: 'A limit on the length or the speed of a log cut them.' },
    EXPIRED: { description: 'They were kept only for so long.' },
  },
});
registerEnumType(ImageBuildOrderField, {
  name: 'ImageBuildOrderField',
  description: 'What a list of builds is ordered by; ties are broken by id.',
  valuesConfig: { CREATED_AT: { description: 'When the build was asked for.' } },
});
registerEnumType(ImageBuildPermission, {
  name: 'ImageBuildPermission',
  description: 'What the viewer may do with a build.',
  valuesConfig: {
    READ: { description: 'See it and its log.' },
    CANCEL: { description: 'Cancel it.' },
    RETRY: { description: 'Try it once more.' },
  },
});
registerEnumType(FileEncoding, {
  name: 'FileEncoding',
  description: "How a file's content is written.",
  valuesConfig: {
    UTF8: { description: 'As text.' },
    BASE64: { description: 'As base64, for bytes that are no text.' },
  },
});
registerEnumType(NotebookStatus, {
  name: 'NotebookStatus',
  description: 'What a notebook is doing.',
  valuesConfig: {
    RUNNING: { description: 'It runs and can be saved.' },
    SAVING: {
      description:
        'A build saves it, or waits for its turn to; it stands still only while the engine copies its files.',
    },
    PAUSED: { description: 'Somebody paused it; it has to be resumed before it can be saved.' },
    STOPPED: { description: 'It does not run.' },
  },
});
