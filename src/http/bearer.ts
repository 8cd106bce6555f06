/** The token of an `Authorization: Bearer …` header; `null` where there is none or it is of another scheme. */
export function tokenOfHeader(authorization: string | undefined): string | null {
  return /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1] ?? null;
}

/** The token of a socket's `connection_init`: under `Authorization`, `authorization` or `token`, with or without "Bearer". */
export function tokenOfConnectionParams(
  params: Readonly<Record<string, unknown>> | undefined,
): string | null {
  const given = params?.['Authorization'] ?? params?.['authorization'] ?? params?.['token'];
  if (typeof given !== 'string') return null;
  return tokenOfHeader(given) ?? (/^\S+$/.test(given) ? given : null);
}
