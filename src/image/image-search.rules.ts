import type { Algorithm } from './image-content.ts';

/** What of an image can be searched. */
export interface Searchable {
  readonly name: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly reference: string;
  readonly algorithm: Algorithm | null;
}

/** Case, and the widths and forms in which the same letter can be written, do not count in a search. */
export function foldForSearch(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

/** What a search looks through: the searchable texts, folded, one to a line. */
export function searchTextOf({ name, displayName, description, reference, algorithm }: Searchable): string {
  const texts = [name, displayName, description, reference, algorithm?.name, algorithm?.factory];
  return foldForSearch(texts.filter((text) => text !== null && text !== undefined && text !== '').join('\n'));
}

/** Every character and every pair of neighbours in the search text, each once: what finds terms that are too short for a trigram. */
export function searchGramsOf(image: Searchable): string[] {
  return gramsOf(searchTextOf(image));
}

/** Every character and every pair of neighbouring characters of a text, each once. */
export function gramsOf(text: string): string[] {
  const grams = new Set<string>();
  for (const line of text.split('\n')) {
    let before = '';
    for (const character of line) {
      grams.add(character);
      if (before !== '') grams.add(before + character);
      before = character;
    }
  }
  return [...grams];
}
