import { Migration } from '@mikro-orm/migrations';

export class Migration20261121134944_catalogue_in_full extends Migration {

  override name = 'Migration20261121134944_catalogue_in_full';

  override up(): void | Promise<void> {
    // Trusted since PostgreSQL 13: the owner of the database may create it.
    this.addSql(`create extension if not exists pg_trgm;`);

    this.addSql(`create table "image_dependency" ("image_id" uuid not null, "position" int not null, "reference" text not null, "namespace" text not null, "name" text not null, "tag" text not null, primary key ("image_id", "position"));`);
    this.addSql(`create index "image_dependency_target" on "image_dependency" ("namespace", "name", "tag");`);

    this.addSql(`alter table "namespace" add "image_limit" int null, add "storage_limit_bytes" bigint null, add "build_limit" int null;`);

    this.addSql(`alter table "workspace" add "image_limit" int null, add "storage_limit_bytes" bigint null, add "build_limit" int null;`);

    this.addSql(`drop index "image_name";`);
    this.addSql(`alter table "image" add "work_group" text null, add "flavor_type" varchar(255) null, add "price" numeric null, add "cover" text null, add "runtime" jsonb not null default '{"env": [], "args": [], "ports": [], "mounts": [], "command": [], "pvcSize": null, "subPaths": [], "hostPaths": [], "workingDir": null, "configFiles": [], "cpuRequests": null, "gpuRequests": null, "memRequests": null}', add "inputs" jsonb not null default '[]', add "outputs" jsonb not null default '[]', add "configs" jsonb not null default '[]', add "algorithm" jsonb null, add "version" int not null default 1, add "last_changes" jsonb not null default '{}', add "status_before" varchar(255) null, add "search_text" text not null default '', add "search_grams" text[] not null default '{}';`);
    // The defaults are for the images that are there already; new ones bring their values.
    this.addSql(`alter table "image" alter "runtime" drop default, alter "inputs" drop default, alter "outputs" drop default, alter "configs" drop default, alter "version" drop default, alter "last_changes" drop default, alter "search_text" drop default, alter "search_grams" drop default;`);
    this.addSql(`update "image" set "status_before" = case when "source_notebook_id" is not null and "digest" is null then 'CREATE_FAILED' else 'ACTIVE' end where "status" = 'DELETED';`);
    this.addSql(`update "image" set "search_text" = lower(normalize(concat_ws(E'\\n', "name", nullif("display_name", ''), nullif("description", ''), "reference"), NFKC));`);
    this.addSql(`update "image" set "search_grams" = array(select distinct gram from regexp_split_to_table("search_text", E'\\n') line, generate_series(1, length(line)) i, unnest(array[substr(line, i, 1), substr(line, i, 2)]) gram);`);
    this.addSql(`create index "image_by_name" on "image" ((name collate "C"), id);`);
    this.addSql(`create index "image_by_size" on "image" ((coalesce(size_bytes, -1)::float8), id);`);
    this.addSql(`create index "image_repository" on "image" ("repository", "registry_host");`);
    this.addSql(`create index "image_search_text" on "image" using gin (search_text gin_trgm_ops) with (gin_pending_list_limit = 1024);`);
    this.addSql(`create index "image_search_grams" on "image" using gin (search_grams) with (gin_pending_list_limit = 1024);`);
    this.addSql(`create index "image_labels" on "image" using gin (labels jsonb_path_ops) with (gin_pending_list_limit = 1024);`);
    this.addSql(`create index "image_newest_built_in" on "image" ("created_at", "id") where type = 'BUILD_IN';`);
    this.addSql(`create index "image_newest_not_active" on "image" ("created_at", "id") where status <> 'ACTIVE' and status <> 'DELETED';`);
    this.addSql(`create index "image_newest_in_group" on "image" ("work_group", "created_at", "id");`);
    this.addSql(`create index "image_newest_of_tag" on "image" ("tag", "created_at", "id");`);
    this.addSql(`create index "image_resource_categories" on "image" using gin (resource_categories) with (gin_pending_list_limit = 1024);`);
    // Twice as fine as by default: a term that one image of 300 has should not count as one that one of 100 has.
    this.addSql(`alter table "image" alter "search_text" set statistics 200, alter "search_grams" set statistics 200;`);

    this.addSql(`alter table "image_dependency" add constraint "image_dependency_image_id_foreign" foreign key ("image_id") references "image" ("id") on delete cascade;`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop table if exists "image_dependency" cascade;`);

    this.addSql(`drop index "image_by_name";`);
    this.addSql(`drop index "image_by_size";`);
    this.addSql(`drop index "image_repository";`);
    this.addSql(`drop index "image_search_text";`);
    this.addSql(`drop index "image_search_grams";`);
    this.addSql(`drop index "image_labels";`);
    this.addSql(`drop index "image_resource_categories";`);
    this.addSql(`drop index "image_newest_built_in";`);
    this.addSql(`drop index "image_newest_not_active";`);
    this.addSql(`drop index "image_newest_in_group";`);
    this.addSql(`drop index "image_newest_of_tag";`);
    this.addSql(`alter table "image" drop column "work_group", drop column "flavor_type", drop column "price", drop column "cover", drop column "runtime", drop column "inputs", drop column "outputs", drop column "configs", drop column "algorithm", drop column "version", drop column "last_changes", drop column "status_before", drop column "search_text", drop column "search_grams";`);
    this.addSql(`create index "image_name" on "image" ("name", "id");`);

    this.addSql(`alter table "namespace" drop column "image_limit", drop column "storage_limit_bytes", drop column "build_limit";`);

    this.addSql(`alter table "workspace" drop column "image_limit", drop column "storage_limit_bytes", drop column "build_limit";`);
  }

}
