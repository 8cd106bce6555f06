import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

const ALGORITHM = 'aes-256-gcm';
/** Of this file's own layout: version, nonce, tag, ciphertext. */
const VERSION = 1;
/** 96 bits, as NIST SP 800-38D has it for GCM; random ones are good for 2^32 messages of one key. */
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + NONCE_BYTES + TAG_BYTES;

/** Sealed with another key, for another place, or changed since. */
export class UnsealError extends Error {
  override readonly name = 'UnsealError';
}

/** Seals texts that must not be readable where they are kept. */
export class SecretBox {
  /** @param key 32 bytes */
  constructor(private readonly key: Buffer) {}

  /** @param place where it is kept: a sealed text that is moved elsewhere cannot be opened there */
  seal(text: string, place: string): Buffer {
    const nonce = randomBytes(NONCE_BYTES);
    const cipher = createCipheriv(ALGORITHM, this.key, nonce).setAAD(Buffer.from(place));
    const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([Buffer.of(VERSION), nonce, cipher.getAuthTag(), sealed]);
  }

  /** @throws UnsealError */
  open(sealed: Uint8Array, place: string): string {
    const bytes = Buffer.from(sealed);
    const nonce = bytes.subarray(1, 1 + NONCE_BYTES);
    const tag = bytes.subarray(1 + NONCE_BYTES, HEADER_BYTES);
    try {
      if (bytes[0] !== VERSION) throw new Error('unknown version');
      const decipher = createDecipheriv(ALGORITHM, this.key, nonce, { authTagLength: TAG_BYTES })
        .setAAD(Buffer.from(place))
        .setAuthTag(tag);
      return Buffer.concat([decipher.update(bytes.subarray(HEADER_BYTES)), decipher.final()]).toString();
    } catch (error) {
      throw new UnsealError('cannot be opened with this key', { cause: error });
    }
  }
}
