/** One entry of an image's history, as its configuration has it. */
export interface HistoryEntry {
  readonly created: string;
  readonly created_by: string;
  readonly comment?: string;
  /** The instruction made no layer, e.g. an ENV. */
  readonly empty_layer?: true;
}

/** One entry as the engine tells it. */
export interface ToldEntry {
  /** In seconds since 1970. */
  readonly Created: number;
  readonly CreatedBy: string;
  readonly Comment: string;
  /** Uncompressed bytes of the layer; 0 also where there is a layer without files. */
  readonly Size: number;
}

/** Instructions that make no layer, as the classic builder (`/bin/sh -c #(nop)  ENV A=b`) and BuildKit (`ENV A=b`) write them. */
const MAKES_NO_LAYER =
  /#\(nop\)\s+(?!(?:COPY|ADD|WORKDIR)\b)|^(?:ARG|CMD|ENTRYPOINT|ENV|EXPOSE|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|SHELL|STOPSIGNAL|USER|VOLUME)\b/;
/** Makes one or none, by builder and by whether the folder was there. */
const MAY_MAKE_NONE = /(?:#\(nop\)\s+|^)WORKDIR\b/;

/**
 * An image's history as its configuration had it, the oldest entry first. Engines do not tell which entries have a layer: those with a
 * size have one, and of the others those that can have made one, if that gives as many as the image has. Where it does not,
 * the layers are listed without a word about what made them: an image whose history does not fit its layers cannot be used. PURE.
 *
 * @param told the newest first, as the engine does
 */
export function historyOf(told: readonly ToldEntry[], layers: number): HistoryEntry[] {
  const entries = told.toReversed();
  const able = entries.filter(({ Size, CreatedBy }) => Size > 0 || !MAKES_NO_LAYER.test(CreatedBy));
  const sure = able.filter(({ Size, CreatedBy }) => Size > 0 || !MAY_MAKE_NONE.test(CreatedBy));
  const sized = able.filter(({ Size }) => Size > 0);
  const withLayer = [sized, sure, able].find(({ length }) => length === layers);
  if (!withLayer) return Array.from({ length: layers }, () => UNKNOWN);
  return entries.map((entry) => ({
    created: new Date(entry.Created * 1000).toISOString(),
    created_by: entry.CreatedBy,
    ...(entry.Comment !== '' && { comment: entry.Comment }),
    ...(!withLayer.includes(entry) && { empty_layer: true }),
  }));
}

const UNKNOWN: HistoryEntry = {
  created: new Date(0).toISOString(),
  created_by: 'a layer of the image that the notebook was started from',
};
