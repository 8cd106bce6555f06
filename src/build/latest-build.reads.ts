import { columnsOf } from '../db/columns.ts';
import { plainSql } from '../db/plain-sql.ts';
import type { ImageJoin } from '../image/image-join.ts';
import type { Selection } from '../shared/selection.ts';
import { buildColumns, readableBuilds } from './build.reads.ts';

/** An image's latest build that the viewer may see, where that one is all that is asked for of its builds. */
export const latestBuildJoin: ImageJoin = {
  field: 'builds',
  read(session, image) {
    const builds = image.of('builds');
    if (!isLatestAlone(image, builds)) return null;
    const columns = buildColumns(builds.of('nodes'));
    return {
      columns,
      rows: plainSql`select ${columnsOf('build', columns)} from image_build build
        where build.image_id = page.id and ${readableBuilds(session)}
        order by build.created_at desc, build.id desc limit 1`,
    };
  },
  valueOf: (build) => ({ nodes: build === null ? [] : [build] }),
};

/** Whether there are more, and how many, is told by a statement of their own. */
function isLatestAlone(image: Selection, builds: Selection): boolean {
  return (
    image.has('builds') &&
    image.argumentsOf('builds').every(({ first, after = null }) => first === 1 && after === null) &&
    [...builds.fields].every((field) => field === 'nodes')
  );
}
