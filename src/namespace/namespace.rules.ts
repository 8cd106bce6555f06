/** S2's rule for a namespace. */
export const NAMESPACE_NAME = /^[a-z][A-Za-z0-9._-]{0,63}$/;
/** The namespace of what names none; it exists from the first migration. */
export const DEFAULT_NAMESPACE = 'default';
