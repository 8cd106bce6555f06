import { Migration } from '@mikro-orm/migrations';

export class Migration20261122183611_role_version extends Migration {

  override name = 'Migration20261122183611_role_version';

  override up(): void | Promise<void> {
    this.addSql(`create table "role_version" ("user_id" uuid not null, "version" uuid not null, primary key ("user_id"));`);

    // Before the triggers: whoever gives a role meanwhile takes the user first, too.
    this.addSql(`alter table "role_version" add constraint "role_version_user_id_foreign" foreign key ("user_id") references "user_account" ("id") on update cascade on delete cascade;`);

    this.addSql(`create function "namespace_member_version"() returns trigger language plpgsql as \$\$ begin if tg_op = 'TRUNCATE' then update public.role_version set version = gen_random_uuid(); else insert into public.role_version (user_id, version) select id, gen_random_uuid() from public.user_account where id in (old.user_id, new.user_id) order by id on conflict (user_id) do update set version = excluded.version; end if; return null; end \$\$; create trigger "namespace_member_version" after insert or update or delete on "namespace_member" for each row execute function "namespace_member_version"(); create trigger "namespace_member_version_truncate" after truncate on "namespace_member" for each statement execute function "namespace_member_version"();`);

    this.addSql(`create function "workspace_member_version"() returns trigger language plpgsql as \$\$ begin if tg_op = 'TRUNCATE' then update public.role_version set version = gen_random_uuid(); else insert into public.role_version (user_id, version) select id, gen_random_uuid() from public.user_account where id in (old.user_id, new.user_id) order by id on conflict (user_id) do update set version = excluded.version; end if; return null; end \$\$; create trigger "workspace_member_version" after insert or update or delete on "workspace_member" for each row execute function "workspace_member_version"(); create trigger "workspace_member_version_truncate" after truncate on "workspace_member" for each statement execute function "workspace_member_version"();`);

    // Who has roles already: from here on each change of theirs gives them another version.
    this.addSql(`insert into "role_version" ("user_id", "version") select "user_id", gen_random_uuid() from (select "user_id" from "namespace_member" union select "user_id" from "workspace_member") "member";`);
  }

  override down(): void | Promise<void> {
    for (const table of ['namespace_member', 'workspace_member']) {
      this.addSql(`drop trigger "${table}_version" on "${table}";`);
      this.addSql(`drop trigger "${table}_version_truncate" on "${table}";`);
      this.addSql(`drop function "${table}_version"();`);
    }

    this.addSql(`drop table "role_version";`);
  }

}
