/** The token of an `Authorization: Bearer …` header; `null` where there is none or it is of another scheme. */
export function tokenOfHeader(authorization: string | undefined): string | null {
  const token = tokenAfterScheme(authorization ?? '');
  return token === null ? null : asText(token);
}

/** The token of a socket's `connection_init`: under `Authorization`, `authorization` or `token`, with or without "Bearer". */
export function tokenOfConnectionParams(
  params: Readonly<Record<string, unknown>> | undefined,
): string | null {
  const given = params?.['Authorization'] ?? params?.['authorization'] ?? params?.['token'];
  if (typeof given !== 'string') return null;
  return tokenAfterScheme(given) ?? (given.trim() || null);
}

/** Everything after "Bearer" but the blanks around it: an operator's own token may hold any character, blanks too. */
function tokenAfterScheme(text: string): string | null {
  return /^Bearer\s+(\S.*)$/i.exec(text.trim())?.[1] ?? null;
}

/** Node reads a header as one character a byte, which is what fetch sends; terminals send UTF-8, curl through them. */
function asText(header: string): string {
  if (/^[\x20-\x7e]*$/.test(header)) return header;
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(header, 'latin1'));
  } catch {
    return header;
  }
}
