import { randomBytes, randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { pack } from 'tar-stream';
import type { Config } from '../config.ts';
import { connectEngine, pullIfMissing } from './registry-container.ts';

export interface DemoNotebook {
  /** The notebook's id, the value of its label. */
  readonly id: string;
  readonly containerId: string;
}

const OWN = { name: 'demo', workspace: 'default', owner: 'admin' };

// A shell is the first process; it ends at once when it is asked to, where a bare `sleep` would ignore the signal.
const IDLE = "trap 'exit 0' TERM INT; while :; do sleep 3600 & wait $!; done";

/**
 * Runs a container that stands for a notebook of the workspace `default`, to try saving one as an image: with a token in its
 * environment and in its command line, with files of its own, one of which holds credentials, and with a mount that no image gets.
 * One that is there already is started again if need be, and kept as it is.
 *
 * @param labels by which Slipway recognises notebooks
 * @throws Error the engine does not answer or cannot run the image
 */
export async function startDemoNotebook(
  engineEndpoint: string,
  labels: Config['notebookLabels'],
  baseImage: string,
  say: (line: string) => void,
): Promise<DemoNotebook> {
  const engine = await connectEngine(engineEndpoint);
  const marks = { [labels.name]: OWN.name, [labels.workspace]: OWN.workspace, [labels.owner]: OWN.owner };
  const filters = { label: [labels.id, ...Object.entries(marks).map(([key, value]) => `${key}=${value}`)] };
  const [existing] = await engine.listContainers({ all: true, filters: JSON.stringify(filters) });
  if (existing) {
    const container = engine.getContainer(existing.Id);
    if (existing.State === 'paused') await container.unpause();
    else if (existing.State !== 'running') await container.start();
    say(`Demo notebook: ${OWN.name} runs`);
    return { id: existing.Labels[labels.id] ?? '', containerId: existing.Id };
  }
  await pullIfMissing(engine, baseImage, () => {});
  const id = randomUUID();
  const token = randomBytes(16).toString('hex');
  const container = await engine.createContainer({
    Image: baseImage,
    Labels: { ...marks, [labels.id]: id },
    Env: [`JUPYTER_TOKEN=${token}`, 'NOTEBOOK_DIR=/home/notebook'],
    WorkingDir: '/home/notebook',
    // What follows the script are words for it alone: it looks like what a platform starts.
    Cmd: ['/bin/sh', '-c', IDLE, 'start-notebook.py', `--ServerApp.token=${token}`],
    HostConfig: { Tmpfs: { '/home/notebook/scratch': '' } },
  });
  await putFiles(container);
  await container.start();
  say(`Demo notebook: ${OWN.name} runs, in the workspace ${OWN.workspace} of ${OWN.owner}`);
  return { id, containerId: container.id };
}

async function putFiles(container: Docker.Container): Promise<void> {
  const cell = {
    cell_type: 'code',
    source: ['print("hello from the demo notebook")\n'],
    metadata: {},
    outputs: [],
  };
  const notebook = {
    cells: [{ ...cell, execution_count: null }],
    metadata: {},
    nbformat: 4,
    nbformat_minor: 5,
  };
  const tar = pack();
  tar.entry({ name: 'home/notebook/work', type: 'directory', mode: 0o755 });
  tar.entry({ name: 'home/notebook/work/demo.ipynb', mode: 0o644 }, `${JSON.stringify(notebook, null, 1)}\n`);
  tar.entry({ name: 'home/notebook/work/requirements.txt', mode: 0o644 }, 'numpy==2.1.3\npandas==2.2.3\n');
  tar.entry(
    { name: 'home/notebook/.netrc', mode: 0o600 },
    'machine example.com login demo password this-is-an-example\n',
  );
  tar.entry({ name: 'home/notebook/work/model.bin', mode: 0o644 }, Buffer.alloc(512 * 1024, 7));
  tar.finalize();
  await container.putArchive(await buffer(tar), { path: '/' });
}
