/** As much of somebody's input as a message quotes: at most `max` characters, and `…` where there is more. */
export function excerpt(text: string, max = 100): string {
  if (text.length <= max) return text;
  // A character is at most two UTF-16 units; the slice keeps a text of megabytes from being spread out.
  const kept = [...text.slice(0, 2 * max)].slice(0, max).join('');
  return kept.length === text.length ? text : `${kept}…`;
}
