import { BadInputError } from '../../shared/errors.ts';
import type { Algorithm } from '../content/image-content.ts';

/** What of an image can be searched. */
export interface Searchable {
  readonly name: string;
  readonly displayName: string | null;
  readonly description: string | null;
  readonly reference: string;
  readonly algorithm: Algorithm | null;
}

/** What a search text must hold. */
export interface Search {
  /** Folded. */
  readonly term: string;
  /** What finds it: a match has all of these among its search grams. `null`: trigrams do. */
  readonly grams: readonly string[] | null;
  /** Where trigrams do: the parts of the term that they are taken of, in their order; absent: all of it. */
  readonly parts?: readonly string[];
}

/** The longest term, in code points: what the longest of the texts that people write has. */
const MAX_TERM = 512;
/** An index narrows by a few grams as well as by all of them. */
const MAX_GRAMS = 16;
const CONTROL = /\p{Cc}/u;
/** What any PostgreSQL has a trigram of: one whose character type is C, as the embedded one's, knows no other letters. */
const HAS_TRIGRAM = /^(?=.*[a-z0-9]{3})[\x20-\x7e]*$/;
/** Three characters of a term that PostgreSQL makes a trigram of; where a word begins or ends, that has a blank. */
const TRIGRAM = /^(?:[a-z0-9]{3}|[^a-z0-9][a-z0-9]{2}|[a-z0-9]{2}[^a-z0-9])$/;

/**
 * Case, and the widths and forms in which the same letter can be written, do not count in a search. Nor does it count whether
 * a sigma ends a word: its small form is the one that would depend on its neighbours.
 */
export function foldForSearch(text: string): string {
  return text.normalize('NFKC').toLowerCase().replaceAll('ς', 'σ');
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

/**
 * Reads a term to search by; blanks around it do not count.
 *
 * @param path where it stands in the arguments, for the error
 * @returns `null` for none, which does not narrow
 * @throws BadInputError for one that is too long, or that holds control characters: texts are searched line by line
 */
export function readSearch(term: string | null | undefined, path: readonly string[]): Search | null {
  const trimmed = term?.trim() ?? '';
  return trimmed === '' ? null : readTrimmed(trimmed, path);
}

function readTrimmed(term: string, path: readonly string[]): Search {
  if (CONTROL.test(term)) {
    throw new BadInputError('A search goes through single lines; take the control characters out.', path);
  }
  const length = [...term].length;
  if (length > MAX_TERM) {
    throw new BadInputError(`Search for at most ${MAX_TERM} characters; these are ${length}.`, path, {
      max: MAX_TERM,
      current: length,
    });
  }
  const folded = foldForSearch(term);
  return { term: folded, grams: HAS_TRIGRAM.test(folded) ? null : gramsToFind(folded) };
}

/**
 * The same search, looked up by what narrows it: an index takes as long to find that nearly all images have a gram as it takes to find
 * all of them. A term with nothing else in it, or none among the pairs that it is looked up by, stays as it is.
 *
 * @param common the grams and trigrams of nearly all images, in PostgreSQL's words
 */
export function withoutCommon(search: Search, common: ReadonlySet<string>): Search {
  const { term, grams } = search;
  if (grams === null) {
    const parts = rareParts(term, common);
    return parts.length === 0 ? search : { ...search, parts };
  }
  const rare = grams.filter((gram) => !common.has(gram));
  return rare.length === 0 ? search : { ...search, grams: rare };
}

/** The parts of a term that its trigrams cover which are not common. */
function rareParts(term: string, common: ReadonlySet<string>): string[] {
  const isRare = (start: number) => {
    const three = term.slice(start, start + 3);
    return TRIGRAM.test(three) && !common.has(three.replace(/[^a-z0-9]/, ' '));
  };
  const starts = [...term].map((_, index) => isRare(index));
  const covered = [...term].map((character, index) =>
    starts[index] || starts[index - 1] || starts[index - 2] ? character : '\n',
  );
  return covered
    .join('')
    .split('\n')
    .filter((part) => part !== '');
}

/** The pairs of neighbours in a term, or its only character. */
function gramsToFind(term: string): string[] {
  const characters = [...term];
  if (characters.length === 1) return characters;
  const pairs = characters.slice(1).map((character, index) => `${characters[index]}${character}`);
  return [...new Set(pairs)].slice(0, MAX_GRAMS);
}
