import { pack } from 'tar-stream';
import type { BuildFile } from '../container-engine.ts';

/** The same in every build, so that times never tell two equal contexts apart; not 1970, which zip files cannot hold. */
const MODIFIED = new Date('2020-01-01T00:00:00Z');

export interface BuildContext {
  readonly tar: Buffer;
  /** The Dockerfile's path in the tar. */
  readonly dockerfilePath: string;
}

/** The tar that an engine builds from: the Dockerfile, and the files with the folders that they are in. */
export async function packContext(dockerfile: string, files: readonly BuildFile[]): Promise<BuildContext> {
  const dockerfilePath = freePath(new Set(files.map(({ path }) => path)));
  const tar = pack();
  const folders = new Set<string>();
  tar.entry({ name: dockerfilePath, mode: 0o644, mtime: MODIFIED }, dockerfile);
  for (const { path, content, mode } of files) {
    for (const folder of newFolders(path, folders)) {
      folders.add(folder);
      tar.entry({ name: `${folder}/`, type: 'directory', mode: 0o755, mtime: MODIFIED });
    }
    tar.entry({ name: path, mode: mode & 0o7777, mtime: MODIFIED }, Buffer.from(content));
  }
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar as AsyncIterable<Uint8Array>) chunks.push(chunk);
  return { tar: Buffer.concat(chunks), dockerfilePath };
}

/** The folders that a file is in and that are not known yet, the outermost first. */
function newFolders(path: string, known: ReadonlySet<string>): string[] {
  const folders: string[] = [];
  // Upwards until a folder is known: then those above it are, too.
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const folder = path.slice(0, end);
    if (known.has(folder)) break;
    folders.push(folder);
  }
  return folders.reverse();
}

/** The usual name, unless a file of the build has it. */
function freePath(taken: ReadonlySet<string>): string {
  const names = ['Dockerfile', '.slipway.Dockerfile'];
  for (let i = 1; ; i += 1) {
    const name = names[i - 1] ?? `.slipway-${i}.Dockerfile`;
    if (!taken.has(name)) return name;
  }
}
