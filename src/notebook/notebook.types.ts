import { Field, Int, ObjectType } from 'type-graphql';
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
  implements Pick<Notebook, 'name' | 'image' | 'layerCount' | 'containerId' | 'startedAt'>
{
  @Field(() => UUID, { description: "The notebook's UUID, as its label gives it." })
  uid!: string;

  @Field(() => String, { description: 'For people.' })
  name!: string;

  @Field(() => String, { description: 'The image that it was started from, as it was named then.' })
  image!: string;

  @Field(() => Int, {
    nullable: true,
    description:
      'Layers of the image that it was started from; a save adds one. Null: the engine has that image no more, or cannot read it.',
  })
  layerCount!: number | null;

  @Field(() => String, { description: "The engine's container." })
  containerId!: string;

  @Field(() => DateTime, {
    nullable: true,
    description: 'When it was started; null: it never was, or the engine does not say.',
  })
  startedAt!: Date | null;
}

export const NotebookConnection = connectionOf('Notebook', NotebookObject);
