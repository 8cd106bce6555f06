import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

/** What is shorter gains too little. */
const MIN_BYTES = 1024;
/** The fastest: three times as fast as the database, which would compress by its own means, and twice as small. */
const LEVEL = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** A row's bytes as they are stored. */
export interface StoredData {
  readonly data: Buffer;
  /** How many they are without compression; `null`: they have none. */
  readonly dataBytes: number | null;
}

/** Compresses a row's bytes by zstd (RFC 8878) on another thread, where that makes them fewer. */
export async function compressData(data: Buffer): Promise<StoredData> {
  if (data.byteLength < MIN_BYTES) return { data, dataBytes: null };
  const compressed = await compress(data, LEVEL);
  return compressed.byteLength < data.byteLength
    ? { data: compressed, dataBytes: data.byteLength }
    : { data, dataBytes: null };
}

/** @throws Error where they are not what was compressed */
export async function decompressData({ data, dataBytes }: StoredData): Promise<Buffer> {
  return dataBytes === null ? data : await decompress(data, { maxOutputLength: dataBytes });
}
