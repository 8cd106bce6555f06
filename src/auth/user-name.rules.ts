/** What may be the name of a user. */
export const USER_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._@-]{0,63}$/;
