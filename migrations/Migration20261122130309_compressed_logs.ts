import { Migration } from '@mikro-orm/migrations';

export class Migration20261122130309_compressed_logs extends Migration {

  override name = 'Migration20261122130309_compressed_logs';

  override up(): void | Promise<void> {
    this.addSql(`alter table "image_build_log" add "data_bytes" int null;`);
  }

  override down(): void | Promise<void> {
    // What came before cannot read compressed rows: their logs count as expired.
    this.addSql(`update "image_build" set "log_deleted_at" = now() where "id" in (select "build_id" from "image_build_log" where "data_bytes" is not null);`);
    this.addSql(`delete from "image_build_log" using "image_build" where "image_build_log"."build_id" = "image_build"."id" and "image_build"."log_deleted_at" is not null;`);
    this.addSql(`alter table "image_build_log" drop column "data_bytes";`);
  }

}
