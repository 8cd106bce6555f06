// The main scenario, by HTTP and WebSocket only: look around, register an image, build one from a Dockerfile and watch it, save
// a notebook, update an image, delete one. It ends with code 1 when anything is not as the API promises.
import { createApi } from './lib/client.mjs';
import { followBuild } from './lib/follow-build.mjs';
import * as operations from './lib/operations.mjs';
import { USAGE } from './lib/options.mjs';
import { check, runTour, say, stop, title } from './lib/tour.mjs';

async function tour({ url, token, requireNotebook }) {
  const api = createApi(url, token);
  const run = Date.now().toString(36); // makes this run's names its own
  const made = [];

  async function lookAround() {
    title(`Look around at ${url}`);
    const found = await api.request(operations.LOOK_AROUND);
    const { viewer, server, images } = found;
    const engine = server.engine ? `${server.engine.name} ${server.engine.version}` : 'none';
    say(
      `You are ${viewer.user.name}. Slipway ${server.version}, engine ${engine}, registry ${server.registryHost}.`,
    );
    say(`${images.totalCount} images, ${found.notebooks.nodes.length} running notebooks.`);
    check(
      server.engine?.available,
      'No container engine is available, so builds would wait: see what npm start said.',
    );
    check(server.exampleBaseImage, 'The server names no base image to build on without a public registry.');
    const workspace = found.workspaces.nodes.find((node) => node.isDefault) ?? found.workspaces.nodes[0];
    check(workspace, 'There is no workspace that you may use.');
    const names = found.namespaces.nodes.map((node) => node.name);
    const namespace = names.includes('default') ? 'default' : names[0];
    check(namespace, 'There is no namespace that you may use.');
    return {
      baseImage: server.exampleBaseImage,
      workspaceId: workspace.id,
      namespace,
      notebooks: found.notebooks.nodes,
    };
  }

  async function expectActive(id) {
    const { image } = await api.request(operations.IMAGE, { id });
    check(image, `The image ${id} is not there.`);
    check(
      image.status === 'ACTIVE',
      `The image is ${image.status}, not ACTIVE: ${image.statusMessage ?? ''}`,
    );
    check(/^sha256:[0-9a-f]{64}$/.test(image.digest ?? ''), `The image's digest is ${image.digest}.`);
    check(image.sizeBytes > 0, `The image's size is ${image.sizeBytes}.`);
    say(`${image.name}:${image.tag} is ACTIVE: ${image.reference}`);
    say(`${image.digest}, ${image.sizeBytes} bytes`);
    return image;
  }

  async function finish(buildId) {
    const { build, lines } = await followBuild(api, buildId);
    const { reason, message } = build.failure ?? {};
    check(
      build.status === 'SUCCEEDED',
      `The build ended as ${build.status}: ${reason ?? ''} ${message ?? ''}`,
    );
    check(build.image, 'The build succeeded without an image.');
    return { imageId: build.image.id, lines };
  }

  async function register({ namespace, baseImage }) {
    title('Register an image that is in the registry already');
    const input = {
      reference: baseImage,
      namespace,
      name: `tour-registered-${run}`,
      tag: '1.0',
      verify: true,
    };
    const { image } = await api.mutate(operations.REGISTER_IMAGE, { input });
    made.push(image.id);
    return expectActive(image.id);
  }

  async function build({ workspaceId, namespace, baseImage }) {
    title('Build an image from a Dockerfile');
    const greeting = `Hello from run ${run}`;
    const dockerfile = [
      `FROM ${baseImage}`,
      'COPY greeting.txt /greeting.txt',
      'RUN for n in 1 2 3 4 5 6; do echo "working, part $n of 6"; sleep 1; done',
      'RUN cat /greeting.txt',
    ].join('\n');
    const input = {
      workspaceId,
      image: { namespace, name: `tour-built-${run}`, tag: '1.0', description: 'Built by the tour' },
      buildConfig: { dockerfile, files: [{ path: 'greeting.txt', content: `${greeting}\n` }] },
    };
    const started = await api.mutate(operations.BUILD_IMAGE, { input });
    const { imageId, lines } = await finish(started.build.id);
    made.push(imageId);
    const log = lines.join('\n');
    check(log.includes('working, part 6 of 6'), 'The log lacks what the build printed.');
    check(log.includes(greeting), 'The log lacks the text of the file from the build context.');
    await expectActive(imageId);
  }

  async function saveNotebook({ workspaceId, namespace, notebooks }) {
    title('Save a running notebook as an image');
    const notebook = notebooks.find((candidate) => candidate.status === 'RUNNING');
    if (!notebook) {
      const hint = 'No notebook is running. Start the server with: npm start -- --demo-notebook';
      check(!requireNotebook, hint);
      say(`${hint}\nThis part is left out.`);
      return;
    }
    say(`Notebook ${notebook.name}`);
    const input = {
      notebookId: notebook.id,
      workspaceId,
      namespace,
      name: `tour-notebook-${run}`,
      tag: '1.0',
    };
    const saved = await api.mutate(operations.SAVE_NOTEBOOK, { input });
    for (const warning of saved.warnings) say(`Note: ${warning}`);
    made.push(saved.image.id);
    await finish(saved.build.id);
    await expectActive(saved.image.id);
  }

  async function update(id) {
    title('Update an image');
    const description = `Edited by the tour, run ${run}`;
    await api.mutate(operations.UPDATE_IMAGE, { input: { id, description } });
    const { image } = await api.request(operations.IMAGE, { id });
    check(image.description === description, `The description is ${JSON.stringify(image.description)}.`);
    say(`${image.name}: ${image.description}`);
  }

  async function remove(id, name) {
    title('Delete an image');
    await api.mutate(operations.DELETE_IMAGE, { input: { id } });
    made.splice(made.indexOf(id), 1);
    const { images } = await api.request(operations.LIVE_IMAGES, { search: name });
    check(!images.nodes.some((node) => node.id === id), 'The deleted image is still in the list.');
    say(`${name} is gone.`);
  }

  try {
    const place = await lookAround();
    const registered = await register(place);
    await build(place);
    await saveNotebook(place);
    await update(registered.id);
    await remove(registered.id, registered.name);
    title('All as promised.');
  } finally {
    // A failed clean-up says nothing about the tour: what is left has a name of its own and is in nobody's way.
    await Promise.allSettled(made.map((id) => api.mutate(operations.DELETE_IMAGE, { input: { id } })));
  }
}

const TIME_LIMIT_MINUTES = 20;

setTimeout(
  () => stop(`it took longer than ${TIME_LIMIT_MINUTES} minutes.`),
  TIME_LIMIT_MINUTES * 60_000,
).unref();
await runTour(tour, USAGE);
