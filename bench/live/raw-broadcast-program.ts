// The limit to compare with: a bare `ws` server that sends each frame that it is given to all who have subscribed to its build. It
// knows nobody's rights, reads no database and executes nothing. As ours, it sends a client the next frame when the last one has left.
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { type WebSocket, WebSocketServer } from 'ws';

const BUILDS = process.argv.slice(2);

interface Channel {
  readonly frames: Buffer[];
  readonly waiting: Set<() => void>;
}
const channels = BUILDS.map((): Channel => ({ frames: [], waiting: new Set() }));

const feed = createServer((socket) => {
  createInterface(socket).on('line', (line) => {
    const space = line.indexOf(' ');
    const channel = channels[Number(line.slice(0, space))] as Channel;
    channel.frames.push(Buffer.from(line.slice(space + 1)));
    const waiting = [...channel.waiting];
    channel.waiting.clear();
    for (const go of waiting) go();
  });
});

function follow(socket: WebSocket, channel: Channel): void {
  let next = 0;
  const go = () => {
    const frame = channel.frames[next];
    if (frame === undefined) return void channel.waiting.add(go);
    next += 1;
    socket.send(frame, { binary: false }, go);
  };
  socket.once('close', () => channel.waiting.delete(go));
  go();
}

const sockets = new WebSocketServer({ port: 0, host: '127.0.0.1' });
sockets.on('connection', (socket) => {
  socket.on('message', (data: Buffer) => {
    const { type, payload } = JSON.parse(data.toString());
    if (type === 'connection_init') socket.send('{"type":"connection_ack"}');
    else follow(socket, channels[BUILDS.indexOf(payload.variables.buildId)] as Channel);
  });
});
sockets.on('listening', () =>
  feed.listen(0, '127.0.0.1', () => {
    const portOf = (address: unknown) => (address as { port: number }).port;
    process.send?.({ port: portOf(sockets.address()), feedPort: portOf(feed.address()) });
  }),
);

// Whoever started it has ended.
process.once('disconnect', () => process.exit());
