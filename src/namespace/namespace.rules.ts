/** The namespace of what names none; it exists from the first migration. */
export const DEFAULT_NAMESPACE = 'default';

/** The namespace of the platform's own images, such as its base images: what is pushed below it, everybody may build on. */
export const PLATFORM_NAMESPACE = 'slipway';
