/** An image's id with its algorithm, which Podman leaves out. */
export const fullImageId = (id: string): string => (id.startsWith('sha256:') ? id : `sha256:${id}`);
