import { createHash } from 'node:crypto';

// Ids and cursors as Slipway has them, so that all answers can be compared; without what it checks of those that come in.

const LIST = 'images CREATED_AT DESC';
const CHECKSUM = 8;

export function toGlobalId(type: 'Image' | 'ImageBuild' | 'Namespace', uid: string): string {
  return Buffer.from(`${type}:${uid}`).toString('base64url');
}

export function uidOfImage(id: string): string {
  return Buffer.from(id, 'base64url').toString().slice('Image:'.length);
}

/** The cursor of an image in the list of the newest. */
export function cursorOf(createdAt: Date, uid: string): string {
  const body = JSON.stringify([createdAt.toISOString(), uid]);
  const checksum = createHash('sha256').update(`${LIST}\n${body}`).digest('base64url').slice(0, CHECKSUM);
  return Buffer.from(checksum + body).toString('base64url');
}

/** Time and id of the image that a cursor stands for. */
export function placeOf(cursor: string): [string, string] {
  return JSON.parse(Buffer.from(cursor, 'base64url').toString().slice(CHECKSUM)) as [string, string];
}
