import type { DockerfileInstruction, ParsedDockerfile } from '../../shared/dockerfile.ts';

/** E.g. `[build 2/4] RUN make`; with one stage only, `[2/4] RUN make`. */
const VERTEX = /^\[(?:(?:\S+ )?(\S+) )?(\d+)\/(\d+)\] (\S+)(.*)$/s;
/** The instructions that make a layer, each of which is a vertex. */
const LAYERS = new Set(['RUN', 'COPY', 'ADD', 'WORKDIR']);

/** A vertex of a stage, as its name has it. */
interface StageVertex {
  readonly digest: string;
  /** Counts from 1 within the stage. */
  readonly place: number;
  readonly total: number;
  readonly keyword: string;
  /** What is certain of the rest. */
  readonly text: string;
}
interface Layer {
  readonly instruction: DockerfileInstruction;
  /** What is certain of its text behind the keyword, with anything between two parts. */
  readonly parts: readonly string[];
}
interface Stage {
  readonly layers: readonly Layer[];
  readonly vertices: StageVertex[];
}

/**
 * Which instruction each of BuildKit's vertices stands for. Their numbers alone do not tell: triggers of the base image
 * (ONBUILD) are vertices of the stage too, which an older BuildKit counts but leaves out of the total, and a `WORKDIR /` is in the
 * total and is none. Nor do their texts, in which variables are filled in and which may come twice. So a vertex is the instruction at
 * its place if the texts agree, else another one of the stage whose text agrees. PURE.
 */
export class BuildKitPlaces {
  private readonly stages = new Map<number | null, Stage>();
  private readonly stageOf = new Map<string, Stage>();
  private readonly placed = new Map<string, DockerfileInstruction | null>();

  /** @param needed the instructions of the stages that are built */
  constructor(
    private readonly dockerfile: ParsedDockerfile,
    private readonly needed: readonly DockerfileInstruction[],
    private readonly target: number | null,
  ) {}

  /**
   * Takes a vertex in. BuildKit names all of a stage before the first of them starts, in one message or in several; only a
   * FROM that another build has started may already run.
   */
  add(digest: string, name: string): void {
    if (this.stageOf.has(digest)) return;
    const [, stageName, place, total, keyword = '', text = ''] = VERTEX.exec(name) ?? [];
    if (place === undefined) return;
    const stage = this.stageNamed(stageName);
    stage.vertices.push({
      digest,
      place: Number(place),
      total: Number(total),
      keyword: keyword.toUpperCase(),
      text: certain(text),
    });
    this.stageOf.set(digest, stage);
  }

  /** The instruction; `null` for a trigger, and for what is no vertex of a stage. */
  find(digest: string): DockerfileInstruction | null {
    const stage = this.stageOf.get(digest);
    if (stage && !this.placed.has(digest)) this.placed.set(digest, this.place(stage).get(digest) ?? null);
    return this.placed.get(digest) ?? null;
  }

  private stageNamed(name: string | undefined): Stage {
    const { stages, baseImages } = this.dockerfile;
    const found = stages.findLast(
      ({ name: own, index }) => own === name?.toLowerCase() || `stage-${index}` === name,
    );
    const at = found?.index ?? this.target;
    const known = this.stages.get(at);
    if (known) return known;
    // Of another stage's image, or of none, there is nothing to fetch.
    const isLayer = (instruction: DockerfileInstruction) =>
      LAYERS.has(instruction.keyword) ||
      (instruction.keyword === 'FROM' && baseImages.some((use) => use.instruction === instruction));
    const layers = this.needed
      .filter((instruction) => instruction.stageIndex === at && isLayer(instruction))
      .map((instruction) => ({ instruction, parts: certainParts(instruction) }));
    const stage = { layers, vertices: [] };
    this.stages.set(at, stage);
    return stage;
  }

  /** The instruction of each vertex that has none yet, by what is known of the stage so far. */
  private place({ layers, vertices }: Stage): ReadonlyMap<string, DockerfileInstruction> {
    const found = new Map<string, DockerfileInstruction>();
    const taken = new Set(vertices.map(({ digest }) => this.placed.get(digest)));
    const free = new Set(layers.filter(({ instruction }) => !taken.has(instruction)));
    let open = vertices.filter(({ digest }) => !this.placed.has(digest)).sort((a, b) => b.place - a.place);
    const take = (choose: (vertex: StageVertex) => Layer | undefined) => {
      open = open.filter((vertex) => {
        const layer = choose(vertex);
        if (!layer) return true;
        free.delete(layer);
        found.set(vertex.digest, layer.instruction);
        return false;
      });
    };
    // Triggers come right behind the base.
    const counted = vertices.reduce((max, { place, total }) => Math.max(max, place, total), 0);
    const surplus = Math.max(0, counted - layers.length);
    const at = ({ place, keyword }: StageVertex) => {
      const layer = layers[place === 1 && keyword === 'FROM' ? 0 : place - 1 - surplus];
      return layer && free.has(layer) && layer.instruction.keyword === keyword ? layer : undefined;
    };
    take((vertex) => {
      const layer = at(vertex);
      return layer && isText(vertex, layer) ? layer : undefined;
    });
    take((vertex) => [...free].findLast((layer) => isText(vertex, layer)));
    // A text that BuildKit has changed in a way that is not known here.
    take((vertex) => (surplus === 0 ? at(vertex) : undefined));
    return found;
  }
}

/** More of a text is not compared. */
const MAX_COMPARED = 4_000;
/** What BuildKit may leave out or put in when it reads a word: spaces, quotes and escapes. */
const UNCERTAIN = /[\s\\`'"]+/g;
/** `$NAME` or `${NAME…}`, which may stand for anything. */
const VARIABLE = /\$(?:\{[^}]*\}*|\w+)/;

const certain = (text: string): string => text.replace(UNCERTAIN, '').slice(0, MAX_COMPARED);

function certainParts({ keyword, text, heredocs }: DockerfileInstruction): string[] {
  // BuildKit gives the image's full name, with a digest.
  if (keyword === 'FROM') return ['', ''];
  const rest = text.replace(/^\S+/, '');
  // The body of a here-document follows in short.
  const hasMore = heredocs.length > 0 || rest.length > MAX_COMPARED;
  return [...rest.slice(0, MAX_COMPARED).split(VARIABLE).map(certain), ...(hasMore ? [''] : [])];
}

/** Has the vertex's text all parts in their order, the first at its start and the last at its end? */
function isText({ keyword, text }: StageVertex, { instruction, parts }: Layer): boolean {
  if (keyword !== instruction.keyword) return false;
  const first = parts[0] ?? '';
  const last = parts.at(-1) ?? '';
  if (parts.length === 1) return text === first;
  if (!text.startsWith(first) || !text.endsWith(last)) return false;
  let from = first.length;
  for (const part of parts.slice(1, -1)) {
    const found = text.indexOf(part, from);
    if (found < 0) return false;
    from = found + part.length;
  }
  return from + last.length <= text.length;
}
