import { Migration } from '@mikro-orm/migrations';

export class Migration20261122092439_public_in_namespace extends Migration {

  override name = 'Migration20261122092439_public_in_namespace';

  override up(): void | Promise<void> {
    this.addSql(`create index "image_newest_public_in_namespace" on "image" ("namespace_id", "created_at", "id") where visibility = 'PUBLIC';`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "image_newest_public_in_namespace";`);
  }

}
