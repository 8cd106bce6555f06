import 'graphiql/setup-workers/vite';
import 'graphiql/style.css';
import './page.css';
import { GraphiQL, HISTORY_PLUGIN } from 'graphiql';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { type Facts, readFacts, readyStoredTabs, resetExamples } from './facts.ts';
import { createFetcher } from './fetcher.ts';
import { FollowResponse } from './follow-response.tsx';
import { SignedOutError } from './request.ts';
import { exampleTabs } from './tabs.ts';
import { forgetToken, keepToken, takeToken } from './token.ts';
import { TokenPrompt } from './token-prompt.tsx';

function Page() {
  const [token, setToken] = useState(takeToken);
  const [facts, setFacts] = useState<Facts | null>(null);
  const [problem, setProblem] = useState<string | null>(null);

  const signOut = useCallback((reason: string | null) => {
    forgetToken();
    setToken(null);
    setFacts(null);
    setProblem(reason);
  }, []);

  useEffect(() => {
    if (token === null) return;
    readFacts(token).then(
      (found) => {
        keepToken(token);
        readyStoredTabs(found);
        setFacts(found);
      },
      (error: unknown) => {
        if (error instanceof SignedOutError) signOut('The server does not know this token.');
        else setProblem('The server does not answer. Is it running? Reload the page to try again.');
      },
    );
  }, [token, signOut]);

  if (token === null) return <TokenPrompt problem={problem} onToken={setToken} />;
  if (facts === null) return <p className="notice">{problem ?? 'Asking the server…'}</p>;
  return <Explorer token={token} facts={facts} onSignOut={() => signOut(null)} />;
}

interface ExplorerProps {
  readonly token: string;
  readonly facts: Facts;
  readonly onSignOut: () => void;
}

function Explorer({ token, facts, onSignOut }: ExplorerProps) {
  const fetcher = useMemo(() => createFetcher(token), [token]);
  const tabs = useMemo(() => exampleTabs(facts), [facts]);

  return (
    <GraphiQL
      fetcher={fetcher}
      defaultTabs={tabs}
      defaultEditorToolsVisibility="variables"
      isHeadersEditorEnabled={false}
      plugins={[HISTORY_PLUGIN]}
      inputValueDeprecation
      schemaDescription
    >
      <GraphiQL.Logo>
        <span className="brand">
          <strong>Slipway</strong>
          <button type="button" onClick={resetExamples}>
            Reset examples
          </button>
          <button type="button" onClick={onSignOut}>
            Sign out
          </button>
          <FollowResponse />
        </span>
      </GraphiQL.Logo>
    </GraphiQL>
  );
}

const root = document.getElementById('page');
if (root) createRoot(root).render(<Page />);
