// Who may do what: a service account with tokens for reading and for writing, what each may do, what a request costs, what happens
// to a socket whose token is revoked, and what is written down of all this. It ends with code 1 when anything is not as promised.
import { createClient } from 'graphql-ws';
import * as operations from './lib/access-operations.mjs';
import { createApi } from './lib/client.mjs';
import { check, runTour, say, title } from './lib/tour.mjs';

const USAGE = `npm run example:access -- [--url URL] [--token TOKEN]

  --url    the server (SLIPWAY_URL; else http://127.0.0.1:4000, or the port of PORT)
  --token  an administrator's access token (SLIPWAY_TOKEN or SLIPWAY_ADMIN_TOKEN; else the one in the data folder)
`;

const HOUR_MS = 3_600_000;

async function tour({ url, token }) {
  const admin = createApi(url, token);
  const run = Date.now().toString(36); // makes this run's names its own
  const robot = `ci-${run}`;

  /** The first error of an answer that must have one, as it goes over the wire. */
  async function refused(by, query, variables) {
    const response = await fetch(`${url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${by}` },
      body: JSON.stringify({ query, variables }),
    });
    const { errors } = await response.json();
    check(errors?.length > 0, 'Something was allowed that must not be.');
    const [{ message, extensions }] = errors;
    say(`${response.status} ${extensions.code}: ${message}`);
    return extensions;
  }

  async function makeToken(name, scopes) {
    const expiresAt = new Date(Date.now() + HOUR_MS).toISOString();
    const input = { name, userName: robot, scopes, expiresAt };
    const made = await admin.mutate(operations.MAKE_TOKEN, { input });
    say(`${made.accessToken.prefix}…, ${made.accessToken.scopes.join(' and ')}, until ${expiresAt}`);
    return { token: made.token, id: made.accessToken.id };
  }

  async function makeRobot() {
    title('Make a service account, with a role on one namespace');
    const { user } = await admin.mutate(operations.MAKE_SERVICE_ACCOUNT, {
      input: { name: robot, description: 'The tour of rights' },
    });
    const { namespace } = await admin.request(operations.NAMESPACE, { name: 'default' });
    const input = { namespaceId: namespace.id, userName: robot, role: 'DEVELOPER' };
    await admin.mutate(operations.GIVE_ROLE, { input });
    say(`${user.name} is DEVELOPER on default`);
    return user;
  }

  async function registerAs(writer) {
    title('Register with the token for writing; the one for reading may only look');
    const input = { reference: 'registry.example/team/tool:1.0', namespace: 'default', name: `tool-${run}` };
    const { image } = await createApi(url, writer.token).mutate(operations.REGISTER, { input });
    say(`${image.name}: ${image.viewerPermissions.join(' ')}`);
    return image;
  }

  async function lookAs(reader, image) {
    const api = createApi(url, reader.token);
    const { image: seen } = await api.request(operations.IMAGE, { id: image.id });
    check(seen.name === image.name, 'The token for reading does not see the image.');
    const { namespace } = await api.request(operations.NAMESPACE, { name: 'default' });
    say(`as ${namespace.viewerRole} with a token for reading: ${namespace.viewerPermissions.join(' ')}`);
    const { details } = await refused(reader.token, operations.DELETE, { input: { id: image.id } });
    check(details.requiredScope === 'WRITE', 'It is not said which scope is missing.');
  }

  async function lookAsStranger(image) {
    title('To a stranger it does not exist');
    const input = { name: 'tour', userName: `stranger-${run}`, expiresAt: new Date(Date.now() + HOUR_MS) };
    const { token: strange } = await admin.mutate(operations.MAKE_TOKEN, { input });
    const seen = await createApi(url, strange).request(operations.IMAGE, { id: image.id });
    check(seen.image === null && seen.node === null, 'A stranger sees a private image.');
    say(JSON.stringify(seen));
  }

  async function askTooMuch(reader) {
    title('Ask for too much at once');
    const { details } = await refused(reader.token, operations.TOO_MUCH);
    check(details.cost > details.limit, 'It is not said what it costs.');
  }

  async function revokeWhileItStreams(reader) {
    title('Revoke a token while a socket is open');
    const socket = createClient({
      url: `${url.replace(/^http/, 'ws')}/graphql`,
      webSocketImpl: globalThis.WebSocket ?? (await import('ws')).WebSocket, // Node has its own since version 22
      connectionParams: { Authorization: `Bearer ${reader.token}` },
      retryAttempts: 0,
    });
    const closed = new Promise((resolve) => socket.on('closed', resolve));
    const open = new Promise((resolve) => socket.on('connected', resolve));
    const events = socket.iterate({ query: operations.ACTIVITY });
    const ended = events.next().catch((error) => error);
    await open;
    await admin.mutate(operations.REVOKE_TOKEN, { input: { id: reader.id } });
    const revokedAt = Date.now();
    const { code, reason } = await closed;
    await ended;
    await socket.dispose();
    check(code === 4403, `The socket was closed with ${code}.`);
    say(`closed with ${code} (${reason}) after ${((Date.now() - revokedAt) / 1000).toFixed(1)} s`);
  }

  async function deactivate(user, writer) {
    title('Deactivate the service account');
    await admin.mutate(operations.UPDATE_USER, { input: { id: user.id, isActive: false } });
    await refused(writer.token, operations.WHO_AM_I);
  }

  async function readTrail(image) {
    title('What is written down of the service account');
    const { auditEvents } = await admin.request(operations.TRAIL, { userName: robot });
    for (const { action, result, credential } of auditEvents.nodes)
      say(`${action}: ${result} (${credential})`);
    const registered = auditEvents.nodes.find(({ action }) => action === 'registerImage');
    check(registered?.objectIds.includes(image.id), 'The trail does not tell of the image.');
  }

  const { viewer } = await admin.request(operations.WHO_AM_I);
  check(viewer.isAdmin, 'This tour takes an administrator.');
  const user = await makeRobot();
  title('Make two tokens; each is shown this one time');
  const reader = await makeToken('tour, reading', ['READ']);
  const writer = await makeToken('tour, writing', ['READ', 'WRITE']);
  const image = await registerAs(writer);
  await lookAs(reader, image);
  await lookAsStranger(image);
  await askTooMuch(reader);
  await revokeWhileItStreams(reader);
  await deactivate(user, writer);
  await readTrail(image);
  await admin.mutate(operations.DELETE, { input: { id: image.id } });
  title('All as promised.');
}

await runTour(tour, USAGE);
