/**
 * What every answer says to browsers; the GraphiQL page and the log of a build say their own policy. There is no
 * `Strict-Transport-Security`: it is for whoever ends TLS in front of us and knows whether all of the host has it. There is no
 * `Permissions-Policy` either: it limits scripts and frames of strangers, and no page of ours has any.
 */
export const SECURITY_HEADERS = Object.entries({
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'x-frame-options': 'DENY',
  // For what pages embed. What they fetch is the affair of CORS.
  'cross-origin-resource-policy': 'same-origin',
});
