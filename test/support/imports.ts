import type { ApiClient } from './client.ts';

export interface RowError {
  readonly index: number;
  readonly imageId: string | null;
  readonly imageName: string | null;
  readonly imageTag: string | null;
  readonly field: string | null;
  readonly code: string;
  readonly message: string;
}
export interface Imported {
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly failed: number;
  readonly rowErrors: readonly RowError[];
  readonly rowErrorCount: number;
  readonly warnings: readonly string[];
  readonly userErrors: readonly { code: string; path: string[]; message: string; details: unknown }[];
}

export async function importImages(
  client: ApiClient,
  document: unknown,
  options: Record<string, unknown> = {},
): Promise<Imported> {
  const text = typeof document === 'string' ? document : JSON.stringify(document);
  const { importImages: imported } = await client.run<{ importImages: Imported }>(
    `mutation ($input: ImportImagesInput!) { importImages(input: $input) {
      created updated unchanged failed rowErrorCount warnings
      rowErrors { index imageId imageName imageTag field code message } userErrors { code path message details } } }`,
    { input: { document: text, ...options } },
  );
  return imported;
}

/** A record of S1's, with what it needs. */
export const record = (imageName: string, more: Record<string, unknown> = {}) => ({
  imageName,
  imageTag: '1.0',
  factory: 'ehl',
  algoName: '抽帧',
  algoType: '0',
  frameInterval: 1000,
  ...more,
});

/** Created, updated, unchanged, failed. */
export const countsOf = ({ created, updated, unchanged, failed }: Imported) => [
  created,
  updated,
  unchanged,
  failed,
];

/** Row, field and code of each error. */
export const errorsOf = ({ rowErrors }: Imported) =>
  rowErrors.map(({ index, field, code }) => `${index} ${field} ${code}`);
