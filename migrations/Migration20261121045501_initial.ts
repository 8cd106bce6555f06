import { Migration } from '@mikro-orm/migrations';

export class Migration20261121045501_initial extends Migration {

  override name = 'Migration20261121045501_initial';

  override up(): void | Promise<void> {
    this.addSql(`create table "namespace" ("id" uuid not null, "name" varchar(255) not null, "display_name" text null, "description" text null, "created_at" timestamptz(3) not null, "updated_at" timestamptz(3) not null, primary key ("id"));`);
    this.addSql(`alter table "namespace" add constraint "namespace_name" unique ("name");`);

    this.addSql(`create table "user_account" ("id" uuid not null, "name" varchar(255) not null, "is_admin" boolean not null, "created_at" timestamptz(3) not null, primary key ("id"));`);
    this.addSql(`alter table "user_account" add constraint "user_account_name" unique ("name");`);

    this.addSql(`create table "namespace_member" ("namespace_id" uuid not null, "user_id" uuid not null, "role" varchar(255) not null, primary key ("namespace_id", "user_id"));`);
    this.addSql(`create index "namespace_member_user" on "namespace_member" ("user_id");`);

    this.addSql(`create table "access_token" ("id" uuid not null, "user_id" uuid not null, "name" varchar(255) not null, "hash" varchar(255) not null, "expires_at" timestamptz(3) null, "revoked_at" timestamptz(3) null, "created_at" timestamptz(3) not null, primary key ("id"));`);
    this.addSql(`create index "access_token_user" on "access_token" ("user_id");`);
    this.addSql(`alter table "access_token" add constraint "access_token_hash" unique ("hash");`);

    this.addSql(`create table "workspace" ("id" uuid not null, "name" varchar(255) not null, "display_name" text null, "description" text null, "is_default" boolean not null, "created_at" timestamptz(3) not null, "updated_at" timestamptz(3) not null, primary key ("id"));`);
    this.addSql(`alter table "workspace" add constraint "workspace_name" unique ("name");`);
    this.addSql(`create unique index "workspace_default" on "workspace" ("is_default") where is_default;`);

    this.addSql(`create table "image" ("id" uuid not null, "namespace_id" uuid not null, "workspace_id" uuid not null, "name" varchar(512) not null, "tag" varchar(128) not null, "display_name" text null, "description" text null, "reference" text not null, "registry_host" text not null, "repository" text not null, "digest" text null, "size_bytes" bigint null, "layers" jsonb not null, "architecture" varchar(255) null, "origin" varchar(255) not null, "type" varchar(255) not null, "status" varchar(255) not null, "status_message" text null, "visibility" varchar(255) not null, "service_type" varchar(255) not null, "dev_services" jsonb not null, "resource_categories" jsonb not null, "labels" jsonb not null, "source_build_id" uuid null, "source_notebook_id" uuid null, "replaces_id" uuid null, "created_by_id" uuid null, "created_at" timestamptz(3) not null, "updated_at" timestamptz(3) not null, "deleted_at" timestamptz(3) null, primary key ("id"));`);
    this.addSql(`create index "image_newest" on "image" ("created_at", "id");`);
    this.addSql(`create index "image_newest_in_namespace" on "image" ("namespace_id", "created_at", "id");`);
    this.addSql(`create index "image_updated" on "image" ("updated_at", "id");`);
    this.addSql(`create index "image_name" on "image" ("name", "id");`);
    this.addSql(`create index "image_newest_in_workspace" on "image" ("workspace_id", "created_at", "id");`);
    this.addSql(`create index "image_newest_public" on "image" ("created_at", "id") where visibility = 'PUBLIC';`);
    this.addSql(`create index "image_source_notebook" on "image" ("source_notebook_id") where source_notebook_id is not null;`);
    this.addSql(`create index "image_source_build" on "image" ("source_build_id") where source_build_id is not null;`);
    this.addSql(`create unique index "image_catalogue_name" on "image" ("namespace_id", "name", "tag") where status <> 'DELETED' and status <> 'CREATE_FAILED' and replaces_id is null;`);

    this.addSql(`create table "image_build" ("id" uuid not null, "kind" varchar(255) not null, "status" varchar(255) not null, "version" int not null, "phase" varchar(255) null, "phases" jsonb not null, "failure" jsonb null, "steps" jsonb not null, "total_steps" int null, "attempt" int not null, "lost_workers" int not null, "workspace_id" uuid not null, "namespace_id" uuid not null, "image_id" uuid null, "target_name" text not null, "target_tag" varchar(128) not null, "target_reference" text not null, "target_description" text null, "target_labels" jsonb not null, "dockerfile" text null, "build_type" varchar(255) null, "source" jsonb null, "notebook_id" uuid null, "container_id" text null, "pause" boolean not null, "visibility" varchar(255) not null, "overwrite_tag" boolean not null, "timeout_ms" int not null, "job_name" text null, "job_id" uuid not null, "log_line_count" bigint not null, "created_by_id" uuid null, "created_at" timestamptz(3) not null, "queued_at" timestamptz(3) null, "started_at" timestamptz(3) null, "finished_at" timestamptz(3) null, "canceled_by_id" uuid null, "cancel_reason" text null, primary key ("id"));`);
    this.addSql(`create index "image_build_newest" on "image_build" ("created_at", "id");`);
    this.addSql(`create index "image_build_newest_in_workspace" on "image_build" ("workspace_id", "created_at", "id");`);
    this.addSql(`create index "image_build_newest_in_namespace" on "image_build" ("namespace_id", "created_at", "id");`);
    this.addSql(`create index "image_build_image" on "image_build" ("image_id", "created_at", "id");`);
    this.addSql(`create index "image_build_unfinished" on "image_build" ("created_at", "id") where finished_at is null;`);
    this.addSql(`create unique index "image_build_push_lock" on "image_build" ("target_reference") where phase in ('PUSHING', 'REGISTERING') and finished_at is null;`);
    this.addSql(`create unique index "image_build_notebook_lock" on "image_build" ("notebook_id") where notebook_id is not null and finished_at is null;`);

    this.addSql(`create table "image_build_log" ("build_id" uuid not null, "first_seq" bigint not null, "last_seq" bigint not null, "data" bytea not null, "lines" jsonb not null, primary key ("build_id", "first_seq"));`);

    this.addSql(`create table "image_build_event" ("build_id" uuid not null, "version" int not null, "at" timestamptz(3) not null, "state" jsonb not null, primary key ("build_id", "version"));`);

    this.addSql(`create table "workspace_member" ("workspace_id" uuid not null, "user_id" uuid not null, "role" varchar(255) not null, primary key ("workspace_id", "user_id"));`);
    this.addSql(`create index "workspace_member_user" on "workspace_member" ("user_id");`);

    this.addSql(`alter table "namespace_member" add constraint "namespace_member_namespace_id_foreign" foreign key ("namespace_id") references "namespace" ("id") on update cascade on delete cascade;`);
    this.addSql(`alter table "namespace_member" add constraint "namespace_member_user_id_foreign" foreign key ("user_id") references "user_account" ("id") on update cascade on delete cascade;`);

    this.addSql(`alter table "access_token" add constraint "access_token_user_id_foreign" foreign key ("user_id") references "user_account" ("id") on delete cascade;`);

    this.addSql(`alter table "image" add constraint "image_namespace_id_foreign" foreign key ("namespace_id") references "namespace" ("id");`);
    this.addSql(`alter table "image" add constraint "image_workspace_id_foreign" foreign key ("workspace_id") references "workspace" ("id");`);
    this.addSql(`alter table "image" add constraint "image_created_by_id_foreign" foreign key ("created_by_id") references "user_account" ("id") on delete set null;`);

    this.addSql(`alter table "image_build" add constraint "image_build_workspace_id_foreign" foreign key ("workspace_id") references "workspace" ("id");`);
    this.addSql(`alter table "image_build" add constraint "image_build_namespace_id_foreign" foreign key ("namespace_id") references "namespace" ("id");`);
    this.addSql(`alter table "image_build" add constraint "image_build_image_id_foreign" foreign key ("image_id") references "image" ("id") on delete set null;`);
    this.addSql(`alter table "image_build" add constraint "image_build_created_by_id_foreign" foreign key ("created_by_id") references "user_account" ("id") on delete set null;`);
    this.addSql(`alter table "image_build" add constraint "image_build_canceled_by_id_foreign" foreign key ("canceled_by_id") references "user_account" ("id") on delete set null;`);

    this.addSql(`alter table "image_build_log" add constraint "image_build_log_build_id_foreign" foreign key ("build_id") references "image_build" ("id") on delete cascade;`);

    this.addSql(`alter table "image_build_event" add constraint "image_build_event_build_id_foreign" foreign key ("build_id") references "image_build" ("id") on delete cascade;`);

    this.addSql(`alter table "workspace_member" add constraint "workspace_member_workspace_id_foreign" foreign key ("workspace_id") references "workspace" ("id") on update cascade on delete cascade;`);
    this.addSql(`alter table "workspace_member" add constraint "workspace_member_user_id_foreign" foreign key ("user_id") references "user_account" ("id") on update cascade on delete cascade;`);

    // What exists from the first day: the administrator, and where those who name no other namespace or workspace work.
    this.addSql(`insert into "user_account" ("id", "name", "is_admin", "created_at") values (gen_random_uuid(), 'admin', true, now());`);
    this.addSql(`insert into "namespace" ("id", "name", "created_at", "updated_at") values (gen_random_uuid(), 'default', now(), now());`);
    this.addSql(`insert into "workspace" ("id", "name", "is_default", "created_at", "updated_at") values (gen_random_uuid(), 'default', true, now(), now());`);
  }

  override down(): void | Promise<void> {
    this.addSql(`alter table "namespace_member" drop constraint "namespace_member_namespace_id_foreign";`);
    this.addSql(`alter table "image" drop constraint "image_namespace_id_foreign";`);
    this.addSql(`alter table "image_build" drop constraint "image_build_namespace_id_foreign";`);
    this.addSql(`alter table "namespace_member" drop constraint "namespace_member_user_id_foreign";`);
    this.addSql(`alter table "access_token" drop constraint "access_token_user_id_foreign";`);
    this.addSql(`alter table "image" drop constraint "image_created_by_id_foreign";`);
    this.addSql(`alter table "image_build" drop constraint "image_build_created_by_id_foreign";`);
    this.addSql(`alter table "image_build" drop constraint "image_build_canceled_by_id_foreign";`);
    this.addSql(`alter table "workspace_member" drop constraint "workspace_member_user_id_foreign";`);
    this.addSql(`alter table "image" drop constraint "image_workspace_id_foreign";`);
    this.addSql(`alter table "image_build" drop constraint "image_build_workspace_id_foreign";`);
    this.addSql(`alter table "workspace_member" drop constraint "workspace_member_workspace_id_foreign";`);
    this.addSql(`alter table "image_build" drop constraint "image_build_image_id_foreign";`);
    this.addSql(`alter table "image_build_log" drop constraint "image_build_log_build_id_foreign";`);
    this.addSql(`alter table "image_build_event" drop constraint "image_build_event_build_id_foreign";`);

    this.addSql(`drop table if exists "namespace" cascade;`);
    this.addSql(`drop table if exists "user_account" cascade;`);
    this.addSql(`drop table if exists "namespace_member" cascade;`);
    this.addSql(`drop table if exists "access_token" cascade;`);
    this.addSql(`drop table if exists "workspace" cascade;`);
    this.addSql(`drop table if exists "image" cascade;`);
    this.addSql(`drop table if exists "image_build" cascade;`);
    this.addSql(`drop table if exists "image_build_log" cascade;`);
    this.addSql(`drop table if exists "image_build_event" cascade;`);
    this.addSql(`drop table if exists "workspace_member" cascade;`);
  }

}
