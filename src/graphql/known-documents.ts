import { type DocumentNode, getOperationAST, type OperationDefinitionNode } from 'graphql';
import { LRUCache } from 'lru-cache';

/**
 * Characters of the texts of documents that are kept. Parsed, a document of short names takes 136 times its text: 36 MB for all of
 * these, where a viewer sends such on purpose.
 */
const MAX_KEPT = 256 * 1024;

/** Documents that were read and found good: those of a page's queries come again and again. */
export class KnownDocuments {
  readonly #documents = new LRUCache<string, DocumentNode>({
    maxSize: MAX_KEPT,
    sizeCalculation: (_document, text) => text.length + 1,
  });

  /** @param document a valid one */
  add(text: string, document: DocumentNode): void {
    if (!this.#documents.has(text)) this.#documents.set(text, document);
  }

  documentOf(text: string): DocumentNode | undefined {
    return this.#documents.get(text);
  }

  /** @param name `null` or `undefined` for the only one of the document */
  operationOf(
    text: string,
    name: string | null | undefined,
  ): { readonly document: DocumentNode; readonly operation: OperationDefinitionNode } | undefined {
    const document = this.#documents.get(text);
    const operation = document && getOperationAST(document, name);
    return operation ? { document, operation } : undefined;
  }
}
