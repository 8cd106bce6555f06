const KEY = 'slipway:token';

/**
 * The access token: from the address (`#token=…`, as the server prints it), else from this browser tab's memory.
 *
 * It leaves the address bar at once, so that it gets neither into bookmarks nor into the history. `sessionStorage` forgets it
 * with the tab.
 */
export function takeToken(): string | null {
  const given = new URLSearchParams(location.hash.slice(1)).get('token');
  if (given) {
    keepToken(given);
    history.replaceState(null, '', location.pathname + location.search);
  }
  return given ?? sessionStorage.getItem(KEY);
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
