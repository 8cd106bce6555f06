import { Migration } from '@mikro-orm/migrations';

export class Migration20261121034600_initial extends Migration {

  override name = 'Migration20261121034600_initial';

  override up(): void | Promise<void> {
    this.addSql(`drop index "image_catalogue_name";`);
    this.addSql(`create unique index "image_catalogue_name" on "image" ("namespace_id", "name", "tag") where status not in ('DELETED', 'CREATE_FAILED') and replaces_id is null;`);

    this.addSql(`alter table "image_build" add "lost_workers" int not null;`);

    // What exists from the first day: the administrator, and where those who name no other namespace or workspace work.
    this.addSql(`insert into "user_account" ("id", "name", "is_admin", "created_at") values (gen_random_uuid(), 'admin', true, now());`);
    this.addSql(`insert into "namespace" ("id", "name", "created_at", "updated_at") values (gen_random_uuid(), 'default', now(), now());`);
    this.addSql(`insert into "workspace" ("id", "name", "is_default", "created_at", "updated_at") values (gen_random_uuid(), 'default', true, now(), now());`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop index "image_catalogue_name";`);
    this.addSql(`create unique index "image_catalogue_name" on "image" ("namespace_id", "name", "tag") where ((status)::text <> ALL ((ARRAY['DELETED'::character varying, 'CREATE_FAILED'::character varying])::text[])) AND (replaces_id IS NULL);`);

    this.addSql(`alter table "image_build" drop column "lost_workers";`);
  }

}
