import { Migration } from '@mikro-orm/migrations';

export class Migration20261122061139_growth extends Migration {

  override name = 'Migration20261122061139_growth';

  override up(): void | Promise<void> {
    this.addSql(`drop index "image_counted";`);
    this.addSql(`create index "image_counted" on "image" ("namespace_id", "workspace_id", "visibility", "status", "replaces_id");`);
    this.addSql(`create index "image_stored" on "image" ("namespace_id", "workspace_id", "registry_host", "status", "size_bytes");`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "image_stored";`);
    this.addSql(`drop index "image_counted";`);
    this.addSql(`create index "image_counted" on "image" ("namespace_id", "workspace_id", "visibility", "status");`);
  }

}
