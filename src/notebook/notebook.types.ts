import { Field, ObjectType } from 'type-graphql';
import { connectionOf } from '../graphql/connection.ts';
import { NodeInterface } from '../graphql/node.types.ts';
import { DateTime, UUID } from '../graphql/scalars.ts';
import type { Notebook } from './notebook.service.ts';

@ObjectType('Notebook', {
  implements: NodeInterface,
  description: 'A notebook instance: a container of the engine that carries the notebook labels.',
  simpleResolvers: true,
})
export class NotebookObject
  extends NodeInterface
  implements Pick<Notebook, 'name' | 'image' | 'containerId' | 'startedAt' | 'uncapturedMounts'>
{
  @Field(() => UUID, { description: "The notebook's UUID, as its label gives it." })
  uid!: string;

  @Field(() => String, { description: 'For people.' })
  name!: string;

  @Field(() => String, { description: 'The image that it was started from.' })
  image!: string;

  @Field(() => String, { description: "The engine's container." })
  containerId!: string;

  @Field(() => DateTime, { nullable: true, description: 'When it was started; null: it never was.' })
  startedAt!: Date | null;

  @Field(() => [String], {
    description: 'What a save would not capture: where volumes and bind mounts are mounted.',
  })
  uncapturedMounts!: readonly string[];
}

export const NotebookConnection = connectionOf('Notebook', NotebookObject);
