/** What may be the name of a user. */
export const USER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/;

/** The user that SLIPWAY_ADMIN_TOKEN signs in. */
export const ADMIN_NAME = 'admin';

/** Is this the operator's user, or would it look like it? */
export function isOperators(name: string): boolean {
  return name.toLowerCase() === ADMIN_NAME;
}
