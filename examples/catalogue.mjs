// The catalogue, by HTTP only: register an algorithm and what it needs, find it, render its command, change it against somebody
// else's edit, export and import, delete, restore and purge. It ends with code 1 when anything is not as the API promises.
import * as operations from './lib/catalogue-operations.mjs';
import { createApi } from './lib/client.mjs';
import { check, runTour, say, title } from './lib/tour.mjs';

const USAGE = `npm run example:catalogue -- [--url URL] [--token TOKEN]

  --url    the server (SLIPWAY_URL; else http://127.0.0.1:4000, or the port of PORT)
  --token  an access token (SLIPWAY_TOKEN or SLIPWAY_ADMIN_TOKEN; else the one in the data folder)
`;

async function tour({ url, token }) {
  const api = createApi(url, token);
  const run = Date.now().toString(36); // makes this run's names its own
  const namespace = 'default';
  const group = `catalogue-${run}`;
  const made = [];

  async function register(name, more = {}) {
    const input = { reference: `registry.example/team/${name}:1.0`, namespace, name, group, ...more };
    const { image, warnings } = await api.mutate(operations.REGISTER, { input });
    made.push(image.id);
    say(`${namespace}/${image.name}:${image.tag}, version ${image.version}`);
    for (const warning of warnings) say(`  note: ${warning}`);
    return image;
  }

  async function registerBoth() {
    title('Register an algorithm, and the image that it depends on');
    const base = await register(`base-${run}`);
    const algorithm = await register(`posterize-${run}`, {
      displayName: '抽帧',
      labels: [{ key: 'stage', value: 'test' }],
      runtime: {
        command: ['/bin/posterize --task={{inputs.task_id}} --log={{configs.log_path}}'],
        portsText: 'service1:5016:30016,service:8888',
        envText: 'CVSIP:172.38.90.52,CVSPORT:11112',
      },
      inputs: [{ name: 'task_id', displayName: '任务ID' }],
      configs: [{ name: 'log_path', default: '/vse/logs' }],
      algorithm: { factory: '易华录', name: '抽帧', type: '0', frameInterval: 1000 },
      dependencies: [`${namespace}/base-${run}:1.0`],
    });
    check(algorithm.dependencies[0].image.id === base.id, 'The dependency does not lead to the image.');
    return { base, algorithm };
  }

  async function find(algorithm) {
    title('Find it by two Chinese characters and a label');
    const filter = { search: '抽帧', labels: [{ key: 'stage', value: 'test' }], group };
    const { images } = await api.request(operations.FIND, { filter });
    check(images.totalCount === 1 && images.nodes[0].id === algorithm.id, 'The search does not find it.');
    say(`${images.nodes[0].displayName}: ${images.nodes[0].name}`);
  }

  async function render(algorithm) {
    title('Render its command');
    const values = { inputs: { task_id: '7; rm -rf {{configs.log_path}}' } };
    const { renderCommand } = await api.request(operations.RENDER, { imageId: algorithm.id, values });
    const [, task, log] = renderCommand.argv;
    check(task === '--task=7; rm -rf {{configs.log_path}}', 'The value was expanded or split.');
    check(log === '--log=/vse/logs', 'The default was not filled in.');
    say(JSON.stringify(renderCommand.argv));
  }

  async function edit(algorithm) {
    title('Change it, and try to change what somebody else has changed');
    const input = { id: algorithm.id, expectedVersion: algorithm.version, description: `Edited in ${run}` };
    const { image } = await api.mutate(operations.UPDATE, { input });
    const { updateImage } = await api.request(operations.UPDATE, { input });
    const [stale] = updateImage.userErrors;
    check(stale?.code === 'STALE', 'An edit of an old version was taken.');
    say(`version ${image.version}; then ${stale.code}: ${stale.message}`);
  }

  async function transfer() {
    title('Export, and import what was exported');
    const filter = { group };
    const { exportImages } = await api.request(operations.EXPORT, { filter });
    const unchanged = await api.mutate(operations.IMPORT, { input: { document: exportImages.content } });
    check(unchanged.unchanged === 2, `Of 2 images ${unchanged.unchanged} are unchanged.`);
    say(`${exportImages.fileName}, ${exportImages.count} images, SHA-256 ${exportImages.sha256}`);
    return exportImages.content;
  }

  async function remove({ base, algorithm }, document) {
    title('Delete, restore, purge, and import again');
    const { deleteImage } = await api.request(operations.DELETE, { input: { id: base.id } });
    check(deleteImage.userErrors[0]?.code === 'IN_USE', 'An image that another one needs was deleted.');
    say(deleteImage.userErrors[0].message);
    await api.mutate(operations.DELETE, { input: { id: algorithm.id } });
    const { image } = await api.mutate(operations.RESTORE, { input: { id: algorithm.id } });
    check(image.status === 'ACTIVE', `The restored image is ${image.status}.`);
    for (const { id } of [algorithm, base]) {
      await api.mutate(operations.DELETE, { input: { id } });
      await api.mutate(operations.PURGE, { input: { id } });
    }
    const { created } = await api.mutate(operations.IMPORT, { input: { document } });
    check(created === 2, `Of 2 images ${created} are back.`);
    const { images } = await api.request(operations.FIND, { filter: { group } });
    check(
      images.nodes.some((node) => node.id === algorithm.id),
      'The image has another id than before.',
    );
    say(`${created} images are back, with the ids that they had.`);
  }

  try {
    const both = await registerBoth();
    await find(both.algorithm);
    await render(both.algorithm);
    await edit(both.algorithm);
    await remove(both, await transfer());
    title('All as promised.');
  } finally {
    // A failed clean-up says nothing about the tour: what is left has a name of its own and is in nobody's way.
    await Promise.allSettled(made.map((id) => api.mutate(operations.DELETE, { input: { id, force: true } })));
  }
}

await runTour(tour, USAGE);
