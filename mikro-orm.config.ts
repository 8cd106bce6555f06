import { ormOptions } from './src/db/orm.ts';

/** For the command line (`npm run migration`, `npm run check:migrations`); the server passes its own values. */
export default ormOptions(process.env['DATABASE_URL'] ?? 'postgresql://127.0.0.1:5432/slipway', 'migrations');
