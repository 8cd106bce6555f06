import { coerceInputValue, type GraphQLSchema, isInputType } from 'graphql';
import type { Session } from '../../auth/session.ts';
import type { Route } from '../../http/exchange.ts';
import { sendStream } from '../../http/send-stream.ts';
import { BadInputError } from '../../shared/errors.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { criteriaOf, type ImageFiltering } from '../filter/image-filter.rules.ts';
import { FILE_NAME, type ImageExportService, MEDIA_TYPE } from './image-export.service.ts';

/**
 * `GET /exports/image_list.json`: the catalogue as a file of any size, streamed at the pace of the client. It takes the same
 * token, shows the same images and takes the same filter as the query `exportImages`: `?filter={"namespace":"algo"}`. It breaks
 * off where the token has ended.
 */
export function imageExportRoute(schema: GraphQLSchema, exports: ImageExportService): Route<Session> {
  return {
    method: 'GET',
    pattern: `/exports/${FILE_NAME}`,
    // As the query's.
    cost: 1000,
    handler: async ({ req, res, url, session }) => {
      const viewer = await session();
      const criteria = criteriaOf(readFilter(schema, url.searchParams));
      res.writeHead(200, {
        'content-type': `${MEDIA_TYPE}; charset=utf-8`,
        'content-disposition': `attachment; filename="${FILE_NAME}"`,
        'cache-control': 'no-store',
      });
      if (req.method === 'HEAD') return void res.end();
      await sendStream(res, exports.stream(viewer, criteria));
    },
  };
}

function readFilter(schema: GraphQLSchema, parameters: URLSearchParams): ImageFiltering | null {
  // A filter that was written another way must not give the whole catalogue.
  const unknown = [...parameters.keys()].find((name) => name !== 'filter');
  if (unknown !== undefined) {
    const message = `There is no parameter ${excerpt(unknown)}; write e.g. ?filter={"search":"posterize"}.`;
    throw new BadInputError(message, [excerpt(unknown)]);
  }
  const text = parameters.get('filter');
  if (text === null || text === '') return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new BadInputError('The filter is not JSON; write e.g. ?filter={"namespace":"algo"}.', ['filter']);
  }
  const type = schema.getType('ImageFilter');
  if (!isInputType(type)) throw new Error('the schema has no ImageFilter');
  return coerceInputValue(value, type, (path, _value, error) => {
    throw new BadInputError(error.message, ['filter', ...path.map(String)]);
  }) as ImageFiltering;
}
