import { decodeJwt, errors, type JWTPayload, type JWTVerifyResult, jwtVerify } from 'jose';
import { LRUCache } from 'lru-cache';
import type { Config } from '../config.ts';
import type { Fetch } from '../outgoing/guarded-fetch.ts';
import { UnavailableError } from '../shared/errors.ts';
import { excerpt } from '../shared/excerpt.ts';
import type { Logger } from '../shared/logger.ts';
import { createIssuerKeys, keysAway } from './issuer-keys.ts';
import { USER_NAME } from './user-name.rules.ts';

/** Somebody as the issuer knows them. */
export interface Identity {
  readonly issuer: string;
  /** The issuer's own word for them, which never changes: at most 255 characters. */
  readonly subject: string;
  /** What they would be called here; fit to be the name of a user. */
  readonly name: string;
  /** The token's end. */
  readonly expiresAt: Date;
}

/**
 * Who a JWT says that somebody is; `null` where it is not good, for reasons that the log has.
 *
 * @throws UnavailableError the issuer's keys are not to be had, so nobody knows
 */
export type VerifyJwt = (token: string) => Promise<Identity | null>;

// Tokens have some 1 to 4 KB. Node takes headers of 16 KiB, a socket's first message may be longer.
const MAX_TOKEN_LENGTH = 16_384;
// With a shared secret everybody who may check a token could make one, and the public key would do for one.
const ALGORITHMS = 'RS256 RS384 RS512 PS256 PS384 PS512 ES256 ES384 ES512 EdDSA Ed25519'.split(' ');
// A token that was made a moment ago is not yet valid where the issuer's clock is ahead of ours. Clocks that are kept by NTP differ
// by milliseconds. The end has no tolerance: 5 s of grace would be 5 s in which a subscription goes on.
const CLOCK_TOLERANCE_SECONDS = 5;
// Issuers sign other things too, such as what tells of a sign-out, and say so.
const TYPES: ReadonlySet<string> = new Set(['jwt', 'at+jwt', 'application/at+jwt']);
// The specification's limit, and the column's.
const SUBJECT = /^[^\0]{1,255}$/;

// Of every token in its time, so it is nothing to warn of.
const ENDED = 'it has ended, or has no end';

/**
 * Verifies ID tokens and access tokens of the operator's issuer. This costs 0.2 ms (RS256) to 0.6 ms (ES256), about as much as the look
 * into the database after it, so nothing is remembered: a key that the issuer takes back is good for nobody ten minutes later.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8725
 */
export function createJwtVerifier(
  oidc: NonNullable<Config['oidc']>,
  parts: { readonly fetch: Fetch; readonly log: Logger },
): VerifyJwt {
  const { issuer, audience, usernameClaim } = oidc;
  const keyOf = createIssuerKeys(issuer, parts);

  function identityOf({ payload, protectedHeader }: JWTVerifyResult): Identity | string {
    const { sub: subject = '', exp = 0 } = payload;
    if (!TYPES.has((protectedHeader.typ ?? 'jwt').toLowerCase()))
      return 'its type is not of a token to sign in with';
    // Of a sign-out, by an issuer that names no type: https://openid.net/specs/openid-connect-backchannel-1_0.html#LogoutToken
    if (payload['events'] !== undefined) return 'it tells of an event';
    if (!SUBJECT.test(subject) || !subject.isWellFormed())
      return 'its subject is empty, too long, or holds characters that are none';
    const name = nameOf(payload);
    return name === null ? 'it names nobody' : { issuer, subject, name, expiresAt: endOf(exp) };
  }

  function nameOf(payload: JWTPayload): string | null {
    const name = payload[usernameClaim];
    const isVerified = usernameClaim !== 'email' || String(payload['email_verified']) === 'true';
    if (typeof name === 'string' && USER_NAME.test(name) && isVerified) return name;
    const advice = isVerified
      ? 'set OIDC_USERNAME_CLAIM to a claim that every token has and that holds letters, digits, dots, hyphens, underscores and @ signs, at most 64'
      : 'have the issuer verify the address';
    const found = typeof name === 'string' ? excerpt(name) : typeof name;
    const subject = excerpt(payload.sub ?? '');
    parts.log.warn({ subject, claim: usernameClaim, found }, `a good JWT signs nobody in: ${advice}`);
    return null;
  }

  // A wrong setting refuses every token, and a stranger sends as many as they like: each reason is told once in a minute.
  const told = new LRUCache<string, true>({ max: 100, ttl: 60_000 });

  function refuse(reason: string): null {
    const level = reason === ENDED || told.has(reason) ? 'debug' : 'warn';
    told.set(reason, true, { noUpdateTTL: true });
    parts.log[level]({ reason }, 'a JWT was refused');
    return null;
  }

  return async (token) => {
    if (token.length > MAX_TOKEN_LENGTH) return refuse(`it has more than ${MAX_TOKEN_LENGTH} characters`);
    try {
      // Asked of the token itself first: one that has ended is no good whether or not the keys are to be had.
      const { iss, exp = 0 } = decodeJwt(token);
      if (iss !== issuer) return refuse('it is of another issuer');
      if (endOf(exp).getTime() <= Date.now()) return refuse(ENDED);
      const verified = await jwtVerify(token, keyOf, {
        issuer,
        audience,
        algorithms: ALGORITHMS,
        requiredClaims: ['exp', 'sub'],
        clockTolerance: CLOCK_TOLERANCE_SECONDS,
      });
      const identity = identityOf(verified);
      return typeof identity === 'string' ? refuse(identity) : identity;
    } catch (error) {
      if (error instanceof errors.JOSEError) return refuse(error.message);
      // What else breaks is a key, e.g. one that is too short to be safe.
      throw error instanceof UnavailableError ? error : keysAway(error);
    }
  };
}

/** @param exp seconds since 1970 */
function endOf(exp: number): Date {
  const lastMomentOfDate = 8_640_000_000_000_000;
  return new Date(Math.min(exp * 1000, lastMomentOfDate));
}
