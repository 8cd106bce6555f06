import { once } from 'node:events';
import { WebSocket } from 'ws';
import type { FuzzAnswer } from './fuzz-answers.ts';
import type { FuzzOperation } from './fuzz-operations.ts';

interface Message {
  readonly id?: string;
  readonly type: string;
  readonly payload?: unknown;
}

/** One socket on which many operations run. */
export class FuzzSocket implements AsyncDisposable {
  readonly #waiting = new Map<string, (message: Message) => void>();
  #last = 0;
  readonly #closed: Promise<Message>;

  private constructor(readonly socket: WebSocket) {
    this.#closed = new Promise((resolve) => {
      socket.once('close', (code, reason) => {
        const message = `the socket was closed with ${code}: ${reason.toString()}`;
        resolve({ type: 'error', payload: [{ message, extensions: { code: `CLOSED_${code}` } }] });
      });
    });
    socket.on('message', (data) => {
      const message = JSON.parse(String(data)) as Message;
      if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    });
  }

  static async open(url: string, token: string): Promise<FuzzSocket> {
    const socket = new WebSocket(`${url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const opened = new FuzzSocket(socket);
    socket.send(JSON.stringify({ type: 'connection_init', payload: { Authorization: `Bearer ${token}` } }));
    await once(socket, 'message');
    return opened;
  }

  /**
   * What is said first: a result, errors or the end. A subscription may have nothing to say: then it is what a query that was sent
   * after it has been answered with meanwhile, nothing.
   */
  async firstAnswer(operation: FuzzOperation): Promise<FuzzAnswer> {
    const startedAt = performance.now();
    this.#last += 1;
    const id = String(this.#last);
    const message = await Promise.race([
      this.#ask(id, operation),
      this.#ask(`${id}-later`, { query: '{ __typename }', variables: {} }),
      this.#closed,
    ]);
    this.#waiting.delete(id);
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify({ id, type: 'complete' }));
    const body = message.type === 'error' ? { errors: message.payload } : (message.payload ?? {});
    return {
      status: null,
      type: 'json',
      text: JSON.stringify(body),
      durationMs: performance.now() - startedAt,
    };
  }

  #ask(id: string, payload: FuzzOperation): Promise<Message> {
    const { promise, resolve } = Promise.withResolvers<Message>();
    this.#waiting.set(id, resolve);
    this.socket.send(JSON.stringify({ id, type: 'subscribe', payload }));
    return promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.socket.readyState === WebSocket.CLOSED) return;
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }
}
