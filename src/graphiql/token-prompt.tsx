interface TokenPromptProps {
  /** Why the last token was not taken, if there was one. */
  readonly problem: string | null;
  readonly onToken: (token: string) => void;
}

/** Asks for an access token, where the address did not bring one. */
export function TokenPrompt({ problem, onToken }: TokenPromptProps) {
  return (
    <form
      className="token-prompt"
      onSubmit={(event) => {
        event.preventDefault();
        const token = new FormData(event.currentTarget).get('token');
        if (typeof token === 'string' && token.trim() !== '') onToken(token.trim());
      }}
    >
      <h1>Welcome to Slipway</h1>
      <p>
        To use the API here, paste your access token. On your own machine it is simplest to open the address
        that <code>npm start</code> printed: the token is at its end.
      </p>
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
      <label>
        Access token
        <input name="token" type="password" autoComplete="off" required />
      </label>
      <button type="submit">Continue</button>
    </form>
  );
}
