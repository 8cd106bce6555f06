import { Migration } from '@mikro-orm/migrations';

export class Migration20261121041446_long_names_and_comparable_index extends Migration {

  override name = 'Migration20261121041446_long_names_and_comparable_index';

  override up(): void | Promise<void> {
    this.addSql(`alter table "namespace" alter column "display_name" type text;`);

    this.addSql(`alter table "workspace" alter column "display_name" type text;`);

    this.addSql(`drop index "image_catalogue_name";`);
    this.addSql(`create unique index "image_catalogue_name" on "image" ("namespace_id", "name", "tag") where status <> 'DELETED' and status <> 'CREATE_FAILED' and replaces_id is null;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "image_catalogue_name";`);
    this.addSql(`create unique index "image_catalogue_name" on "image" ("namespace_id", "name", "tag") where status not in ('DELETED', 'CREATE_FAILED') and replaces_id is null;`);

    this.addSql(`alter table "namespace" alter column "display_name" type varchar(255) using (left("display_name", 255));`);

    this.addSql(`alter table "workspace" alter column "display_name" type varchar(255) using (left("display_name", 255));`);
  }

}
