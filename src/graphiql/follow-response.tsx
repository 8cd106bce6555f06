import { useGraphiQL } from '@graphiql/react';
import { useEffect } from 'react';

/** Keeps the end of the response in sight while a subscription writes to it: a log grows at its end. */
export function FollowResponse() {
  const editor = useGraphiQL((state) => state.responseEditor);
  const isSubscribed = useGraphiQL((state) => state.subscription !== null);
  useEffect(() => {
    const model = editor?.getModel();
    if (!editor || !model || !isSubscribed) return;
    const listener = model.onDidChangeContent(() => {
      if (model.getValue().includes('"wholeLog"')) editor.revealLine(model.getLineCount());
    });
    return () => listener.dispose();
  }, [editor, isSubscribed]);
  return null;
}
