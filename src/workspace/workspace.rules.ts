/** The same form as a namespace's name. */
export const WORKSPACE_NAME = /^[a-z][A-Za-z0-9._-]{0,63}$/;
