import { Migration } from '@mikro-orm/migrations';

export class Migration20261122005007_security extends Migration {

  override name = 'Migration20261122005007_security';

  override up(): void | Promise<void> {
    // The job queue's, which fills it by itself: so whoever runs Slipway need not be allowed to make schemas.
    this.addSql(`create schema if not exists "pgboss";`);

    this.addSql(`create table "audit_event" ("id" uuid not null, "at" timestamptz(3) not null, "user_id" uuid not null, "user_name" varchar(255) not null, "credential" varchar(255) not null, "access_token_id" uuid null, "action" varchar(255) not null, "input_ids" text[] not null, "grants" jsonb null, "address" varchar(255) null, "request_id" varchar(255) not null, primary key ("id"));`);
    this.addSql(`create index "audit_event_at" on "audit_event" ("at", "id");`);
    this.addSql(`create index "audit_event_user" on "audit_event" ("user_id", "at", "id");`);
    this.addSql(`create index "audit_event_action" on "audit_event" ("action", "at", "id");`);
    this.addSql(`create index "audit_event_address" on "audit_event" ("address", "at", "id");`);
    this.addSql(`create index "audit_event_request" on "audit_event" ("request_id");`);
    this.addSql(`create index "audit_event_input_ids" on "audit_event" using gin (input_ids);`);

    this.addSql(`create table "audit_outcome" ("event_id" uuid not null, "at" timestamptz(3) not null, "result" varchar(255) not null, "codes" text[] not null, "object_ids" text[] not null, "facts" jsonb null, primary key ("event_id"));`);
    this.addSql(`create index "audit_outcome_unusual" on "audit_outcome" (result, at) where result not in ('DONE', 'CHECKED');`);
    this.addSql(`create index "audit_outcome_object_ids" on "audit_outcome" using gin (object_ids);`);

    this.addSql(`alter table "user_account" add "kind" varchar(255) not null default 'PERSON', add "description" text null, add "deactivated_at" timestamptz(3) null, add "issuer" varchar(255) null, add "subject" varchar(255) null;`);
    this.addSql(`alter table "user_account" add constraint "user_account_identity" unique ("issuer", "subject");`);

    this.addSql(`alter table "access_token" add "prefix" varchar(255) null, add "can_write" boolean not null default true, add "made_with_id" uuid null, add "last_used_at" timestamptz(3) null;`);
    this.addSql(`create index "access_token_made_with" on "access_token" ("made_with_id");`);

    this.addSql(`create function "audit_event_only_grows"() returns trigger language plpgsql as \$\$ begin raise exception 'the audit trail only grows' using errcode = 'insufficient_privilege'; end \$\$; create trigger "audit_event_only_grows" before update or delete or truncate on "audit_event" for each statement execute function "audit_event_only_grows"();`);

    this.addSql(`create function "audit_outcome_only_grows"() returns trigger language plpgsql as \$\$ begin raise exception 'the audit trail only grows' using errcode = 'insufficient_privilege'; end \$\$; create trigger "audit_outcome_only_grows" before update or delete or truncate on "audit_outcome" for each statement execute function "audit_outcome_only_grows"();`);
  }

  override down(): void | Promise<void> {
    this.addSql(`drop trigger if exists "audit_event_only_grows" on "audit_event";`);
    this.addSql(`drop function if exists "audit_event_only_grows"();`);
    this.addSql(`drop table if exists "audit_event" cascade;`);
    this.addSql(`drop trigger if exists "audit_outcome_only_grows" on "audit_outcome";`);
    this.addSql(`drop function if exists "audit_outcome_only_grows"();`);
    this.addSql(`drop table if exists "audit_outcome" cascade;`);

    this.addSql(`drop index "access_token_made_with";`);
    this.addSql(`alter table "access_token" drop column "prefix", drop column "can_write", drop column "made_with_id", drop column "last_used_at";`);

    this.addSql(`alter table "user_account" drop constraint "user_account_identity";`);
    this.addSql(`alter table "user_account" drop column "kind", drop column "description", drop column "deactivated_at", drop column "issuer", drop column "subject";`);
  }

}
