import type {
  Architecture,
  DevService,
  FlavorType,
  ParameterKind,
  ResourceCategory,
  ServiceType,
  Visibility,
} from '../../shared/enums.ts';

/** An environment variable of an image's containers. */
export interface EnvVar {
  readonly name: string;
  readonly value: string;
}

/** A port that an image's containers listen on. */
export interface Port {
  /** Unique within the image. */
  readonly name: string;
  /** 1 to 65535. */
  readonly containerPort: number;
  /** The cluster nodes' port that leads to it, 1 to 65535; `null`: none. */
  readonly nodePort: number | null;
}

/** A file or folder that is seen at another place in the container. */
export interface PathMapping {
  readonly source: string;
  readonly destination: string;
}

/** How a container of an image is started (S0, S1). Lists are in the order in which they were given. */
export interface ImageRuntime {
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly workingDir: string | null;
  readonly env: readonly EnvVar[];
  readonly ports: readonly Port[];
  /** Folders of the container that are mounted. */
  readonly mounts: readonly string[];
  /** Configuration files of the container. */
  readonly configFiles: readonly string[];
  readonly subPaths: readonly PathMapping[];
  /** From the host's file system into the container. */
  readonly hostPaths: readonly PathMapping[];
  /** Milli-cores. */
  readonly cpuRequests: number | null;
  /** GPU memory, MiB. */
  readonly gpuRequests: number | null;
  /** MiB. */
  readonly memRequests: number | null;
  /** GiB. */
  readonly pvcSize: number | null;
}

/** A value that an image's command takes (S0); what kind it is of follows from the list that it stands in. */
export interface ImageParameter {
  /** Unique within its list. */
  readonly name: string;
  /** As it came; the documents know `string`. */
  readonly type: string;
  /** The form field that asks for it, as it came; the documents know `input`. */
  readonly controls: string;
  readonly default: string | null;
  readonly displayName: string | null;
  /** Orders the form over all three lists; sparse. */
  readonly index: number;
}

/** What an image's algorithm is (S1). */
export interface Algorithm {
  /** The vendor. */
  readonly factory: string;
  readonly name: string;
  readonly type: string;
  readonly description: string | null;
  readonly eventType: number | null;
  readonly incidentId: string | null;
  readonly tvChannels: number | null;
  readonly pictures: number | null;
  /** Milliseconds. */
  readonly frameInterval: number | null;
  readonly frameNumber: number | null;
  /** As it came: the document does not say what its values mean. */
  readonly useableFlag: string | null;
}

export interface Label {
  readonly key: string;
  readonly value: string;
}

/** Everything that people say about an image, as it is kept. */
export interface ImageContent {
  readonly displayName: string | null;
  /** The owning work group (S0). */
  readonly group: string | null;
  readonly description: string | null;
  readonly architecture: Architecture | null;
  readonly visibility: Visibility;
  readonly serviceType: ServiceType;
  readonly devServices: readonly DevService[];
  readonly resourceCategories: readonly ResourceCategory[];
  readonly flavorType: FlavorType | null;
  readonly labels: readonly Label[];
  /** A decimal number, not negative, e.g. `0.50`. */
  readonly price: string | null;
  /** The address of a picture. */
  readonly cover: string | null;
  readonly runtime: ImageRuntime;
  readonly inputs: readonly ImageParameter[];
  readonly outputs: readonly ImageParameter[];
  readonly configs: readonly ImageParameter[];
  readonly algorithm: Algorithm | null;
}

export const NO_RUNTIME: ImageRuntime = {
  command: [],
  args: [],
  workingDir: null,
  env: [],
  ports: [],
  mounts: [],
  configFiles: [],
  subPaths: [],
  hostPaths: [],
  cpuRequests: null,
  gpuRequests: null,
  memRequests: null,
  pvcSize: null,
};

/** What holds of an image about which nothing is said. */
export const NO_CONTENT: ImageContent = {
  displayName: null,
  group: null,
  description: null,
  architecture: null,
  visibility: 'PRIVATE',
  serviceType: 'UNKNOWN',
  devServices: ['NOTEBOOK', 'SSH'],
  resourceCategories: [],
  flavorType: null,
  labels: [],
  price: null,
  cover: null,
  runtime: NO_RUNTIME,
  inputs: [],
  outputs: [],
  configs: [],
  algorithm: null,
};

/** What somebody says about a part of an image, or changes: absent keeps what is there, `null` clears it. */
type Changes<T> = { readonly [K in keyof T]?: T[K] | null | undefined };

/** The lists of an {@link ImageRuntime} that can also be given in the documents' string form. */
export interface RuntimeTexts {
  readonly envText: string;
  readonly portsText: string;
  readonly mountsText: string;
  readonly configFilesText: string;
  readonly subPathsText: string;
  readonly hostPathsText: string;
}

/** A port as it is given: without a port of the nodes where there is none. */
export interface GivenPort extends Omit<Port, 'nodePort'> {
  readonly nodePort?: number | null | undefined;
}

export interface RuntimeChanges extends Changes<Omit<ImageRuntime, 'ports'> & RuntimeTexts> {
  readonly ports?: readonly GivenPort[] | null | undefined;
}
export type AlgorithmChanges = Changes<Algorithm>;

/** A parameter as it is given: what is absent or `null` gets its default, the index the place in the list. */
export interface GivenParameter extends Changes<Omit<ImageParameter, 'name'>> {
  readonly name: string;
  /** May be said, but only as what the list says already. */
  readonly kind?: ParameterKind | null | undefined;
}

/** What people say about an image, or change about it. `runtime` and `algorithm` are changed part by part, lists as a whole. */
export interface ContentChanges
  extends Changes<Omit<ImageContent, 'runtime' | 'algorithm' | 'inputs' | 'outputs' | 'configs'>> {
  readonly runtime?: RuntimeChanges | null | undefined;
  readonly algorithm?: AlgorithmChanges | null | undefined;
  readonly inputs?: readonly GivenParameter[] | null | undefined;
  readonly outputs?: readonly GivenParameter[] | null | undefined;
  readonly configs?: readonly GivenParameter[] | null | undefined;
}
