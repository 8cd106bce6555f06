/** The same form as a namespace's name. */
export const WORKSPACE_NAME = /^[a-z][A-Za-z0-9._-]{0,63}$/;
/** The workspace of what names none; it exists from the first migration. */
export const DEFAULT_WORKSPACE = 'default';
