import { createHash } from 'node:crypto';
import type { Session } from '../../auth/session.ts';
import { type EntityManager, kysely } from '../../db/orm.ts';
import type { NamespaceService } from '../../namespace/namespace.service.ts';
import { BadInputError } from '../../shared/errors.ts';
import type { WorkspaceService } from '../../workspace/workspace.service.ts';
import { dependenciesOf } from '../dependency/image-dependency.reads.ts';
import type { ImageCriteria } from '../filter/image-filter.rules.ts';
import { exportedImages, type ImageRow } from '../image.reads.ts';
import { imageIdOf, printImageRecord } from './image-list-printing.rules.ts';

/** Images that are read at once: some 2 MB of the document. */
const IMAGES_PER_READ = 500;
/** How old the rights may be that images are read with: a slow client's download goes on for hours. */
const MAX_RIGHTS_AGE_MS = 2500;
/** An answer of GraphQL is in memory as a whole, some times over. */
const MAX_CONTENT_BYTES = 32 * 1024 * 1024;

export const FILE_NAME = 'image_list.json';
export const MEDIA_TYPE = 'application/json';

export interface ImageExport {
  readonly fileName: string;
  readonly mediaType: string;
  readonly count: number;
  readonly content: string;
  /** Of the content in UTF-8, hexadecimal. */
  readonly sha256: string;
}

/** Writing the catalogue as `image_list.json`. */
export class ImageExportService {
  constructor(
    private readonly em: EntityManager,
    private readonly namespaces: NamespaceService,
    private readonly workspaces: WorkspaceService,
  ) {}

  /**
   * The document as a whole.
   *
   * @throws BadInputError it is larger than an answer may be; {@link stream} has no such limit
   */
  async export(session: Session, criteria: ImageCriteria): Promise<ImageExport> {
    const parts: string[] = [];
    let count = 0;
    let size = 0;
    for await (const part of this.stream(session, criteria, (images) => (count += images))) {
      parts.push(part);
      size += Buffer.byteLength(part);
      if (size > MAX_CONTENT_BYTES) {
        const message = `The document would be larger than ${MAX_CONTENT_BYTES} bytes: narrow the filter, or download GET /exports/${FILE_NAME}.`;
        throw new BadInputError(message, ['filter'], { max: MAX_CONTENT_BYTES });
      }
    }
    const content = parts.join('');
    const sha256 = createHash('sha256').update(content).digest('hex');
    return { fileName: FILE_NAME, mediaType: MEDIA_TYPE, count, content, sha256 };
  }

  /**
   * The document piece by piece, of any size: an object of records by their image ids, the oldest first, one to a line.
   *
   * An image that is changed meanwhile is in it as it was before or after; none is in it twice. Each is in it only where the viewer
   * may see it by then.
   *
   * @param onImages is told how many images each piece holds
   * @throws UnauthenticatedError the viewer's credential has ended meanwhile
   */
  async *stream(
    session: Session,
    criteria: ImageCriteria,
    onImages: (count: number) => void = () => {},
  ): AsyncGenerator<string, void, undefined> {
    let viewer = session;
    let last: ImageRow | null = null;
    yield '{';
    for (;;) {
      viewer = await viewer.upToDate(MAX_RIGHTS_AGE_MS);
      const images: ImageRow[] = await exportedImages(
        kysely(this.em.fork()),
        viewer,
        criteria,
        last,
        IMAGES_PER_READ,
      );
      if (images.length === 0) break;
      const records = await this.#recordsOf(images);
      yield `${last === null ? '' : ','}\n${records.join(',\n')}`;
      onImages(images.length);
      last = images.at(-1) ?? null;
    }
    yield '\n}\n';
  }

  async #recordsOf(images: readonly ImageRow[]): Promise<string[]> {
    const namesOf = (rows: readonly { readonly id: string; readonly name: string }[]) =>
      new Map(rows.map(({ id, name }) => [id, name]));
    const unique = (ids: readonly string[]) => [...new Set(ids)];
    const namespaces = namesOf(
      await this.namespaces.byIds(unique(images.map(({ namespaceId }) => namespaceId))),
    );
    const workspaces = namesOf(
      await this.workspaces.byIds(unique(images.map(({ workspaceId }) => workspaceId))),
    );
    const dependencies = Map.groupBy(
      await dependenciesOf(
        kysely(this.em.fork()),
        images.map(({ id }) => id),
      ),
      ({ imageId }) => imageId,
    );
    return images.map((image) => {
      const record = printImageRecord({
        ...image,
        namespace: namespaces.get(image.namespaceId) ?? '',
        workspace: workspaces.get(image.workspaceId) ?? '',
        dependencies: (dependencies.get(image.id) ?? []).map(({ reference }) => reference),
      });
      return `${JSON.stringify(imageIdOf(image.id))}: ${JSON.stringify(record)}`;
    });
  }
}
