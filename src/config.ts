import { join, resolve } from 'node:path';
import ipaddr from 'ipaddr.js';
import { z } from 'zod';

/** Everything that an operator can set, read once at the start and passed on as values; no other file reads the environment. */
export interface Config {
  /** Where the HTTP and WebSocket server listens. Port 0 takes any free one. */
  readonly http: {
    readonly host: string;
    readonly port: number;
    readonly maxBodyBytes: number;
    /** Pages of these origins, besides our own, may call the API, e.g. `https://platform.example`. */
    readonly origins: readonly string[];
    /** Addresses and CIDR blocks of the proxies whose `X-Forwarded-For` is believed. */
    readonly trustedProxies: readonly string[];
    /** Is the GraphiQL page served? */
    readonly graphiql: boolean;
  };
  /** What operations may be and cost, on both edges. */
  readonly operations: {
    readonly introspection: boolean;
    /** The file of the documents that may be executed, and no others; `null`: any document. */
    readonly documentsFile: string | null;
    readonly maxCost: number;
    /** How much each viewer may spend a minute, in this process; `null`: any amount. */
    readonly costPerMinute: number | null;
    /** Sockets that each viewer may have open in this process. */
    readonly maxSockets: number;
    /** Operations that each viewer may have running in this process, subscriptions among them. */
    readonly maxRunning: number;
  };
  /** Whose JWTs sign in; `null`: nobody's. */
  readonly oidc: {
    readonly issuer: string;
    readonly audience: string;
    /** The claim that names a user on first sight. */
    readonly usernameClaim: string;
    /** The longest life of the access tokens that people make who have signed in by a JWT, and the one they have if nothing is said. */
    readonly tokenDays: number;
  } | null;
  /** The folder for everything that Slipway keeps on this machine: embedded database, engine, registry, generated secrets. */
  readonly dataDir: string;
  /** `null`: an embedded PostgreSQL in the data folder. */
  readonly databaseUrl: string | null;
  /** The container engine's endpoint (`unix:///…` or `tcp://…`); `null`: find one, else start one, else go without. */
  readonly engineEndpoint: string | null;
  /** Where built images are pushed, `host[:port]`; `null`: a private registry on loopback. */
  readonly registryHost: string | null;
  /** Which registries besides that one may be asked about a reference that a user wants verified. */
  readonly verify: {
    /** Every host at public addresses. */
    readonly publicHosts: boolean;
    /** These, wherever they are: `host[:port]`, or `http://host[:port]` for plain HTTP. */
    readonly hosts: readonly string[];
  };
  /** Which registries besides Slipway's own the bases of builds may come from. */
  readonly bases: {
    /** Every host on the public internet. */
    readonly publicHosts: boolean;
    /** These, wherever they are: `host[:port]`. */
    readonly hosts: readonly string[];
  };
  /** May missing Debian packages be installed? */
  readonly mayInstall: boolean;
  /** Which builder runs a Dockerfile: `auto` takes the classic one, whose log is whole, unless the Dockerfile needs BuildKit. */
  readonly builder: 'auto' | 'classic' | 'buildkit';
  readonly build: {
    /** How many builds one worker runs at once. */
    readonly slots: number;
    /** A build's time limit where its request gives none. */
    readonly defaultTimeoutMs: number;
    /** The longest time limit that a request may ask for. */
    readonly maxTimeoutMs: number;
    /** How long a stopping worker lets running builds go on before it gives them back to the queue. */
    readonly drainMs: number;
    /** How long a registry may say nothing during a push before that try of it has failed. */
    readonly pushSilenceMs: number;
    /** What the steps of builds are connected to: `default`, `none`, or the name of one of the engine's networks. */
    readonly network: string;
    /** The most that each step of a build may use, whatever its request asks for; `null`: as much as there is. */
    readonly mostMemoryBytes: number | null;
    readonly mostCpus: number | null;
    /** How long a build may wait for a worker before it is EXPIRED. */
    readonly queueTimeoutMs: number;
    /** How many builds of one namespace run at once, on all workers; `null`: as many as there are slots. */
    readonly namespaceSlots: number | null;
    /** A longer log keeps its head and its tail. */
    readonly maxLogBytes: number;
    /** How long the log of a build that has ended is kept, and the build itself; `null`: for ever. */
    readonly logRetentionMs: number | null;
    readonly retentionMs: number | null;
  };
  /** What a saved notebook may have. */
  readonly save: {
    /** Layers of the image: engines cannot run one that has more than 125. */
    readonly maxLayers: number;
    /** Uncompressed bytes of the image, as the engine estimates them; `null`: any number. */
    readonly maxBytes: number | null;
  };
  /** The labels by which running containers are recognised as notebooks. */
  readonly notebookLabels: {
    readonly id: string;
    readonly name: string;
    readonly workspace: string;
    readonly owner: string;
  };
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error' | 'silent';
  readonly secrets: {
    /** The token of the user `admin`; `null`: one is generated and kept in the data folder. */
    readonly adminToken: string | null;
    /** 32 bytes that seal the secrets of builds at rest; `null`: made once and kept in the data folder. */
    readonly key: Buffer | null;
    /** `user:password` for the registry, where it asks for them. */
    readonly registryAuth: string | null;
    /** `user:password` by `host[:port]`, for verifying references to other registries. */
    readonly registryAuths: Readonly<Record<string, string>>;
  };
}

/** The configuration is not usable; `problems` names every variable that is wrong, what is wrong and what would be right. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  constructor(readonly problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem(s):\n${problems.map((p) => `  - ${p}`).join('\n')}`,
    );
  }
}

const wholeNumber = (min: number, max: number, fallback: number) =>
  z
    .string()
    .regex(/^\d+$/, `must be a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((n) => n >= min && n <= max, `must be a whole number from ${min} to ${max}`)
    .default(fallback);

const endpoint = z
  .string()
  .regex(/^(unix:\/\/\/|tcp:\/\/).+/, 'must be like unix:///run/docker.sock or tcp://host:2375');
const label = (fallback: string) =>
  z
    .string()
    .regex(/^[a-zA-Z0-9][a-zA-Z0-9._/-]*$/, 'must be a container label key')
    .default(fallback);

/** On or off. */
const isOn = (fallback: 'on' | 'off') =>
  z
    .enum(['on', 'off'], 'must be on or off')
    .default(fallback)
    .transform((word) => word === 'on');

/** The parts of a list with commas; blanks around them do not count. */
const list = z.string().transform((text) => text.split(',').map((part) => part.trim()));

/** `host[:port]`, as references have it. */
const isRegistryHost = (text: string) =>
  /^([a-zA-Z0-9.-]+|\[[0-9a-fA-F:]+\])(:\d{1,5})?$/.test(text) && URL.canParse(`https://${text}`);

const verifyHosts = list
  .refine(
    (parts) => parts.every((part) => part === 'public' || isRegistryHost(part.replace(/^http:\/\//, ''))),
    'must be a list with commas of: public, host, host:port, http://host:port; or none',
  )
  .refine((parts) => !parts.includes('none') || parts.length === 1, 'must be none or a list, not both')
  .transform((parts) => ({
    publicHosts: parts.includes('public'),
    hosts: parts.filter((part) => part !== 'public' && part !== 'none'),
  }));

const baseHosts = verifyHosts.refine(
  ({ hosts }) => hosts.every((host) => !host.startsWith('http://')),
  'must have hosts without http://: the engine itself decides how it asks them',
);

/** As browsers name where a page comes from: scheme, host and port, and nothing behind. */
const isOrigin = (text: string) => /^https?:/.test(text) && URL.parse(text)?.origin === text;

/** An address, or a CIDR block; not one of all there are, which would have everybody believed. */
const isNetwork = (text: string) =>
  ipaddr.isValid(text) || (ipaddr.isValidCIDR(text) && !text.endsWith('/0'));

const issuer = z
  .string()
  .max(255, 'must have at most 255 characters')
  .refine((text) => {
    const url = URL.parse(text);
    return /^https?:$/.test(url?.protocol ?? '') && url?.search === '' && url.hash === '';
  }, 'must be like https://login.example/realm, without ? and #')
  .optional();

const registryAuths = list
  .transform((parts) => parts.map((part) => /^([^=]+)=([^:]+:.+)$/.exec(part)?.slice(1) ?? ['', '']))
  .refine(
    (pairs) => pairs.every(([host = '']) => isRegistryHost(host)),
    'must be a list with commas of host=user:password; a password may have an equals sign, but no comma',
  )
  .transform((pairs): Record<string, string> => Object.fromEntries(pairs));

const Environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535, 4000),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be like postgresql://user:password@host:5432/database')
    .optional(),
  DOCKER_HOST: endpoint.optional(),
  SLIPWAY_DATA_DIR: z.string().default(join('.slipway', 'data')),
  SLIPWAY_REGISTRY: z
    .string()
    .regex(/^[a-zA-Z0-9.-]+(:\d{1,5})?$/, 'must be host or host:port, without a scheme or a path')
    .optional(),
  SLIPWAY_REGISTRY_AUTH: z
    .string()
    .regex(/^[^:]+:.+/, 'must be user:password')
    .optional(),
  SLIPWAY_REGISTRY_AUTHS: registryAuths.default({}),
  SLIPWAY_VERIFY_HOSTS: verifyHosts.default({ publicHosts: true, hosts: [] }),
  SLIPWAY_INSTALL: z.enum(['yes', 'no'], 'must be yes or no').default('yes'),
  SLIPWAY_BASE_HOSTS: baseHosts.default({ publicHosts: true, hosts: [] }),
  SLIPWAY_BUILDER: z
    .enum(['auto', 'classic', 'buildkit'], 'must be auto, classic or buildkit')
    .default('auto'),
  SLIPWAY_ADMIN_TOKEN: z
    .string()
    .trim()
    .min(32, 'must have 32 characters or more')
    .regex(/^[\x20-\x7e\xa0-\xff]*$/, 'must have characters of Latin-1 only: an HTTP header holds no other')
    .optional(),
  SLIPWAY_SECRET_KEY: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be 64 hexadecimal digits, as `openssl rand -hex 32` prints them')
    .transform((hex) => Buffer.from(hex, 'hex'))
    .optional(),
  OIDC_ISSUER: issuer,
  OIDC_AUDIENCE: z.string().optional(),
  OIDC_USERNAME_CLAIM: z.string().default('preferred_username'),
  OIDC_TOKEN_DAYS: wholeNumber(1, 36_500, 90),
  SLIPWAY_ORIGINS: list
    .refine(
      (parts) => parts.every(isOrigin),
      'must be a list with commas of origins such as https://platform.example, without a path',
    )
    .default([]),
  SLIPWAY_TRUSTED_PROXIES: list
    .refine((parts) => parts.every(isNetwork), 'must be a list with commas of addresses and CIDR blocks')
    .default([]),
  SLIPWAY_GRAPHIQL: isOn('on'),
  SLIPWAY_INTROSPECTION: isOn('on'),
  SLIPWAY_DOCUMENTS: z.string().optional(),
  SLIPWAY_MAX_COST: wholeNumber(100, 1_000_000, 10_000),
  SLIPWAY_RATE_LIMIT: wholeNumber(0, 1_000_000_000, 600_000),
  SLIPWAY_MAX_SOCKETS: wholeNumber(1, 100_000, 100),
  SLIPWAY_MAX_RUNNING: wholeNumber(1, 100_000, 1000),
  SLIPWAY_LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], 'must be debug, info, warn, error or silent')
    .default('warn'),
  SLIPWAY_MAX_BODY_BYTES: wholeNumber(1024, 1_073_741_824, 33_554_432),
  SLIPWAY_BUILD_SLOTS: wholeNumber(1, 64, 2),
  SLIPWAY_BUILD_TIMEOUT_SECONDS: wholeNumber(1, 86_400, 3600),
  SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS: wholeNumber(1, 82_800, 21_600),
  SLIPWAY_DRAIN_SECONDS: wholeNumber(0, 3600, 20),
  SLIPWAY_PUSH_SILENCE_SECONDS: wholeNumber(1, 3600, 60),
  SLIPWAY_BUILD_NETWORK: z
    .string()
    .regex(/^[a-zA-Z0-9][\w.-]*$/, 'must be default, none or the name of a network of the engine')
    .refine(
      (name) => name !== 'host',
      "must not be host: steps would reach what listens on this machine's loopback, the registry and the database among it",
    )
    .default('default'),
  SLIPWAY_BUILD_MEMORY_BYTES: wholeNumber(0, 2 ** 50, 0),
  SLIPWAY_BUILD_CPUS: wholeNumber(0, 1024, 0),
  SLIPWAY_QUEUE_TIMEOUT_SECONDS: wholeNumber(1, 2_592_000, 86_400),
  SLIPWAY_NAMESPACE_SLOTS: wholeNumber(0, 10_000, 0),
  SLIPWAY_MAX_LOG_BYTES: wholeNumber(65_536, 1_099_511_627_776, 1_073_741_824),
  SLIPWAY_LOG_RETENTION_DAYS: wholeNumber(0, 36_500, 90),
  SLIPWAY_BUILD_RETENTION_DAYS: wholeNumber(0, 36_500, 0),
  SLIPWAY_MAX_SAVED_LAYERS: wholeNumber(2, 1000, 125),
  SLIPWAY_MAX_SAVED_BYTES: wholeNumber(0, Number.MAX_SAFE_INTEGER, 0),
  SLIPWAY_NOTEBOOK_LABEL: label('slipway.notebook'),
  SLIPWAY_NOTEBOOK_NAME_LABEL: label('slipway.notebook.name'),
  SLIPWAY_NOTEBOOK_WORKSPACE_LABEL: label('slipway.workspace'),
  SLIPWAY_NOTEBOOK_OWNER_LABEL: label('slipway.owner'),
  // Those of `npm run example`, which reads the same file .env; the server does nothing with them.
  SLIPWAY_URL: z.string().optional(),
  SLIPWAY_TOKEN: z.string().optional(),
});

/** The variables that {@link readConfig} knows: the README's table and `.env.example` are held against this list by a test. */
export const ENVIRONMENT_VARIABLES: readonly string[] = Object.keys(Environment.shape);

/** One of the two alone: nobody could sign in, or with a token that the issuer has made for any other service. */
function oidcProblems(set: Readonly<Record<string, string | undefined>>): string[] {
  const pair = ['OIDC_ISSUER', 'OIDC_AUDIENCE'] as const;
  const missing = pair.filter((name) => set[name] === undefined);
  if (missing.length !== 1) return [];
  const [given] = pair.filter((name) => set[name] !== undefined);
  return [`${missing[0]}: must be set with ${given}: together they say whose tokens, made for what, sign in`];
}

/** 0 means for ever. */
const days = (count: number) => (count === 0 ? null : count * 86_400_000);

/**
 * Reads the configuration from environment variables. An empty variable counts as one that is not set.
 *
 * @param env the variables, usually `process.env`
 * @param projectDir what a relative `SLIPWAY_DATA_DIR` is relative to
 * @throws ConfigError naming every variable that cannot be used
 */
export function readConfig(env: Readonly<Record<string, string | undefined>>, projectDir: string): Config {
  const set = Object.fromEntries(
    Object.entries(env).filter(([, value]) => value !== undefined && value !== ''),
  );
  const misspelt = Object.keys(set)
    .filter((name) => name.startsWith('SLIPWAY_') && !(name in Environment.shape))
    .map((name) => `${name}: there is no such variable; see .env.example`);
  const parsed = Environment.safeParse(set);
  const tooLong =
    parsed.success &&
    parsed.data.SLIPWAY_BUILD_TIMEOUT_SECONDS > parsed.data.SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS;
  const problems = [
    ...(parsed.success
      ? []
      : parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`)),
    ...(tooLong
      ? [
          `SLIPWAY_BUILD_TIMEOUT_SECONDS: must be at most SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS, ${parsed.data.SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS}`,
        ]
      : []),
    ...oidcProblems(set),
    ...misspelt,
  ];
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  const e = parsed.data;
  return {
    http: {
      host: e.HOST,
      port: e.PORT,
      maxBodyBytes: e.SLIPWAY_MAX_BODY_BYTES,
      origins: e.SLIPWAY_ORIGINS,
      trustedProxies: e.SLIPWAY_TRUSTED_PROXIES,
      // Where only known documents are executed, a page for writing others is of no use.
      graphiql: e.SLIPWAY_GRAPHIQL && e.SLIPWAY_DOCUMENTS === undefined,
    },
    operations: {
      introspection: e.SLIPWAY_INTROSPECTION,
      documentsFile: e.SLIPWAY_DOCUMENTS === undefined ? null : resolve(projectDir, e.SLIPWAY_DOCUMENTS),
      maxCost: e.SLIPWAY_MAX_COST,
      costPerMinute: e.SLIPWAY_RATE_LIMIT === 0 ? null : e.SLIPWAY_RATE_LIMIT,
      maxSockets: e.SLIPWAY_MAX_SOCKETS,
      maxRunning: e.SLIPWAY_MAX_RUNNING,
    },
    oidc:
      e.OIDC_ISSUER === undefined || e.OIDC_AUDIENCE === undefined
        ? null
        : {
            issuer: e.OIDC_ISSUER,
            audience: e.OIDC_AUDIENCE,
            usernameClaim: e.OIDC_USERNAME_CLAIM,
            tokenDays: e.OIDC_TOKEN_DAYS,
          },
    dataDir: resolve(projectDir, e.SLIPWAY_DATA_DIR),
    databaseUrl: e.DATABASE_URL ?? null,
    engineEndpoint: e.DOCKER_HOST ?? null,
    registryHost: e.SLIPWAY_REGISTRY ?? null,
    verify: e.SLIPWAY_VERIFY_HOSTS,
    bases: e.SLIPWAY_BASE_HOSTS,
    mayInstall: e.SLIPWAY_INSTALL === 'yes',
    builder: e.SLIPWAY_BUILDER,
    build: {
      slots: e.SLIPWAY_BUILD_SLOTS,
      defaultTimeoutMs: e.SLIPWAY_BUILD_TIMEOUT_SECONDS * 1000,
      maxTimeoutMs: e.SLIPWAY_BUILD_MAX_TIMEOUT_SECONDS * 1000,
      drainMs: e.SLIPWAY_DRAIN_SECONDS * 1000,
      pushSilenceMs: e.SLIPWAY_PUSH_SILENCE_SECONDS * 1000,
      network: e.SLIPWAY_BUILD_NETWORK,
      mostMemoryBytes: e.SLIPWAY_BUILD_MEMORY_BYTES === 0 ? null : e.SLIPWAY_BUILD_MEMORY_BYTES,
      mostCpus: e.SLIPWAY_BUILD_CPUS === 0 ? null : e.SLIPWAY_BUILD_CPUS,
      queueTimeoutMs: e.SLIPWAY_QUEUE_TIMEOUT_SECONDS * 1000,
      namespaceSlots: e.SLIPWAY_NAMESPACE_SLOTS === 0 ? null : e.SLIPWAY_NAMESPACE_SLOTS,
      maxLogBytes: e.SLIPWAY_MAX_LOG_BYTES,
      logRetentionMs: days(e.SLIPWAY_LOG_RETENTION_DAYS),
      retentionMs: days(e.SLIPWAY_BUILD_RETENTION_DAYS),
    },
    save: {
      maxLayers: e.SLIPWAY_MAX_SAVED_LAYERS,
      maxBytes: e.SLIPWAY_MAX_SAVED_BYTES === 0 ? null : e.SLIPWAY_MAX_SAVED_BYTES,
    },
    notebookLabels: {
      id: e.SLIPWAY_NOTEBOOK_LABEL,
      name: e.SLIPWAY_NOTEBOOK_NAME_LABEL,
      workspace: e.SLIPWAY_NOTEBOOK_WORKSPACE_LABEL,
      owner: e.SLIPWAY_NOTEBOOK_OWNER_LABEL,
    },
    logLevel: e.SLIPWAY_LOG_LEVEL,
    secrets: {
      adminToken: e.SLIPWAY_ADMIN_TOKEN ?? null,
      key: e.SLIPWAY_SECRET_KEY ?? null,
      registryAuth: e.SLIPWAY_REGISTRY_AUTH ?? null,
      registryAuths: e.SLIPWAY_REGISTRY_AUTHS,
    },
  };
}
