import { Extensions, Field, InputType, Int, ObjectType } from 'type-graphql';
import { MutationInput, Payload } from '../../graphql/payload.types.ts';
import { ImportMode } from '../../shared/enums.ts';
import { UserErrorCode } from '../../shared/problems.ts';
import type { ImageExport } from './image-export.service.ts';
import type { RowProblem } from './image-import.rules.ts';
import type { Imported } from './image-import.service.ts';
import '../image.enums.ts';

@ObjectType('ImageExport', { description: 'The catalogue as a file.', simpleResolvers: true })
export class ImageExportObject implements ImageExport {
  @Field(() => String, { description: 'Always image_list.json.' })
  fileName!: string;

  @Field(() => String, { description: 'Always application/json.' })
  mediaType!: string;

  @Field(() => Int, { description: 'How many images are in it.' })
  count!: number;

  // Of 32 MiB at the most, each time that it is selected.
  @Extensions({ cost: 1000 })
  @Field(() => String, { description: "The file's text: JSON, an object of records by their image ids." })
  content!: string;

  @Field(() => String, { description: "SHA-256 of the file's bytes, 64 hex digits." })
  sha256!: string;
}

@InputType({ description: 'What holds for records that leave it blank.' })
export class ImportDefaultsInput {
  @Field(() => Int, {
    nullable: true,
    description: 'Time between two frames, in milliseconds, of records with an algorithm: those need one.',
  })
  frameInterval?: number | null;

  @Field(() => String, { nullable: true, description: "The algorithm's vendor." })
  factory?: string | null;

  @Field(() => String, { nullable: true, description: "The algorithm's category." })
  algoType?: string | null;
}

@InputType({ description: 'A file to read into the catalogue.' })
export class ImportImagesInput extends MutationInput {
  @Field(() => String, {
    description:
      'The text of an image_list.json: an object of records by their image ids, the answer around one, or a list of records. At most 50,000 records.',
  })
  document!: string;

  @Field(() => ImportMode, {
    nullable: true,
    defaultValue: ImportMode.ATOMIC,
    description: 'What becomes of it if some rows are wrong.',
  })
  mode?: ImportMode | null;

  @Field(() => ImportDefaultsInput, {
    nullable: true,
    description: 'What holds for records that leave it blank.',
  })
  defaults?: ImportDefaultsInput | null;

  @Field(() => String, {
    nullable: true,
    description: 'The namespace of records whose imageName has none; absent: `default`.',
  })
  namespace?: string | null;

  @Field(() => Boolean, {
    nullable: true,
    defaultValue: false,
    description: 'Check everything, change nothing; the counts say what would be.',
  })
  validateOnly?: boolean | null;
}

@ObjectType('ImportRowError', { description: 'What is wrong with a row.', simpleResolvers: true })
export class ImportRowErrorObject implements RowProblem {
  @Field(() => Int, { description: "The row's place in the document, from 0." })
  index!: number;

  @Field(() => String, {
    nullable: true,
    description: 'As the row has it; null: it has none that can be read.',
  })
  imageId!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'As the row has it; null: it has none that can be read.',
  })
  imageName!: string | null;

  @Field(() => String, {
    nullable: true,
    description: 'As the row has it; null: it has none that can be read.',
  })
  imageTag!: string | null;

  @Field(() => String, {
    nullable: true,
    description: "The document's key, e.g. imagePorts; null: the row as a whole.",
  })
  field!: string | null;

  @Field(() => UserErrorCode, { description: 'What is wrong, for a program.' })
  code!: UserErrorCode;

  @Field(() => String, { description: 'What is wrong and what to do, for a person.' })
  message!: string;
}

@ObjectType({ description: 'What came of an import.', simpleResolvers: true })
export class ImportImagesPayload extends Payload implements Omit<Imported, 'audited'> {
  @Field(() => Int, { description: 'Images that are new.' })
  created!: number;

  @Field(() => Int, { description: 'Images that were changed.' })
  updated!: number;

  @Field(() => Int, { description: 'Images that were as the document says already.' })
  unchanged!: number;

  @Field(() => Int, {
    description: 'Rows with something wrong. With ATOMIC a single one keeps all from being written.',
  })
  failed!: number;

  @Field(() => [ImportRowErrorObject], {
    description:
      'Everything that is wrong with any row, in the order of the rows; of more than 1,000 the first.',
  })
  rowErrors!: readonly RowProblem[];

  @Field(() => Int, { description: 'How many errors there are, also those that rowErrors leaves out.' })
  rowErrorCount!: number;

  @Field(() => [String], {
    description:
      'What is not wrong but worth knowing, e.g. keys that mean nothing here; of more than 100 the first, and how many more.',
  })
  warnings!: readonly string[];
}
