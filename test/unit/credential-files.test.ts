import { describe, expect, it } from 'vitest';
import { credentialFilesAmong, looksLikeCredentials } from '../../src/notebook/credential-files.rules.ts';

const HOME = '/home/jovyan';

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
    '/run/secretsfile',
    `${HOME}/run/secret/token`,
    `${HOME}/.local/share/jupyter/runtime/kernel-1.json`,
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

  it('are found among more names than an engine tells of, quickly', () => {
    const paths = Array.from(
      { length: 200_000 },
      (_, i) => `/home/jovyan/work/part-${i}/.ssh/x/${'a'.repeat(20)}`,
    );
    const long = `/${'.ssh/id_/.env.'.repeat(500_000)}`;
    const since = performance.now();
    expect(credentialFilesAmong([...paths, long], [])).toEqual([]);
    expect(performance.now() - since).toBeLessThan(5000);
  });
});
