import { Migration } from '@mikro-orm/migrations';

export class Migration20261122032029_speed extends Migration {

  override name = 'Migration20261122032029_speed';

  override up(): void | Promise<void> {
    this.addSql(`create index "image_by_name_in_namespace" on "image" (namespace_id, (name collate "C"), id);`);
    this.addSql(`create index "image_counted" on "image" ("namespace_id", "workspace_id", "visibility", "status");`);

    this.addSql(`create index "image_build_newest_of_status" on "image_build" ("status", "created_at", "id");`);
    this.addSql(`create index "image_build_newest_of_kind" on "image_build" ("kind", "created_at", "id");`);
    this.addSql(`create index "image_build_counted" on "image_build" ("namespace_id", "workspace_id");`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "image_by_name_in_namespace";`);
    this.addSql(`drop index "image_counted";`);

    this.addSql(`drop index "image_build_newest_of_status";`);
    this.addSql(`drop index "image_build_newest_of_kind";`);
    this.addSql(`drop index "image_build_counted";`);
  }

}
