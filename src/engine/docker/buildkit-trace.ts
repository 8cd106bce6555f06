import { createRequire } from 'node:module';
import protobuf from 'protobufjs';

/** What one message of BuildKit's trace says. Fields that are not set are missing. */
export interface BuildKitTrace {
  readonly vertexes?: readonly TraceVertex[];
  readonly statuses?: readonly TraceStatus[];
  readonly logs?: readonly TraceLog[];
  readonly warnings?: readonly { readonly vertex?: string; readonly short?: Uint8Array }[];
}
export interface TraceVertex {
  readonly digest: string;
  readonly name?: string;
  readonly cached?: boolean;
  readonly started?: TraceTime;
  readonly completed?: TraceTime;
  readonly error?: string;
}
/** A part of what a vertex does, e.g. the download of one layer. */
export interface TraceStatus {
  readonly ID: string;
  readonly vertex: string;
  /** E.g. `downloading`, `done`, `extract`; missing where the ID says it all. */
  readonly name?: string;
  /** In bytes. */
  readonly current?: number;
  readonly completed?: TraceTime;
}
export interface TraceLog {
  readonly vertex: string;
  readonly timestamp?: TraceTime;
  /** 1 is standard output, 2 standard error. */
  readonly stream?: number;
  readonly msg?: Uint8Array;
}
export interface TraceTime {
  readonly seconds?: number;
  readonly nanos?: number;
}

let statusResponse: protobuf.Type | null = null;

/** Decodes the `aux` of a `moby.buildkit.trace` message, in base64. The definition is a file of dockerode's, read at the first call. */
export function decodeTrace(base64: string): BuildKitTrace {
  statusResponse ??= protobuf
    .loadSync(createRequire(import.meta.url).resolve('dockerode/lib/proto/buildkit_status.proto'))
    .lookupType('moby.buildkit.v1.StatusResponse');
  const message = statusResponse.decode(Buffer.from(base64, 'base64'));
  return statusResponse.toObject(message, { longs: Number });
}

export function traceDate({ seconds = 0, nanos = 0 }: TraceTime): Date {
  return new Date(seconds * 1000 + Math.floor(nanos / 1_000_000));
}
