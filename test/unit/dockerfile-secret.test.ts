import { describe, expect, it } from 'vitest';
import { checkDockerfile } from '../../src/build/dockerfile/dockerfile.rules.ts';
import { secretArgWarnings } from '../../src/build/dockerfile/dockerfile-secret.rules.ts';

const suspected = (text: string) =>
  checkDockerfile(`FROM a\n${text}`)
    .filter(({ code }) => code === 'SECRET_IN_ARG_OR_ENV')
    .map(({ severity, line, column, endColumn }) => [severity, line, column, endColumn]);

describe('an ARG or ENV that looks like a secret is a warning', () => {
  it.each([
    ['ARG GITHUB_TOKEN', 5, 17],
    ['ARG password=x', 5, 13],
    ['ARG DB_PASSWORD=""', 5, 16],
    ['ARG A=1 DB_PASSWORD B', 9, 20],
    ['ENV AWS_SECRET_ACCESS_KEY=x', 5, 26],
    ['ENV OPENAI_API_KEY sk', 5, 19],
    ['ENV PGPASSWORD=x', 5, 15],
    ['ENV A="b c" MY_PRIVATE_KEY="d e"', 13, 27],
    ['ENV GCP_CREDENTIALS=x', 5, 20],
    ['ENV TOKEN=$TOKEN', 5, 10],
    ['ENV NPM_AUTH=x', 5, 13],
    ['ENV X=ghp_0123456789abcdefghijklmnopqrstuvwxyz', 5, 6],
    ['ARG ID=AKIAIOSFODNN7EXAMPLE', 5, 7],
    ['ENV X="a sk-proj-0123456789abcdefghij"', 5, 6],
    ['ENV X=hf_0123456789abcdefghijklmnopqrstuvwx', 5, 6],
    ['ENV X="-----BEGIN RSA PRIVATE KEY-----"', 5, 6],
    ['ENV INDEX=https://user:hunter2@pypi.example/simple', 5, 10],
  ])('%s', (line, column, endColumn) => {
    expect(suspected(line)).toEqual([['WARNING', 2, column, endColumn]]);
  });

  it('on the line on which it stands, and before the first FROM too', () => {
    expect(suspected('ENV A=b \\\n  # why\n  API_TOKEN=c')).toEqual([['WARNING', 4, 3, 12]]);
    expect(checkDockerfile('ARG API_TOKEN\nFROM a')).toMatchObject([{ line: 1, column: 5 }]);
  });

  it('whose value is never quoted', () => {
    const text = 'FROM a\nENV API_TOKEN=hunter2 X=ghp_0123456789abcdefghijklmnopqrstuvwxyz\n';
    const messages = checkDockerfile(text).map(({ message }) => message);
    expect(messages).toEqual([
      expect.stringContaining('RUN --mount=type=secret,id=API_TOKEN'),
      expect.stringContaining('the value of ENV X'),
    ]);
    expect(messages.join()).not.toMatch(/hunter2|ghp_/);
  });
});

describe('no secret is', () => {
  it.each([
    'ENV GPG_KEY 0123456789ABCDEF',
    'ENV GPG_KEYS="0 1"',
    'ARG SSH_PUBLIC_KEY',
    'ENV DB_PASSWORD_FILE=/run/secrets/db',
    'ENV TOKEN_URL=https://x/y',
    'ENV AUTH_MODE=none KEY_ALIAS=x AWS_ACCESS_KEY_ID=$ID',
    'ENV TOKENIZERS_PARALLELISM=false MAX_TOKENS=5',
    'ENV ALLOW_EMPTY_PASSWORD=yes',
    'ENV DB_PASSWORD=""',
    'ARG S3_NO_CREDENTIALS=0',
    'ENV PWD=/x PATH=/y MONKEY=z AUTHOR=me',
    'ENV A="x API_TOKEN=y"',
    `ENV URL=https://user:\${PASSWORD}@x/`,
    'RUN API_TOKEN=x ls',
    'ENV X=sk-learn',
  ])('%s', (line) => expect(suspected(line)).toEqual([]));

  it('what the Dockerfile says is none, as BuildKit has it', () => {
    for (const rules of ['SecretsUsedInArgOrEnv', 'all', 'JSONArgsRecommended, secretsusedinargorenv']) {
      expect(checkDockerfile(`# check=skip=${rules};error=true\nFROM a\nARG TOKEN`)).toEqual([]);
    }
    expect(checkDockerfile('# check=skip=JSONArgsRecommended\nFROM a\nARG TOKEN')).toHaveLength(1);
  });
});

it('build arguments that are named like secrets get a sentence each', () => {
  expect(secretArgWarnings(['VERSION', 'NPM_TOKEN', 'TOKEN_URL'])).toEqual([
    expect.stringMatching(/NPM_TOKEN .*--mount=type=secret,id=NPM_TOKEN/),
  ]);
});
