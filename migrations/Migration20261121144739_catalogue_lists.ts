import { Migration } from '@mikro-orm/migrations';

const GIN = ['image_search_text', 'image_search_grams', 'image_labels'];

export class Migration20261121144739_catalogue_lists extends Migration {

  override name = 'Migration20261121144739_catalogue_lists';

  override up(): void | Promise<void> {
    this.addSql(`create index "image_newest_built_in" on "image" ("created_at", "id") where type = 'BUILD_IN';`);
    this.addSql(`create index "image_newest_not_active" on "image" ("created_at", "id") where status <> 'ACTIVE' and status <> 'DELETED';`);
    this.addSql(`create index "image_newest_in_group" on "image" ("work_group", "created_at", "id");`);
    this.addSql(`create index "image_newest_of_tag" on "image" ("tag", "created_at", "id");`);
    for (const index of GIN) this.addSql(`alter index "${index}" set (gin_pending_list_limit = 256);`);
    // Twice as fine as by default: a term that one of 300 images has should not count as one of 100.
    this.addSql(`alter table "image" alter "search_text" set statistics 200;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "image" alter "search_text" set statistics -1;`);
    for (const index of GIN) this.addSql(`alter index "${index}" reset (gin_pending_list_limit);`);
    this.addSql(`drop index "image_newest_built_in";`);
    this.addSql(`drop index "image_newest_not_active";`);
    this.addSql(`drop index "image_newest_in_group";`);
    this.addSql(`drop index "image_newest_of_tag";`);
  }

}
