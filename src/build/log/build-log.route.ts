import type { OutgoingHttpHeaders } from 'node:http';
import type { Session } from '../../auth/session.ts';
import { isUnchanged, requestedRange } from '../../http/byte-range.ts';
import { type Exchange, HttpError, type Route } from '../../http/exchange.ts';
import { sendStream } from '../../http/send-stream.ts';
import { BadInputError, UnavailableError } from '../../shared/errors.ts';
import { excerpt } from '../../shared/excerpt.ts';
import { isUuid, tryReadGlobalId } from '../../shared/global-id.ts';
import type { BuildRow } from '../build.reads.ts';
import { isFinal } from '../build.rules.ts';
import type { BuildService } from '../build.service.ts';
import { whileVisible } from '../build-visibility.ts';
import type { BuildLogSource } from './build-log.source.ts';
import { logBytes } from './build-log-download.ts';
import { LOG_FORMS, type LogForm } from './build-log-form.rules.ts';

/** What a request may say after the `?`. */
interface Wish {
  readonly form: LogForm;
  /** Does the download of a running build's log go on until the build has ended? */
  readonly follow: boolean;
}

/**
 * `GET /builds/:id/log`: a build's log as a file, for who may see the build; `:id` is the build's id or UUID. It is streamed at
 * the pace of the client, and breaks off a few seconds after the client may no longer see the build.
 *
 * | the build | the request | the answer |
 * |---|---|---|
 * | has ended | | 200 with `Content-Length` and `ETag`, or 304 |
 * | has ended | `Range` | 206, or 416 |
 * | runs | | 200, chunked, until the build has ended; a connection that breaks before that was cut |
 * | runs | `?follow=false` | 200 with what there is by now |
 * | runs | `Range` | 206 with what there is of it by now, of an unknown whole (`a-b/*`), or 416: so `curl -C -` resumes |
 *
 * A log that a version stored which did not count its bytes has no length and no ranges.
 */
export function buildLogRoute(builds: BuildService, source: BuildLogSource): Route<Session> {
  return {
    method: 'GET',
    pattern: '/builds/:id/log',
    // As a page of a hundred of its lines.
    cost: 100,
    handler: async (exchange) => {
      const { req, res, params, url } = exchange;
      const session = await exchange.session();
      const wish = readWish(url.searchParams);
      const build = await builds.get(session, uidOfPath(params['id'] ?? ''));
      if (build.logDeletedAt !== null) throw expired(build.logDeletedAt);
      const { status, headers, span } = answerTo(req, build, wish);
      const isLive = span !== null && span.to === null && wish.follow;
      if (isLive && exchange.stopping.aborted) throw new UnavailableError();
      res.writeHead(status, headers);
      if (req.method === 'HEAD' || span === null) return void res.end();
      const body = whileVisible({ session }, build, (signal) =>
        logBytes(source, build.id, { ...wish, ...span }, { follow: isLive, signal }),
      );
      if (isLive) await sendLive(exchange, body);
      else await sendStream(res, body);
    },
  };
}

/** Sends a log that may be quiet for hours: what waits for its next line is told when nobody wants it any more. */
async function sendLive({ res, stopping }: Exchange<Session>, body: AsyncGenerator<Buffer>): Promise<void> {
  const stop = () => {
    // Before the body: one that ended without an error would end the answer as if it were whole.
    res.destroy();
    body.return(undefined).catch(() => undefined);
  };
  res.once('close', stop);
  stopping.addEventListener('abort', stop, { once: true });
  // The client sees at once that it was heard, however long the first line takes.
  res.flushHeaders();
  await sendStream(res, body).finally(() => stopping.removeEventListener('abort', stop));
}

interface LogAnswer {
  readonly status: 200 | 206 | 304 | 416;
  readonly headers: OutgoingHttpHeaders;
  /** Which bytes are the body; `null`: none. */
  readonly span: { readonly from: number; readonly to: number | null } | null;
}

/** The answer's head, and which bytes follow it. */
function answerTo(req: Exchange<Session>['req'], build: BuildRow, { form, follow }: Wish): LogAnswer {
  const ended = isFinal(build.status);
  const size = form === 'raw' ? build.logBytes : build.logTextBytes;
  // What a build that has ended has logged never changes.
  const etag = ended ? `"${build.id}-${form}-${size}"` : null;
  const headers: OutgoingHttpHeaders = {
    ...(etag === null ? {} : { etag }),
    'cache-control': ended ? 'private, no-cache' : 'no-store',
    'accept-ranges': size === null ? 'none' : 'bytes',
  };
  if (etag !== null && isUnchanged(req.headers, etag)) return { status: 304, headers, span: null };
  // Ranges are for GET alone.
  const range = req.method === 'GET' && size !== null ? requestedRange(req.headers, size, etag) : null;
  if (range === 'unsatisfiable') {
    return { status: 416, headers: { ...headers, 'content-range': `bytes */${size}` }, span: null };
  }
  const described = {
    ...headers,
    'content-type': form === 'raw' ? 'application/octet-stream' : 'text/plain; charset=utf-8',
    'content-disposition': `${form === 'raw' ? 'attachment' : 'inline'}; filename="${build.id}.log"`,
    // A build's output is a stranger's: a browser must take it for nothing but text.
    'content-security-policy': "default-src 'none'; frame-ancestors 'none'; sandbox",
  };
  if (range !== null) {
    const { from, to } = range;
    const place = `bytes ${from}-${to - 1}/${ended ? size : '*'}`;
    const more = { 'content-range': place, 'content-length': to - from };
    return { status: 206, headers: { ...described, ...more }, span: range };
  }
  if (size === null || (!ended && follow)) {
    return { status: 200, headers: described, span: { from: 0, to: null } };
  }
  return { status: 200, headers: { ...described, 'content-length': size }, span: { from: 0, to: size } };
}

function uidOfPath(id: string): string | null {
  if (isUuid(id)) return id;
  const read = tryReadGlobalId(id);
  return read?.type === 'ImageBuild' ? read.uid : null;
}

/** What was written another way must not be answered as if it were not there. */
function readWish(parameters: URLSearchParams): Wish {
  const unknown = [...parameters.keys()].find((name) => name !== 'form' && name !== 'follow');
  if (unknown !== undefined) {
    const message = `There is no parameter ${excerpt(unknown)}; there are form and follow, e.g. ?form=raw&follow=false.`;
    throw new BadInputError(message, [excerpt(unknown)]);
  }
  const form = LOG_FORMS.find((name) => name === (parameters.get('form') ?? 'text'));
  if (form === undefined) throw new BadInputError('`form` is text or raw.', ['form']);
  const follow = parameters.get('follow') ?? 'true';
  if (follow !== 'true' && follow !== 'false') {
    throw new BadInputError('`follow` is true or false.', ['follow']);
  }
  return { form, follow: follow === 'true' };
}

function expired(deletedAt: Date): HttpError {
  const message = `The log is no more: it was kept until ${deletedAt.toISOString()}.`;
  return new HttpError(410, 'EXPIRED', message);
}
