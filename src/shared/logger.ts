import { type Logger, pino } from 'pino';

export type { Logger };

/** The process's log: one JSON object a line on standard error, so that standard output stays for what people read. */
export function createLogger(level: string): Logger {
  return pino(
    {
      level,
      redact: { paths: ['token', 'authorization', 'password', '*.token', '*.password'], censor: '[hidden]' },
    },
    pino.destination({ fd: 2, sync: false }),
  );
}
