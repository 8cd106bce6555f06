import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** A Debian package with these files, which `dpkg -i` installs without asking any network. */
export async function makeDebianPackage(
  name: string,
  files: readonly { readonly path: string; readonly content: string; readonly mode: number }[],
): Promise<Buffer> {
  const control = [
    `Package: ${name}`,
    'Version: 1.0',
    'Architecture: all',
    'Maintainer: nobody <nobody@example.org>',
    `Description: ${name}`,
    '',
  ].join('\n');
  return Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('control.tar.gz', await compressed([{ path: 'control', content: control, mode: 0o644 }])),
    member('data.tar.gz', await compressed(files)),
  ]);
}

/** An entry of an ar archive; each begins at an even place. */
function member(name: string, content: Buffer): Buffer {
  const size = String(content.length).padEnd(10);
  const head = `${name.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${size}\`\n`;
  return Buffer.concat([Buffer.from(head), content, Buffer.alloc(content.length % 2, '\n')]);
}

async function compressed(files: Parameters<typeof makeDebianPackage>[1]): Promise<Buffer> {
  const tar = pack();
  const folders = new Set(files.flatMap(({ path }) => foldersOf(path)));
  for (const name of folders) tar.entry({ name: `./${name}`, type: 'directory', mode: 0o755 });
  for (const { path, content, mode } of files) tar.entry({ name: `./${path}`, mode }, content);
  tar.finalize();
  return gzipSync(await buffer(tar));
}

/** `usr`, `usr/local` and so on: busybox's dpkg makes no folder that is not in the archive. */
function foldersOf(path: string): string[] {
  const parts = path.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}
