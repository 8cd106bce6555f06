import type { RegistryReader } from './image-registry.ts';

/** PORT: every registry that a reference can name, for reading. */
export interface RegistryDirectory {
  /**
   * The registry of a reference's host; nothing is asked yet. Its methods reject with `NOT_ALLOWED` where the operator does
   * not let this server ask it.
   *
   * @param host `host[:port]`
   * @returns for every spelling of the platform's own registry that very object: what it holds is not for everybody, so
   *   compare, and check the viewer's rights first
   */
  readerOf(host: string): RegistryReader;
}
