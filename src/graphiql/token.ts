const KEY = 'slipway:token';

/**
 * The access token: from the address (`#token=…`, as the server prints it), else from this browser tab's memory.
 *
 * It leaves the address bar at once, so that it gets neither into bookmarks nor into the history. `sessionStorage` forgets it
 * with the tab.
 */
export function takeToken(): string | null {
  const given = tokenInAddress();
  if (given) {
    keepToken(given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem(KEY);
}

/** Percent-encoded, as the server prints it; one that somebody put there by hand is taken as it is. */
function tokenInAddress(): string | null {
  // URLSearchParams would take a + for a blank.
  const token = /^#token=(.+)$/.exec(location.hash)?.[1];
  if (token === undefined) return null;
  try {
    return decodeURIComponent(token);
  } catch {
    return token;
  }
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
