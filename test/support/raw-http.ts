import { connect } from 'node:net';

export interface RawAnswer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/**
 * Sends bytes as they stand, which no HTTP client would, and reads what is answered until the server closes the connection: a request
 * that is in order says `Connection: close`.
 *
 * @returns the answers, in order; none where the connection ends without one
 */
export function sendRaw(port: number, request: string | Buffer): Promise<readonly RawAnswer[]> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(request));
    const received = () => answersIn(Buffer.concat(chunks).toString('latin1'));
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.once('close', () => resolve(received()));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // What was sent after the server had enough of it.
      if (error.code === 'ECONNRESET' || error.code === 'EPIPE') resolve(received());
      else reject(error);
    });
  });
}

function answersIn(text: string): RawAnswer[] {
  const answers: RawAnswer[] = [];
  for (let rest = text; rest.startsWith('HTTP/'); ) {
    const [head = ''] = rest.split('\r\n\r\n', 1);
    const [first = '', ...lines] = head.split('\r\n');
    const headers = Object.fromEntries(
      lines.map((line) => {
        const colon = line.indexOf(':');
        return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
      }),
    );
    const end = head.length + 4 + Number(headers['content-length'] ?? 0);
    answers.push({ status: Number(first.split(' ')[1]), headers, body: rest.slice(head.length + 4, end) });
    rest = rest.slice(end);
  }
  return answers;
}
