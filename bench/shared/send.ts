/**
 * Sends the body of one GraphQL request and gives the answer's data.
 *
 * @throws Error with what the server said, where that is not data alone
 */
export async function send<Data>(url: string, body: string, token: string): Promise<Data> {
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/json',
      authorization: `Bearer ${token}`,
    },
    body,
  });
  const text = await response.text();
  const answer = response.ok ? (JSON.parse(text) as { data: Data; errors?: unknown }) : null;
  if (answer === null || answer.errors !== undefined) throw new Error(`${url}: ${response.status} ${text}`);
  return answer.data;
}
