import { createServer, get, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { NO_RUNTIME } from '../../src/image/content/image-content.ts';
import { createTestApp, type TestApp } from '../support/app.ts';
import { type Answer, type ApiClient, createApiClient } from '../support/client.ts';
import { fillCatalogue } from '../support/images.ts';
import { openSignedIn, subscribe } from '../support/raw-socket.ts';
import { setRole } from '../support/scopes.ts';
import { gate, until } from '../support/until.ts';

let slipway: TestApp;
let namespaceId: string;
/** A registry that lets who asks wait until the gate is open, and then knows nothing. */
let patience = gate();
let asked = 0;
const registry = createServer((_request, response) => {
  asked += 1;
  void patience.opened.then(() => response.writeHead(404).end());
});
const registryHost = () => `127.0.0.1:${(registry.address() as AddressInfo).port}`;
const IMAGES_OF_EACH = 8000;

beforeAll(async () => {
  await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve));
  slipway = await createTestApp({ worker: false, env: { SLIPWAY_VERIFY_HOSTS: `http://${registryHost()}` } });
  namespaceId = (
    await slipway.admin.run<{ namespace: { id: string } }>('{ namespace(name: "default") { id } }')
  ).namespace.id;
});
beforeEach(() => {
  patience = gate();
  asked = 0;
});
afterAll(async () => {
  await slipway[Symbol.asyncDispose]();
  registry.closeAllConnections();
  registry.close();
});

let names = 0;
interface Somebody {
  readonly name: string;
  readonly client: ApiClient;
}
async function somebody(role: string): Promise<Somebody> {
  names += 1;
  const name = `mallory-${names}`;
  return { name, client: await slipway.user(name, { namespace: role }) };
}

/** What is done to somebody whose request is under way. */
const revokeToken = async ({ name }: Somebody) => {
  const { user } = await slipway.admin.run<{ user: { accessTokens: { id: string }[] } }>(
    'query ($name: String!) { user(name: $name) { accessTokens { id } } }',
    { name },
  );
  const { revoked } = await slipway.admin.run<{ revoked: { userErrors: unknown[] } }>(
    'mutation ($id: ID!) { revoked: revokeAccessToken(input: { id: $id }) { userErrors { code } } }',
    { id: user.accessTokens[0]?.id },
  );
  expect(revoked.userErrors).toEqual([]);
};
const giveRole = async ({ name }: Somebody, role: string | null) =>
  await setRole(slipway.admin, 'namespace', namespaceId, name, role);
const takeScope = async ({ name }: Somebody) =>
  await slipway.database.query(
    'update access_token set can_write = false where user_id = (select id from user_account where name = $1)',
    [name],
  );

const passed = async (ms: number) => {
  const since = performance.now();
  await until(`${ms} ms to have passed`, () => performance.now() - since > ms);
};

const CREATE_TOKEN = 'createAccessToken(input: { name: "late" }) { token userErrors { code } }';
const addAccomplice = () =>
  `setNamespaceMember(input: { namespaceId: "${namespaceId}", userName: "accomplice", role: VIEWER }) {
    namespace { viewerRole } userErrors { code }
  }`;
const lateTokens = async ({ name }: Somebody) =>
  await slipway.database.query(
    "select 1 from access_token t join user_account u on u.id = t.user_id where u.name = $1 and t.name = 'late'",
    [name],
  );
const accomplices = async () =>
  await slipway.database.query(
    "select 1 from namespace_member m join user_account u on u.id = m.user_id where u.name = 'accomplice'",
  );
const begun = async ({ name }: Somebody) => {
  const query = 'query ($name: String) { auditEvents(filter: { userName: $name }) { nodes { action } } }';
  const { auditEvents } = await slipway.admin.run<{ auditEvents: { nodes: { action: string }[] } }>(query, {
    name,
  });
  return auditEvents.nodes.map(({ action }) => action);
};
const codesOf = ({ errors = [] }: Pick<Answer<unknown>, 'errors'>) =>
  errors.map(({ extensions }) => extensions['code']);

describe('a request whose body comes only when its sender may do no more', () => {
  /** Begins a request, and waits until its sender has been let in. */
  async function begin({ name, client }: Somebody, query: string) {
    const body = JSON.stringify({ query });
    const socket = connect(Number(new URL(slipway.url).port), '127.0.0.1');
    const answered = text(socket);
    const head = [
      'POST /graphql HTTP/1.1',
      'Host: slipway',
      'Connection: close',
      'Content-Type: application/json',
      `Authorization: Bearer ${client.token}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    socket.write(`${head.join('\r\n')}\r\n\r\n${body.slice(0, 10)}`);
    const uses = `select 1 from access_token t join user_account u on u.id = t.user_id
      where u.name = $1 and t.last_used_at is not null`;
    await until(`${name} to be let in`, async () => (await slipway.database.query(uses, [name])).length > 0);
    return async () => {
      await passed(1000);
      socket.write(body.slice(10));
      const answer = await answered;
      return {
        status: Number(answer.split(' ')[1]),
        ...(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))) as Answer<Record<string, unknown>>),
      };
    };
  }

  it.each([
    ['a mutation', `mutation { ${CREATE_TOKEN} }`],
    ['a query', '{ images { totalCount } }'],
  ])('is refused with the token: %s', async (_case, query) => {
    const mallory = await somebody('OWNER');
    const finish = await begin(mallory, query);
    await revokeToken(mallory);
    const answer = await finish();
    expect(answer.status).toBe(401);
    expect(codesOf(answer)).toEqual(['UNAUTHENTICATED']);
    expect(await lateTokens(mallory)).toEqual([]);
  });

  it('is held to the roles that are left', async () => {
    const mallory = await somebody('OWNER');
    const finish = await begin(mallory, `mutation { ${addAccomplice()} }`);
    await giveRole(mallory, null);
    expect(await finish()).toMatchObject({
      data: { setNamespaceMember: { userErrors: [{ code: 'NOT_FOUND' }] } },
    });
    expect(await accomplices()).toEqual([]);
  });

  it('is held to the scope that is left', async () => {
    const mallory = await somebody('OWNER');
    const finish = await begin(mallory, `mutation { ${CREATE_TOKEN} }`);
    await takeScope(mallory);
    const answer = await finish();
    expect(answer.status).toBe(403);
    expect(codesOf(answer)).toEqual(['FORBIDDEN']);
    expect(await lateTokens(mallory)).toEqual([]);
  });

  it('is answered where nothing was taken away', async () => {
    const finish = await begin(await somebody('VIEWER'), '{ viewer { isAdmin } }');
    expect(await finish()).toMatchObject({ status: 200, data: { viewer: { isAdmin: false } } });
  });
});

const overHttp = async ({ token }: ApiClient, query: string): Promise<Answer<unknown>> =>
  await createApiClient(slipway.url, token).ask(query);
const overSocket = async ({ token }: ApiClient, query: string): Promise<Answer<unknown>> => {
  const opened = await openSignedIn(slipway.url, token);
  opened.send(subscribe('1', query));
  const { payload } = await opened.received('next', '1');
  opened.socket.close();
  return payload as Answer<unknown>;
};

describe.each([
  ['HTTP', overHttp],
  ['a socket', overSocket],
])('over %s, a mutation behind one that waits for a registry', (_edge, send) => {
  /** Answers a document whose last mutation is `then`, before which `change` is done. */
  async function late({ client }: Somebody, then: string, change: () => Promise<unknown>) {
    const image = (name: string) =>
      `registerImage(input: { reference: "${registryHost()}/x/${name}:1", namespace: "default", name: "${name}",
        verify: true, validateOnly: true }) { userErrors { code } }`;
    const answered = send(client, `mutation { a: ${image('one')} b: ${image('two')} z: ${then} }`);
    await until('the registry to be asked', () => asked > 0);
    await change();
    await passed(1000);
    patience.open();
    return await answered;
  }

  it('is refused where the token was revoked meanwhile, and not even begun', async () => {
    const mallory = await somebody('DEVELOPER');
    const answer = await late(mallory, CREATE_TOKEN, async () => await revokeToken(mallory));
    expect(codesOf(answer)).toEqual(['UNAUTHENTICATED']);
    expect(await lateTokens(mallory)).toEqual([]);
    expect(await begun(mallory)).toEqual(['registerImage']);
  });

  it('is refused where the token is for reading alone by now', async () => {
    const mallory = await somebody('DEVELOPER');
    expect(codesOf(await late(mallory, CREATE_TOKEN, async () => await takeScope(mallory)))).toEqual([
      'FORBIDDEN',
    ]);
    expect(await lateTokens(mallory)).toEqual([]);
  });

  it('is held to the roles that are left', async () => {
    const mallory = await somebody('OWNER');
    const change = async () => await giveRole(mallory, 'DEVELOPER');
    expect(codesOf(await late(mallory, addAccomplice(), change))).toEqual(['FORBIDDEN']);
    expect(await accomplices()).toEqual([]);
  });

  it('has the roles that were given, and so has its answer', async () => {
    const friend = await somebody('DEVELOPER');
    const change = async () => await giveRole(friend, 'OWNER');
    expect(await late(friend, addAccomplice(), change)).toMatchObject({
      data: { z: { namespace: { viewerRole: 'OWNER' }, userErrors: [] } },
    });
    await setRole(slipway.admin, 'namespace', namespaceId, 'accomplice', null);
  });
});

it('costs mutations that come at once no look-up but the one that signs them in', async () => {
  const { client } = await somebody('VIEWER');
  const mutations = Array.from({ length: 5 }, (_, i) => `m${i}: ${CREATE_TOKEN.replace('late', `t${i}`)}`);
  const statements = await slipway.statementsOf(
    async () => await client.run(`mutation { ${mutations.join(' ')} }`),
  );
  expect(statements.filter(({ text: sql }) => sql.includes('role_version'))).toHaveLength(1);
});

describe('a download of the catalogue that its client draws out', () => {
  beforeAll(async () => {
    // 15 MB, of which connections that nobody reads take some.
    for (const prefix of ['a-', 'b-']) {
      await fillCatalogue(slipway.database, prefix, IMAGES_OF_EACH, { visibility: 'PRIVATE' });
    }
    await slipway.database.query('update image set runtime = $1', [NO_RUNTIME]);
  }, 60_000);

  /** Its head has come, and its client reads no more yet. */
  const begin = async ({ client }: Somebody) =>
    await new Promise<IncomingMessage>((resolve, reject) => {
      const headers = { authorization: `Bearer ${client.token}` };
      get(`${slipway.url}/exports/image_list.json`, { headers }, resolve).once('error', reject);
    });
  const countIn = (document: string) => Object.keys(JSON.parse(document) as object).length;

  it('breaks off with the token, shows no more than a role that is left, and goes on for others', async () => {
    const [revoked, removed, other] = [
      await somebody('VIEWER'),
      await somebody('VIEWER'),
      await somebody('VIEWER'),
    ];
    const [ofRevoked, ofRemoved, ofOther] = await Promise.all([begin(revoked), begin(removed), begin(other)]);
    await revokeToken(revoked);
    await giveRole(removed, null);
    await passed(2500);
    await expect(text(ofRevoked)).rejects.toThrow('aborted');
    const left = countIn(await text(ofRemoved));
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThan(2 * IMAGES_OF_EACH);
    expect(countIn(await text(ofOther))).toBe(2 * IMAGES_OF_EACH);
  }, 60_000);
});
