import { Duplex, Readable } from 'node:stream';
import Docker from 'dockerode';
import { toEngineError } from './docker-errors.ts';

/** A call whose answer is a stream of messages. */
export interface StreamCall {
  readonly path: string;
  /** A list gives its name once for each value. */
  readonly query: Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** A stream is sent as it comes; if it fails, so does the call. */
  readonly body?: Buffer | Readable;
  readonly signal?: AbortSignal | undefined;
}

/** A call that turns the connection into one of another protocol. */
export interface UpgradeCall {
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly signal: AbortSignal;
}

/** Answers that are not streams come within this time, or the engine counts as not answering. */
const ANSWER_TIMEOUT_MS = 30_000;

/** One engine's API, at one endpoint. Every call rejects with an EngineError, or with the reason of its own signal. */
export class EngineConnection {
  readonly docker: Docker;

  /** @param endpoint `unix:///…` or `tcp://host:port` */
  constructor(endpoint: string) {
    this.docker = new Docker(connectionOptions(endpoint));
  }

  /** A call that is answered soon, e.g. an inspect. Some of the client's calls take no signal: they are left behind. */
  async ask<T>(call: (docker: Docker, signal: AbortSignal) => Promise<T>, signal?: AbortSignal): Promise<T> {
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const both = signal ? AbortSignal.any([signal, timeout]) : timeout;
    return this.wait((docker) => untilAborted(call(docker, both), both), signal);
  }

  /** A call that takes as long as it takes, e.g. a commit; only `signal` ends it. */
  async wait<T>(call: (docker: Docker) => Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted();
    try {
      return await call(this.docker);
    } catch (error) {
      throw toEngineError(error, signal);
    }
  }

  /**
   * Posts, and gives the answer's stream. Not through dockerode's own `buildImage` and `push`: with BuildKit the former
   * opens a session that hands one pair of credentials to every registry that asks, and leaves it open on an abort.
   *
   * @throws Error as the client gives it: what a refusal means depends on the call
   */
  async post(call: StreamCall): Promise<Readable> {
    return this.#stream('POST', call);
  }

  /**
   * Gets an answer that is long or goes on, as a stream.
   *
   * @throws Error as the client gives it
   */
  async get(call: StreamCall): Promise<Readable> {
    return this.#stream('GET', call);
  }

  async #stream(method: string, { path, query, headers = {}, body, signal }: StreamCall): Promise<Readable> {
    signal?.throwIfAborted();
    const ended = new AbortController();
    const end = () => ended.abort(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    const set = Object.entries(query).filter(([, value]) => value !== undefined);
    const options = {
      path: `${path}?`,
      method,
      options: Object.fromEntries(set),
      headers: { ...headers },
      ...(body && { file: body }),
      abortSignal: ended.signal,
      isStream: true,
      statusCodes: { 200: true as const },
    };
    const answer = await this.#dial(options);
    if (!(answer instanceof Readable)) throw new Error('the engine answered without a stream');
    // From here on the connection is free for another call, and an abort would throw from it where nobody catches.
    answer.once('end', () => signal?.removeEventListener('abort', end));
    return answer;
  }

  /**
   * Posts, and gives the connection that the call was made on. It is the caller's to close.
   *
   * @throws Error as the client gives it
   */
  async upgrade({ path, headers, signal }: UpgradeCall): Promise<Duplex> {
    const timeout = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    const both = AbortSignal.any([signal, timeout]);
    const dialed = this.#dial({
      path,
      method: 'POST',
      headers: { ...headers },
      hijack: true,
      statusCodes: {},
    });
    try {
      const socket = await untilAborted(dialed, both);
      if (!(socket instanceof Duplex)) throw new Error('the engine answered without a connection');
      return socket;
    } catch (error) {
      dialed.then(
        (late) => late instanceof Duplex && late.destroy(),
        () => undefined,
      );
      throw error;
    }
  }

  async #dial(options: object): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const modem: Modem = this.docker.modem;
    modem.dial(options, (error, answer) => (error ? reject(error) : resolve(answer)));
    return promise;
  }
}

/** The answer, unless the signal is aborted before it comes: then the signal's reason. */
export async function untilAborted<T>(answer: Promise<T>, signal?: AbortSignal): Promise<T> {
  if (!signal) return answer;
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) abort();
  try {
    return await Promise.race([answer, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

/** A header's value as engines want it: JSON in URL-safe base64, padding and all. */
export function jsonHeader(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64').replaceAll('+', '-').replaceAll('/', '_');
}

/** The part of docker-modem that is used directly. */
interface Modem {
  dial(options: object, callback: (error: unknown, answer: unknown) => void): void;
}

function connectionOptions(endpoint: string): Docker.DockerOptions {
  const url = new URL(endpoint);
  // The unused half is set to nothing: the client would otherwise fill it from the environment.
  return url.protocol === 'unix:'
    ? { socketPath: url.pathname, host: undefined, port: undefined }
    : { host: url.hostname, port: url.port === '' ? '2375' : url.port, socketPath: undefined };
}
