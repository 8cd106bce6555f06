import { Migration } from '@mikro-orm/migrations';

export class Migration20261121195929_saved_notebooks extends Migration {

  override name = 'Migration20261121195929_saved_notebooks';

  override up(): void | Promise<void> {
    this.addSql(`alter table "image" add "source_image_id" uuid null;`);

    this.addSql(`alter table "image_build" add "notebook" jsonb null, add "notebook_held_since" timestamptz(3) null, add "notebook_paused_ms" int null;`);
    this.addSql(`create index "image_build_holding" on "image_build" ("id") where notebook_held_since is not null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "image" drop column "source_image_id";`);

    this.addSql(`drop index "image_build_holding";`);
    this.addSql(`alter table "image_build" drop column "notebook", drop column "notebook_held_since", drop column "notebook_paused_ms";`);
  }

}
