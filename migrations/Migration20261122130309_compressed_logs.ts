import { Migration } from '@mikro-orm/migrations';

export class Migration20261122130309_compressed_logs extends Migration {

  override name = 'Migration20261122130309_compressed_logs';

  override up(): void | Promise<void> {
    this.addSql(`alter table "image_build_log" add "data_bytes" int null;`);
  }

  override down(): void | Promise<void> {
    // What came before cannot read compressed rows: their logs have expired, and those of builds that have not ended begin anew.
    this.addSql(`update "image_build" set "log_deleted_at" = now() where "finished_at" is not null and "id" in (select "build_id" from "image_build_log" where "data_bytes" is not null);`);
    this.addSql(`delete from "image_build_log" where "build_id" in (select "build_id" from "image_build_log" where "data_bytes" is not null);`);
    this.addSql(`alter table "image_build_log" drop column "data_bytes";`);
  }

}
