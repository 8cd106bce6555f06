/** Files that tools keep credentials in, by their names or by the ends of their paths. */
const ENDINGS: ReadonlySet<string> = new Set([
  '.netrc',
  '.git-credentials',
  '.config/git/credentials',
  '.config/gh/hosts.yml',
  '.aws/credentials',
  '.aliyun/config.json',
  '.alibabacloud/credentials',
  '.tccli/default.credential',
  '.docker/config.json',
  '.dockercfg',
  'containers/auth.json',
  '.kube/config',
  '.pypirc',
  'etc/pip.conf',
  '.config/pip/pip.conf',
  '.pip/pip.conf',
  '.condarc',
  '.npmrc',
  '.cargo/credentials',
  '.cargo/credentials.toml',
  '.kaggle/kaggle.json',
  '.config/kaggle/kaggle.json',
  '.huggingface/token',
  'huggingface/token',
  'huggingface/stored_tokens',
  '.cdsapirc',
  '.mlflow/credentials',
  '.config/gcloud/access_tokens.db',
  '.config/rclone/rclone.conf',
  '.rclone.conf',
  '.s3cfg',
  '.boto',
  '.mc/config.json',
  '.cos.conf',
  '.ossutilconfig',
  '.obsutilconfig',
  '.databrickscfg',
  '.pgpass',
  '.my.cnf',
  '.vault-token',
  '.Renviron',
  '.env',
  '.envrc',
  '.streamlit/secrets.toml',
  '.config/code-server/config.yaml',
  '.jupyter/jupyter_server_config.json',
  '.jupyter/jupyter_notebook_config.json',
  'jupyter_cookie_secret',
  'notebook_cookie_secret',
  'jupyter/notebook_secret',
  'etc/apt/auth.conf',
]);

interface Pattern {
  /** Parts of the path, each of them. */
  readonly below: readonly string[];
  readonly name: RegExp;
}

/** The same where their names, or the folders below which they lie, only begin or end so. */
const KNOWN: readonly Pattern[] = [
  { below: ['/.ssh/'], name: /^(?!.*\.pub$|known_hosts|authorized_keys|(?:config|environment)$)/ },
  { below: ['/etc/ssh/'], name: /^ssh_host_.*_key$/ },
  { below: ['/.aws/sso/cache/'], name: /\.json$/ },
  { below: ['/.aws/cli/cache/'], name: /\.json$/ },
  { below: ['/.config/gcloud/'], name: /credentials/ },
  { below: ['/.config/gcloud/legacy_credentials/'], name: /./ },
  { below: ['/.azure/'], name: /token/i },
  { below: ['/.modelscope/credentials/'], name: /./ },
  { below: ['/.continuum/', '/tokens/'], name: /./ },
  // What the server's own token stands in.
  { below: ['/jupyter/runtime/'], name: /^(?:jp|nb)server-\d+(?:\.json|-open\.html)$/ },
  // What lets whoever has it run code in a kernel.
  { below: ['/jupyter/runtime/'], name: /^kernel-[\w-]+\.json$/ },
  { below: ['/etc/apt/auth.conf.d/'], name: /./ },
  { below: ['/run/secrets/'], name: /./ },
  { below: ['/etc/ssl/private/'], name: /./ },
  { below: [], name: /\.keytab$/ },
];

/** What such files are often called. */
const GUESSED: readonly Pattern[] = [
  {
    below: [],
    name: /^\.env\.(?!(?:.*[.-])?(?:example|sample|template|tmpl|tpl|dist|defaults?|schema|[cm]?[jt]s|py|md)(?:$|\.))./,
  },
  { below: [], name: /^(?!.*(?:\.pub\b|pubkey|public)).*\.key$/i },
  { below: [], name: /^(?!.*trust).*\.(?:p12|pfx|ppk|jks)$/i },
  {
    below: [],
    name: /^(?=.*\.pem$)(?!.*(?:\.pub\b|pubkey|public))(?:.*(?:key|priv)|(?!.*(?:cert|chain|bundle|root|^ca\b|^dh)))/i,
  },
];

/** What packages bring with them: certificates, and the settings and keys of tests and examples. */
const PACKAGED =
  /\/(?:site-packages|dist-packages|site-library|node_modules|gems|ca-certificates|usr\/(?:lib|share)|etc\/ssl\/certs|etc\/apt(?!\/auth\.conf)|pkg\/mod|\.cargo\/registry|lib\/python[\d.]{1,9}\/test)\/|(?:conda|mamba|forge)[^/]{0,20}\/pkgs\//i;

const fits = (path: string, name: string, patterns: readonly Pattern[]): boolean =>
  patterns.some((pattern) => pattern.below.every((part) => path.includes(part)) && pattern.name.test(name));

/** How sure is it by a file's name that it holds credentials? `null`: nothing says so. */
function certaintyOf(path: string): 'known' | 'guessed' | null {
  const parts = path.split('/');
  const name = parts.at(-1) ?? '';
  const isNamed = [1, 2, 3].some((count) => ENDINGS.has(parts.slice(-count).join('/')));
  const isKnown = isNamed || fits(path, name, KNOWN);
  if ((!isKnown && !fits(path, name, GUESSED)) || PACKAGED.test(path)) return null;
  return isKnown ? 'known' : 'guessed';
}

/**
 * The files among what a container has changed that by their names hold credentials. PURE.
 *
 * @param paths absolute, folders among them
 * @param mounts what nothing is saved of, though the engine makes an empty file or folder there
 * @returns first those that tools keep credentials in, then those that are only called so; each in the order of their paths
 */
export function credentialFilesAmong(paths: readonly string[], mounts: readonly string[]): string[] {
  const found = new Map<string, 'known' | 'guessed'>();
  for (const path of paths) {
    const certainty = certaintyOf(path);
    if (certainty !== null) found.set(path, certainty);
  }
  for (const mount of mounts) found.delete(mount);
  for (const path of [...paths, ...mounts]) found.delete(path.slice(0, path.lastIndexOf('/')));
  const sorted = [...found.keys()].sort();
  return (['known', 'guessed'] as const).flatMap((wanted) =>
    sorted.filter((path) => found.get(path) === wanted),
  );
}
