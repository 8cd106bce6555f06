import { describe, expect, it } from 'vitest';
import { credentialFilesAmong } from '../../src/notebook/credential-files.rules.ts';

const HOME = '/home/jovyan';
const looksLikeCredentials = (path: string) => credentialFilesAmong([path], []).length === 1;

describe('files that by their names hold credentials', () => {
  it.each([
    '/root/.netrc',
    `${HOME}/.git-credentials`,
    `${HOME}/.config/git/credentials`,
    `${HOME}/.config/gh/hosts.yml`,
    `${HOME}/.aws/credentials`,
    `${HOME}/.aws/sso/cache/0123abcd.json`,
    `${HOME}/.ssh/id_rsa`,
    `${HOME}/.ssh/id_ed25519`,
    `${HOME}/.ssh/id_ed25519_work`,
    `${HOME}/.ssh/github`,
    `${HOME}/.ssh/keys/cluster.pem`,
    '/etc/ssh/ssh_host_ed25519_key',
    `${HOME}/.aws/cli/cache/0123abcd.json`,
    `${HOME}/.aliyun/config.json`,
    `${HOME}/.alibabacloud/credentials`,
    `${HOME}/.tccli/default.credential`,
    `${HOME}/.cos.conf`,
    `${HOME}/.modelscope/credentials/session`,
    '/etc/pip.conf',
    `${HOME}/.config/pip/pip.conf`,
    `${HOME}/.pip/pip.conf`,
    `${HOME}/.condarc`,
    '/etc/apt/auth.conf',
    '/etc/apt/auth.conf.d/private.conf',
    `${HOME}/.config/code-server/config.yaml`,
    `${HOME}/.cdsapirc`,
    `${HOME}/.mlflow/credentials`,
    `${HOME}/.jupyter/jupyter_server_config.json`,
    `${HOME}/.jupyter/jupyter_notebook_config.json`,
    `${HOME}/.continuum/anaconda-client/tokens/https%3A%2F%2Fapi.anaconda.org.token`,
    `${HOME}/.mc/config.json`,
    `${HOME}/work/.envrc`,
    `${HOME}/work/hdfs.keytab`,
    `${HOME}/work/keystore.jks`,
    `${HOME}/.docker/config.json`,
    `${HOME}/.dockercfg`,
    `${HOME}/.config/containers/auth.json`,
    `${HOME}/.kube/config`,
    `${HOME}/.pypirc`,
    `${HOME}/.npmrc`,
    `${HOME}/work/.npmrc`,
    `${HOME}/.cargo/credentials.toml`,
    `${HOME}/.kaggle/kaggle.json`,
    `${HOME}/.config/kaggle/kaggle.json`,
    `${HOME}/.huggingface/token`,
    `${HOME}/.cache/huggingface/token`,
    `${HOME}/.cache/huggingface/stored_tokens`,
    `${HOME}/.config/gcloud/application_default_credentials.json`,
    `${HOME}/.config/gcloud/credentials.db`,
    `${HOME}/.config/gcloud/access_tokens.db`,
    `${HOME}/.config/gcloud/legacy_credentials/me@example.com/adc.json`,
    `${HOME}/.azure/accessTokens.json`,
    `${HOME}/.azure/msal_token_cache.json`,
    `${HOME}/.config/rclone/rclone.conf`,
    `${HOME}/.s3cfg`,
    `${HOME}/.boto`,
    `${HOME}/.databrickscfg`,
    `${HOME}/.pgpass`,
    `${HOME}/.my.cnf`,
    `${HOME}/.Renviron`,
    `${HOME}/app/.streamlit/secrets.toml`,
    `${HOME}/work/.env`,
    `${HOME}/work/.env.production`,
    `${HOME}/work/prod.pem`,
    `${HOME}/work/privkey.pem`,
    `${HOME}/work/my-keypair.PEM`,
    `${HOME}/work/ca-key.pem`,
    `${HOME}/work/my-cert-private.pem`,
    `${HOME}/work/root-key.pem`,
    `${HOME}/work/certbot-privkey.pem`,
    `${HOME}/work/.env.local`,
    `${HOME}/work/.env.pythonic`,
    `${HOME}/work/server.key`,
    `${HOME}/work/client.p12`,
    '/etc/ssl/private/notebook.crt',
    '/run/secrets/token',
    '/run/secrets/kubernetes.io/serviceaccount/token',
    '/var/run/secrets/token',
    `${HOME}/.local/share/jupyter/runtime/jpserver-7.json`,
    `${HOME}/.local/share/jupyter/runtime/nbserver-123.json`,
    `${HOME}/.local/share/jupyter/runtime/jpserver-7-open.html`,
    `${HOME}/.local/share/jupyter/runtime/jupyter_cookie_secret`,
    `${HOME}/.local/share/jupyter/runtime/notebook_cookie_secret`,
    `${HOME}/.local/share/jupyter/runtime/kernel-6f0c1c5e-1b1f-4a53-8c4e-3d1a2b3c4d5e.json`,
    `${HOME}/.local/share/jupyter/notebook_secret`,
  ])('%s', (path) => {
    expect(looksLikeCredentials(path)).toBe(true);
  });

  it.each([
    '',
    '/',
    `${HOME}/netrc`,
    `${HOME}/.netrc.md`,
    `${HOME}/.git-credentials-helper`,
    `${HOME}/.aws/config`,
    `${HOME}/aws/credentials`,
    `${HOME}/.aws/sso/cache/readme.txt`,
    `${HOME}/.ssh/id_rsa.pub`,
    `${HOME}/.ssh/known_hosts`,
    `${HOME}/.ssh/known_hosts.old`,
    `${HOME}/.ssh/authorized_keys`,
    `${HOME}/.ssh/authorized_keys2`,
    `${HOME}/.ssh/environment`,
    `${HOME}/.sshrc/github`,
    '/etc/ssh/ssh_host_ed25519_key.pub',
    '/etc/ssh/sshd_config',
    `${HOME}/.continuum/anaconda-client/config.yaml`,
    `${HOME}/.modelscope/cache/credentials.py`,
    `${HOME}/work/pip.conf`,
    `${HOME}/work/truststore.jks`,
    `${HOME}/work/server.pub.key`,
    `${HOME}/work/public-key.pem`,
    `${HOME}/work/.env.tpl`,
    `${HOME}/work/.env.defaults`,
    `${HOME}/work/.env.py`,
    `${HOME}/work/.env.local.example`,
    `${HOME}/work/.env.example.local`,
    `${HOME}/work/.env.prod-sample`,
    `${HOME}/.ssh/config`,
    `${HOME}/work/id_mapping.csv`,
    `${HOME}/.docker/daemon.json`,
    `${HOME}/docker/config.json`,
    `${HOME}/.kube/cache/config.txt`,
    `${HOME}/kaggle.json`,
    `${HOME}/.cache/huggingface/hub/version.txt`,
    `${HOME}/.cache/huggingface/hub/models--bert/tokenizer.json`,
    `${HOME}/token`,
    `${HOME}/.config/gcloud/configurations/config_default`,
    `${HOME}/.azure/config`,
    `${HOME}/.azureml/tokens.txt`,
    `${HOME}/work/env`,
    `${HOME}/work/.env.example`,
    `${HOME}/work/.environment`,
    `${HOME}/work/.envrc.md`,
    `${HOME}/work/cacert.pem`,
    `${HOME}/work/ca.pem`,
    `${HOME}/work/fullchain.pem`,
    `${HOME}/work/roots.pem`,
    `${HOME}/work/server-public.pem`,
    `${HOME}/work/dhparams.pem`,
    `${HOME}/work/pem`,
    `${HOME}/work/keyboard.keymap`,
    '/opt/conda/lib/python3.12/site-packages/certifi/cacert.pem',
    '/opt/conda/lib/python3.12/site-packages/tornado/test/test.key',
    '/opt/conda/pkgs/nodejs-22/lib/.npmrc',
    '/usr/lib/python3/dist-packages/examples/.env',
    `${HOME}/app/node_modules/left-pad/.npmrc`,
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/ssl/certs/ACCVRAIZ1.pem',
    '/usr/local/share/ca-certificates/company.pem',
    '/etc/apt/trusted.gpg.d/nodesource.key',
    '/etc/apt/signing.key',
    '/opt/miniforge3/pkgs/python-3.12/bin/secret.key',
    '/root/.conda/pkgs/nodejs-22/.npmrc',
    '/root/.pyenv/versions/3.12.1/lib/python3.12/test/certdata/keycert.pem',
    '/root/go/pkg/mod/golang.org/x/crypto@v0.1.0/ssh/testdata/server.key',
    '/root/.cargo/registry/src/openssl-0.10/test/key.pem',
    '/var/lib/gems/3.1.0/gems/puma-6/examples/puma/puma_keypair.pem',
    '/usr/local/lib/R/site-library/openssl/keys/me.pem',
    '/run/secretsfile',
    `${HOME}/run/secret/token`,
    `${HOME}/.local/share/jupyter/runtime/jpserver-notes.json`,
    `${HOME}/jupyter/jpserver-7.json`,
    `${HOME}/Untitled.ipynb`,
  ])('but not %s', (path) => {
    expect(looksLikeCredentials(path)).toBe(false);
  });

  it('are neither folders nor what something is mounted on', () => {
    const paths = [
      '/run',
      '/run/secrets',
      '/run/secrets/kubernetes.io',
      '/run/secrets/kubernetes.io/serviceaccount',
      '/root/.kube/config',
      '/root/.netrc',
      '/work/.env',
      '/work/.env/bin',
      '/work/.env/bin/python',
    ];
    const mounts = ['/run/secrets/kubernetes.io/serviceaccount', '/root/.kube/config'];
    expect(credentialFilesAmong(paths, mounts)).toEqual(['/root/.netrc']);
  });

  it('are named in the order of how sure that is, then of their paths', () => {
    const paths = [
      '/a/server.key',
      '/b/.env.local',
      '/c/.env',
      '/d/prod.pem',
      '/root/.netrc',
      '/root/.netrc',
    ];
    expect(credentialFilesAmong(paths, [])).toEqual([
      '/c/.env',
      '/root/.netrc',
      '/a/server.key',
      '/b/.env.local',
      '/d/prod.pem',
    ]);
  });

  const isQuick = (paths: readonly string[]) => {
    const since = performance.now();
    expect(credentialFilesAmong(paths, []).length).toBeLessThan(3);
    expect(performance.now() - since).toBeLessThan(5000);
  };

  it('are found among more names than an engine tells of, quickly', () => {
    isQuick(
      Array.from({ length: 200_000 }, (_, i) => `${HOME}/work/part-${i}/ssh/.env.py/${'a'.repeat(20)}`),
    );
  });

  it.each([
    '.ssh/id_/.env.',
    'keypriv',
    '.env.',
    '/etc/apt/',
    'conda',
    '/lib/python3',
    '.pub',
    'ssh_host_',
    '/',
  ])('are found in longer names than a file can have, quickly: %s', (part) => {
    const long = `/${part.repeat(2_000_000 / part.length)}`;
    isQuick([long, `${long}/none`]);
  });
});
