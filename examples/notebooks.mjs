// Saving a notebook in full, by HTTP and WebSocket only: what runs, a check that finds everything wrong, one that finds what is
// worth knowing, a save that is sent twice and watched, how long the notebook stood still for it, and where the image comes
// from. It ends with code 1 when anything is not as the API promises.
import { createApi } from './lib/client.mjs';
import { followBuild } from './lib/follow-build.mjs';
import * as operations from './lib/notebook-operations.mjs';
import { DELETE_IMAGE, REGISTER_IMAGE } from './lib/operations.mjs';
import { USAGE } from './lib/options.mjs';
import { check, runTour, say, title } from './lib/tour.mjs';

const bytes = (count) =>
  count === null ? 'an unknown number of bytes' : `${count.toLocaleString('en')} bytes`;
const layers = (count) => (count === 1 ? '1 layer' : `${count ?? 'an unknown number of'} layers`);
const nameOf = (image) => (image === null ? 'none that you may see' : `${image.name}:${image.tag}`);

async function tour({ url, token }) {
  const api = createApi(url, token);
  const run = Date.now().toString(36); // makes this run's names its own
  const made = [];
  const target = { namespace: 'default', name: `saved-${run}`, tag: '1.0' };
  const find = async (id) => (await api.request(operations.NOTEBOOK, { id })).notebook;

  async function chooseNotebook() {
    title('Look for notebooks');
    const { server, notebooks } = await api.request(operations.LOOK_AROUND);
    for (const { name, status } of notebooks.nodes) say(`${name}: ${status}`);
    const running = notebooks.nodes.find(({ status }) => status === 'RUNNING');
    check(running, 'No notebook of yours is running. Start the server with: npm start -- --demo-notebook');
    const { image, sourceImage } = await find(running.id);
    // Then the lineage has a beginning: the catalogue knows an image by its digest.
    if (sourceImage?.status !== 'ACTIVE' && image === server.exampleBaseImage) {
      const base = { ...target, name: `base-${run}`, reference: image, verify: true };
      made.push((await api.mutate(REGISTER_IMAGE, { input: base })).image.id);
    }
    return await find(running.id);
  }

  function describe(notebook) {
    const { name, owner, image, layerCount, sourceImage, writtenBytes, sizeBytes, uncapturedMounts } =
      notebook;
    say(`\n${name} of ${owner?.name ?? 'nobody'} runs ${image}`);
    say(`  in the catalogue: ${nameOf(sourceImage)}; ${layers(layerCount)}`);
    say(`  it has ${bytes(sizeBytes)}, and has written ${bytes(writtenBytes)} of them`);
    say(`  mounted: ${uncapturedMounts.join(', ') || 'nothing'}`);
    say(`  saved so far: ${notebook.savedImages.totalCount} times`);
  }

  async function refuse() {
    title('Ask for a save with everything wrong: all of it is told at once');
    const input = {
      notebookId: Buffer.from('Notebook:11111111-2222-4333-8444-555555555555').toString('base64url'),
      namespace: '9 lives',
      name: 'My Notebook',
      tag: '1,0',
      description: 'x'.repeat(513),
    };
    const { saveImageFromNotebook: answer } = await api.request(operations.SAVE, { input });
    for (const { code, path, message } of answer.userErrors) say(`${code} ${path.join('.')}: ${message}`);
    const found = new Set(answer.userErrors.map(({ path }) => path[0]));
    for (const field of Object.keys(input)) check(found.has(field), `Nothing is said about ${field}.`);
    check(answer.image === null && answer.build === null, 'Something was made for all that.');
  }

  async function foresee(notebook) {
    title('Check a save, and save nothing');
    const input = { ...target, notebookId: notebook.id, validateOnly: true };
    const { image, build, estimate, warnings } = await api.mutate(operations.SAVE, { input });
    check(image === null && build === null, 'Something was saved, though it was only to be checked.');
    if (estimate)
      say(
        `It would have ${layers(estimate.layerCount)} and ${bytes(estimate.sizeBytes)} before compression.`,
      );
    for (const warning of warnings) say(`Note: ${warning}`);
    for (const mount of notebook.uncapturedMounts) {
      check(
        warnings.some((warning) => warning.includes(mount)),
        `Nothing is said about ${mount}.`,
      );
    }
  }

  async function save(notebook) {
    title('Save it; the request is sent twice, as a script does whose answer was lost');
    const input = { ...target, notebookId: notebook.id, clientToken: `tour-${run}` };
    const answers = await Promise.all([1, 2].map(() => api.mutate(operations.SAVE, { input })));
    const [first, second] = answers;
    made.push(first.image.id);
    check(first.build.id === second.build.id, 'One client token brought two builds.');
    check(first.reused !== second.reused, 'It is not said which answer brought the build.');
    const { build } = await followBuild(api, first.build.id);
    const { reason, message } = build.failure ?? {};
    check(build.status === 'SUCCEEDED', `The save ended as ${build.status}: ${reason} ${message}`);
    return { buildId: build.id, imageId: build.image.id };
  }

  async function lookBack(notebook, { buildId, imageId }) {
    title('What it took');
    const { imageBuild: build } = await api.request(operations.BUILD, { id: buildId });
    for (const { phase, startedAt, finishedAt } of build.phases) {
      say(`${phase.padEnd(11)} ${new Date(finishedAt) - new Date(startedAt)} ms`);
    }
    const { pausedSince, pausedMs } = build.notebook;
    say(`The notebook stood still for ${pausedMs ?? 0} ms.`);
    check(pausedSince === null, 'The notebook is still held.');
    check((await find(notebook.id)).status === 'RUNNING', 'The notebook does not run any more.');

    title('What came of it');
    const { image } = await api.request(operations.IMAGE, { id: imageId });
    check(image.status === 'ACTIVE', `The image is ${image.status}: ${image.statusMessage}`);
    check(/^sha256:[0-9a-f]{64}$/.test(image.digest ?? ''), `The image's digest is ${image.digest}.`);
    say(`${image.reference}\n${image.digest}, ${bytes(image.sizeBytes)} to pull, from the bottom up:`);
    for (const { digest, sizeBytes } of image.layers) say(`  ${digest} ${bytes(sizeBytes)}`);

    title('Where it comes from');
    check(image.sourceNotebookId === notebook.id, 'The image does not know its notebook.');
    check(
      image.sourceImage?.id === notebook.sourceImage?.id,
      'The image does not know the image that its notebook was started from.',
    );
    const { savedImages } = await find(notebook.id);
    check(savedImages.nodes[0]?.id === image.id, 'The notebook does not know the image.');
    say(`${nameOf(image)} was saved from ${notebook.name}, which runs ${nameOf(image.sourceImage)}.`);
    say(`Saved from it so far, the newest first: ${savedImages.nodes.map(nameOf).join(', ')}`);
  }

  try {
    const notebook = await chooseNotebook();
    describe(notebook);
    await refuse();
    await foresee(notebook);
    await lookBack(notebook, await save(notebook));
    title('All as promised.');
  } finally {
    // A failed clean-up says nothing about the tour: what is left has a name of its own and is in nobody's way.
    await Promise.allSettled(made.map((id) => api.mutate(DELETE_IMAGE, { input: { id } })));
  }
}

await runTour(tour, USAGE);
