/** Files by their names, or by the ends of their paths. */
const ENDINGS: ReadonlySet<string> = new Set([
  '.netrc',
  '.git-credentials',
  '.config/git/credentials',
  '.config/gh/hosts.yml',
  '.aws/credentials',
  '.docker/config.json',
  '.dockercfg',
  'containers/auth.json',
  '.kube/config',
  '.pypirc',
  '.npmrc',
  '.cargo/credentials',
  '.cargo/credentials.toml',
  '.kaggle/kaggle.json',
  '.config/kaggle/kaggle.json',
  '.huggingface/token',
  'huggingface/token',
  'huggingface/stored_tokens',
  '.config/gcloud/access_tokens.db',
  '.config/rclone/rclone.conf',
  '.rclone.conf',
  '.s3cfg',
  '.boto',
  '.ossutilconfig',
  '.obsutilconfig',
  '.databrickscfg',
  '.pgpass',
  '.my.cnf',
  '.vault-token',
  '.Renviron',
  '.streamlit/secrets.toml',
  'jupyter_cookie_secret',
  'notebook_cookie_secret',
]);

/** Files by their names, below a folder where one is given. */
const PATTERNS: readonly { readonly below?: string; readonly name: RegExp }[] = [
  { name: /^\.env(?:\.(?!(?:example|sample|template|dist)$).+)?$/ },
  { below: '/.ssh/', name: /^id_(?!.*\.pub$)/ },
  { below: '/.aws/sso/cache/', name: /\.json$/ },
  { below: '/.config/gcloud/', name: /credentials/ },
  { below: '/.config/gcloud/legacy_credentials/', name: /./ },
  { below: '/.azure/', name: /token/i },
  // What the server's own token stands in.
  { below: '/jupyter/runtime/', name: /^(?:jp|nb)server-\d+(?:\.json|-open\.html)$/ },
  { below: '/run/secrets/', name: /./ },
  { below: '/etc/ssl/private/', name: /./ },
  { name: /\.(?:key|p12|pfx|ppk)$/ },
  { name: /^(?!.*(?:cert|chain|bundle|root|public|^ca\b|^dh)).*\.pem$/i },
];

/** What packages bring with them: certificates and settings of tests and examples. */
const PACKAGES = /\/(?:site-packages|dist-packages|node_modules|conda\/pkgs|usr\/(?:lib|share))\//;

/** Does the name of a file say that it holds credentials? PURE. */
export function looksLikeCredentials(path: string): boolean {
  const parts = path.split('/');
  const isNamed = [1, 2, 3].some((count) => ENDINGS.has(parts.slice(-count).join('/')));
  const name = parts.at(-1) ?? '';
  return (
    (isNamed || PATTERNS.some((pattern) => path.includes(pattern.below ?? '/') && pattern.name.test(name))) &&
    !PACKAGES.test(path)
  );
}

/**
 * The files among what a container has changed that by their names hold credentials. PURE.
 *
 * @param paths absolute, folders among them
 * @param mounts what nothing is saved of, though the engine makes an empty file or folder there
 */
export function credentialFilesAmong(paths: readonly string[], mounts: readonly string[]): string[] {
  const found = new Set(paths.filter(looksLikeCredentials));
  for (const mount of mounts) found.delete(mount);
  for (const path of [...paths, ...mounts]) found.delete(path.slice(0, path.lastIndexOf('/')));
  return [...found].sort();
}
