import { Migration } from '@mikro-orm/migrations';

export class Migration20261121165119_builds_in_full extends Migration {

  override name = 'Migration20261121165119_builds_in_full';

  override up(): void | Promise<void> {
    this.addSql(`create table "image_build_token" ("user_id" uuid not null, "token" varchar(255) not null, "input_hash" varchar(64) not null, "build_id" uuid not null, "created_at" timestamptz(3) not null, primary key ("user_id", "token"));`);
    this.addSql(`create index "image_build_token_created" on "image_build_token" ("created_at");`);
    this.addSql(`create index "image_build_token_build" on "image_build_token" ("build_id");`);

    this.addSql(`create table "image_build_secret" ("build_id" uuid not null, "kind" varchar(255) not null, "name" varchar(255) not null, "sealed" bytea not null, primary key ("build_id", "kind", "name"));`);

    this.addSql(`alter table "image_build" add "priority" varchar(255) not null default 'NORMAL', add "resource" jsonb null, add "network" jsonb null, add "target_registry" jsonb null, add "region_id" text null, add "retry_of_id" uuid null, add "builder" varchar(255) null, add "push" jsonb null, add "log_bytes" bigint null default '0', add "log_text_bytes" bigint null default '0', add "log_deleted_at" timestamptz(3) null;`);
    // Nobody counted the bytes of the logs that there are.
    this.addSql(`update "image_build" set log_bytes = null, log_text_bytes = null where log_line_count > 0;`);
    this.addSql(`alter table "image_build" add constraint "image_build_retry_of_id_foreign" foreign key ("retry_of_id") references "image_build" ("id") on delete set null;`);
    this.addSql(`create index "image_build_retries" on "image_build" ("retry_of_id", "created_at", "id") where retry_of_id is not null;`);
    this.addSql(`create index "image_build_finished" on "image_build" ("finished_at", "id") where finished_at is not null;`);
    this.addSql(`create index "image_build_logs" on "image_build" ("finished_at", "id") where finished_at is not null and log_deleted_at is null;`);

    this.addSql(`alter table "image_build_log" add "byte_offset" bigint null, add "text_offset" bigint null;`);

    this.addSql(`create index "image_build_event_at" on "image_build_event" ("at");`);

    this.addSql(`alter table "image_build_token" add constraint "image_build_token_user_id_foreign" foreign key ("user_id") references "user_account" ("id") on delete cascade;`);
    this.addSql(`alter table "image_build_token" add constraint "image_build_token_build_id_foreign" foreign key ("build_id") references "image_build" ("id") on delete cascade;`);

    this.addSql(`alter table "image_build_secret" add constraint "image_build_secret_build_id_foreign" foreign key ("build_id") references "image_build" ("id") on delete cascade;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "image_build_token" cascade;`);
    this.addSql(`drop table if exists "image_build_secret" cascade;`);

    this.addSql(`alter table "image_build" drop constraint "image_build_retry_of_id_foreign";`);

    this.addSql(`drop index "image_build_retries";`);
    this.addSql(`drop index "image_build_finished";`);
    this.addSql(`drop index "image_build_logs";`);
    this.addSql(`alter table "image_build" drop column "priority", drop column "resource", drop column "network", drop column "target_registry", drop column "region_id", drop column "retry_of_id", drop column "builder", drop column "push", drop column "log_bytes", drop column "log_text_bytes", drop column "log_deleted_at";`);

    this.addSql(`drop index "image_build_event_at";`);

    this.addSql(`alter table "image_build_log" drop column "byte_offset", drop column "text_offset";`);
  }

}
