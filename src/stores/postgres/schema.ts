import { inspect } from "../../internal/validate.ts";

/** The default schema of `PostgresStore`. */
export const DEFAULT_SCHEMA = "hooks";

/** Version of the SQL below. Raise it with every change of the SQL. */
const SCHEMA_VERSION = 3;

/** Names that need no escapes. 63 bytes are PostgreSQL's limit (NAMEDATALEN), and it reserves `pg_`. */
const SCHEMA_NAME = /^(?!pg_)[a-z_][a-z0-9_]{0,62}$/;

/** Returns the name of a schema, or the default. @throws {TypeError} when it isn't a plain identifier */
export function readSchemaName(subject: string, name: unknown = DEFAULT_SCHEMA): string {
  if (typeof name === "string" && SCHEMA_NAME.test(name)) return name;
  throw new TypeError(
    `${subject}: 'schema' must be a lower-case identifier of at most 63 characters, got ${
      inspect(name)
    }`,
  );
}

/**
 * Returns the SQL that creates the schema of a `PostgresStore`, for tools that run migrations. It changes
 * nothing that already exists, except for functions, which it replaces.
 *
 * - `entries`: one row per key. The key's encoding sorts as bytes do. `expires_at` isn't indexed, so that an
 *   update that only renews it can stay on its page (HOT).
 * - `sums`: one row per number and shard. With one row, all commits that add to it would wait for each
 *   other's sync of the disk. A number also has an entry, without a value.
 * - `commit`: applies one commit, in one statement: it works in autocommit, through poolers in transaction
 *   mode, over HTTP, and inside the caller's transaction.
 *
 * The role that runs it needs `CREATE` on the database; the role of the store needs `USAGE` on the schema,
 * all privileges on its tables and its sequence, and `EXECUTE` on its functions.
 *
 * @param schema Name of the schema. @default {"hooks"}
 * @throws {TypeError} when the name isn't a plain identifier
 */
export function postgresSchema(schema: string = DEFAULT_SCHEMA): string {
  return SQL.replaceAll("$schema", `"${readSchemaName("Cannot create SQL", schema)}"`);
}

/**
 * Returns the same as one statement, which is one transaction with every driver. It does nothing where this
 * version, or a later one, has been installed, and waits for another process that installs it.
 */
export function migration(schema: string): string {
  const statements = splitStatements(postgresSchema(schema));
  return `do ${
    literal(`
declare installed int;
begin
  if current_setting('server_encoding') <> 'UTF8' then
    raise exception 'the encoding of the database is not UTF8' using errcode = 'HK003';
  end if;
  perform pg_advisory_xact_lock(hashtext('${schema}.migrate'));
  if to_regclass('"${schema}".meta') is not null then
    execute 'select max(version) from "${schema}".meta' into installed;
    if installed >= ${SCHEMA_VERSION} then return; end if;
  end if;
  ${statements.map((statement) => `execute ${literal(statement)};`).join("\n  ")}
end`)
  }`;
}

/** Splits at the semicolons that end a line outside of `$body$`. */
function splitStatements(sql: string): readonly string[] {
  const statements: string[] = [];
  let statement = "";
  let inBody = false;
  for (const line of sql.split("\n")) {
    if (line.startsWith("--")) continue;
    statement += `${line}\n`;
    if ((line.match(/\$body\$/g)?.length ?? 0) % 2 === 1) inBody = !inBody;
    if (inBody || !line.endsWith(";")) continue;
    statements.push(statement.trim());
    statement = "";
  }
  return [...statements, statement.trim()].filter((text) => text !== "");
}

/** Quotes a text of this module as a literal of SQL. */
function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

/** Entries of a range in one direction: a plan per direction, so that each reads the index in order. */
const listQuery = (direction: "asc" | "desc"): string =>
  `select encode(e.key, 'hex'), e.value, s.value::text, coalesce(s.version, e.version)::text
    from $schema.entries e left join lateral (
      select sum(n.value) % 18446744073709551616 as value, max(n.version) as version
      from $schema.sums n where n.key = e.key and e.value is null having count(*) > 0
    ) s on true
    where e.key >= lower and e.key < upper
      and (e.expires_at is null or e.expires_at > clock_timestamp())
    order by e.key ${direction} limit most`;

const SQL = `
do $body$
begin
  perform pg_advisory_xact_lock(hashtext('$schema.install')); -- others may install it at the same time
  -- create schema if not exists needs a privilege, even if the schema exists
  if to_regnamespace('$schema') is null then create schema $schema; end if;
end
$body$;

create sequence if not exists $schema.versions as bigint;

create table if not exists $schema.entries (
  key bytea primary key,
  value text,
  version bigint not null,
  expires_at timestamptz
) with (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
do $body$ begin -- only once: it would wait for every open transaction, and all else for it
  if (select attstorage from pg_attribute
      where attrelid = '$schema.entries'::regclass and attname = 'value') <> 'e'
  then alter table $schema.entries alter column value set storage external; end if;
end $body$;

create table if not exists $schema.sums (
  key bytea not null,
  shard smallint not null,
  value numeric(20) not null,
  version bigint not null,
  primary key (key, shard)
) with (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

-- Applies a commit. Keys are hexadecimal. The request:
--   checks  [[key, version or null], ...]     null: nothing may be stored under the key
--   sets    [[key, JSON text, lifetime in milliseconds or null], ...]
--   deletes [key, ...]
--   adds    [[key, number], ...]
--   resets  [[key, number], ...]              the key holds exactly this number afterwards
--   numbers [key, ...]                        further keys that may hold a number, but no JSON
--   inTransaction                             whether the caller's transaction goes on after this
-- Returns the version of the commit, or null if a check failed. Raises HK002 for a sum over JSON.
create or replace function $schema.commit(request text) returns bigint language plpgsql as $body$
declare
  r constant json := request::json;
  check_keys bytea[]; check_versions bigint[];
  set_keys bytea[]; set_values text[]; set_lifetimes bigint[];
  delete_keys bytea[];
  add_keys bytea[]; add_values numeric[];
  reset_keys bytea[]; reset_values numeric[];
  number_keys bytea[];
  absent_keys bytea[];
  held_keys bytea[] := '{}';
  own_shard constant smallint := case
    when (r->>'inTransaction')::boolean then -1 - pg_backend_pid() % 32768
    else pg_backend_pid() % 16
  end;
  new_version bigint;
begin
  select coalesce(array_agg(decode(e->>0, 'hex')), '{}'), coalesce(array_agg((e->>1)::bigint), '{}')
    into check_keys, check_versions from json_array_elements(r->'checks') e;
  select coalesce(array_agg(decode(e->>0, 'hex')), '{}'), coalesce(array_agg(e->>1), '{}'),
    coalesce(array_agg((e->>2)::bigint), '{}')
    into set_keys, set_values, set_lifetimes from json_array_elements(r->'sets') e;
  select coalesce(array_agg(decode(e #>> '{}', 'hex')), '{}')
    into delete_keys from json_array_elements(r->'deletes') e;
  select coalesce(array_agg(decode(e->>0, 'hex')), '{}'), coalesce(array_agg((e->>1)::numeric), '{}')
    into add_keys, add_values from json_array_elements(r->'adds') e;
  select coalesce(array_agg(decode(e->>0, 'hex')), '{}'), coalesce(array_agg((e->>1)::numeric), '{}')
    into reset_keys, reset_values from json_array_elements(r->'resets') e;
  select coalesce(array_agg(decode(e #>> '{}', 'hex')), '{}')
    into number_keys from json_array_elements(r->'numbers') e;

  -- Lock every row that this commit checks or replaces, in the order of the keys. A deadlock with another
  -- order below is rolled back and retried.
  perform 1 from $schema.entries
    where key = any (check_keys || set_keys || delete_keys || reset_keys || number_keys)
    order by key for update;
  delete from $schema.entries
    where key = any (check_keys || set_keys || add_keys || reset_keys || number_keys)
      and expires_at <= clock_timestamp();

  if exists (
    select from unnest(check_keys, check_versions) as c(key, version)
    where c.version is distinct from (
      select case
        when e.value is null then (select max(s.version) from $schema.sums s where s.key = e.key)
        else e.version
      end
      from $schema.entries e where e.key = c.key
    )
  ) then
    return null;
  end if;
  if exists (select from $schema.entries where key = any (number_keys) and value is not null) then
    raise exception 'the key holds a JSON value' using errcode = 'HK002';
  end if;

  new_version := nextval('$schema.versions'); -- with the locks held, so that it rises for every key

  -- There is no row to lock for a key that must be absent: insert one. A concurrent commit that inserts
  -- it too waits for this one, and then finds a conflict.
  select array_agg(c.key) into absent_keys
    from unnest(check_keys, check_versions) as c(key, version) where c.version is null;
  if absent_keys is not null then
    with inserted as (
      insert into $schema.entries (key, value, version, expires_at)
      select a.key, coalesce(s.value, 'null'), new_version,
        clock_timestamp() + s.lifetime * interval '1 millisecond'
      from (select distinct key from unnest(absent_keys) as k(key)) a
        left join unnest(set_keys, set_values, set_lifetimes) as s(key, value, lifetime) using (key)
      order by a.key
      on conflict do nothing
      returning key
    )
    select coalesce(array_agg(key), '{}') into held_keys from inserted;
    if exists (select from unnest(absent_keys) as a(key) where not a.key = any (held_keys)) then
      delete from $schema.entries where key = any (held_keys);
      return null;
    end if;
  end if;

  insert into $schema.entries (key, value, version, expires_at)
    select s.key, s.value, new_version, clock_timestamp() + s.lifetime * interval '1 millisecond'
    from unnest(set_keys, set_values, set_lifetimes) as s(key, value, lifetime)
    where not s.key = any (held_keys)
    order by s.key
    on conflict (key) do update
      set value = excluded.value, version = excluded.version, expires_at = excluded.expires_at;
  if cardinality(held_keys) > 0 then
    delete from $schema.entries where key = any (held_keys) and not key = any (set_keys);
  end if;
  if cardinality(delete_keys || reset_keys) > 0 then
    delete from $schema.entries where key = any (delete_keys || reset_keys);
  end if;
  if cardinality(delete_keys || reset_keys || set_keys) > 0 then
    delete from $schema.sums where key = any (delete_keys || reset_keys || set_keys);
  end if;
  if cardinality(add_keys || reset_keys) > 0 then
    -- The entry of a number: it keeps JSON out, and adders share its lock.
    insert into $schema.entries (key, version)
      select k.key, new_version from (select distinct key from unnest(add_keys || reset_keys) as u(key)) k
      order by k.key
      on conflict do nothing;
    perform 1 from $schema.entries where key = any (add_keys) order by key for key share;
    if exists (select from $schema.entries where key = any (add_keys) and value is not null) then
      raise exception 'the key holds a JSON value' using errcode = 'HK002';
    end if;
  end if;
  -- The lock of a shard is held until the transaction ends. One that goes on gets a shard that no other
  -- connection waits for.
  insert into $schema.sums as s (key, shard, value, version)
    select a.key, own_shard, a.value, new_version
    from unnest(add_keys || reset_keys, add_values || reset_values) as a(key, value)
    order by a.key
    on conflict (key, shard) do update
      set value = (s.value + excluded.value) % 18446744073709551616, version = excluded.version;
  return new_version;
end
$body$;

-- Reads keys, given as a JSON array of hexadecimal texts, at one moment. \`ordinal\` counts from 1. A session
-- plans it once, for whatever size the table will have: each key is looked up in the index.
create or replace function $schema.read(request text)
returns table (ordinal bigint, value text, number text, version text) language plpgsql stable
set enable_seqscan = off as $body$
begin
  return query
    select k.ordinal, e.value, s.value::text, coalesce(s.version, e.version)::text
    from json_array_elements_text(request::json) with ordinality as k(key, ordinal)
      cross join lateral (
        select f.* from $schema.entries f
        where f.key = decode(k.key, 'hex') and (f.expires_at is null or f.expires_at > clock_timestamp())
        offset 0 -- keeps it from becoming a join of another kind
      ) e
      left join lateral (
        select sum(n.value) % 18446744073709551616 as value, max(n.version) as version
        from $schema.sums n where n.key = e.key and e.value is null having count(*) > 0
      ) s on true;
end
$body$;

-- Reads a range: {"start": key, "end": key, "limit": number, "reverse": boolean}.
create or replace function $schema.list(request text)
returns table (key text, value text, number text, version text) language plpgsql stable as $body$
declare
  r constant json := request::json;
  lower constant bytea := decode(r->>'start', 'hex');
  upper constant bytea := decode(r->>'end', 'hex');
  most constant int := (r->>'limit')::int;
begin
  if (r->>'reverse')::boolean then
    return query ${listQuery("desc")};
  else
    return query ${listQuery("asc")};
  end if;
end
$body$;

-- Removes what has expired among the next 1,000 keys after one. Returns the last of them, or null at the
-- end, or the key itself while another process sweeps.
create or replace function $schema.sweep(after text) returns text language plpgsql as $body$
declare
  first constant bytea := decode(after, 'hex');
  last bytea;
begin
  if not pg_try_advisory_xact_lock(hashtext('$schema.sweep')) then return after; end if;
  select p.key into last -- there is no max() of bytea before PostgreSQL 18
    from (select e.key from $schema.entries e where e.key > first order by e.key limit 1000) p
    order by p.key desc limit 1;
  if last is not null then
    delete from $schema.entries e using (
      select d.key from $schema.entries d
      where d.key > first and d.key <= last and d.expires_at <= clock_timestamp()
      order by d.key for update skip locked
    ) gone where e.key = gone.key;
  end if;
  return encode(last, 'hex');
end
$body$;

create table if not exists $schema.meta (version int not null);
delete from $schema.meta;
insert into $schema.meta values (${SCHEMA_VERSION});
`;
