/**
 * Where our connections look for what is named without a schema: in `public` alone. PostgreSQL's own default begins with a schema
 * that has the role's name, and whoever may make schemas could put tables and functions of theirs there for another role to meet.
 */
const SEARCH_PATH = '-c search_path=public';

/** The address for whoever connects with it by itself: with {@link SEARCH_PATH} after such options as it has already. */
export function withSearchPath(databaseUrl: string): string {
  return withOption(databaseUrl, SEARCH_PATH);
}

/** The address with one more option for the server, after those that it has already. */
export function withOption(databaseUrl: string, option: string): string {
  const url = new URL(databaseUrl);
  const given = url.searchParams.get('options');
  url.searchParams.set('options', given === null ? option : `${given} ${option}`);
  return url.href;
}
