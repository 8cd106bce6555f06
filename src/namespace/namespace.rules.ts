/** The namespace of what names none; it exists from the first migration. */
export const DEFAULT_NAMESPACE = 'default';
