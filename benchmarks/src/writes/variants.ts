import type { Client } from 'pg'
import { createTriggerSource } from '../../../packages/core/src/capture/index.js'
import { systemClock } from '../../../packages/core/src/util/clock.js'

/** One way of capturing the table `orders`, or none. */
export interface Variant {
  readonly name: string
  /** Installs it; a table has one variant at a time. */
  install(client: Client): Promise<void>
}

/** The table that is written, empty, and what stands around it. */
export interface Schema {
  readonly create: string
  /** Statements that give it so many rows. */
  fill(rows: number): string
}

const orders = (customer: string): string =>
  `create table orders (id int primary key, customer_id int not null${customer}, status text not null, total numeric(10, 2),
  note text, placed_at timestamptz not null default now(), details jsonb, version int not null default 0)`
const fillOrders = (
  rows: number,
): string => `insert into orders select g, g % 500, 'pending', g * 1.25, 'order number ' || g, now(), '{"gift": false}', 0
  from generate_series(1, ${rows}) g`
export const ROWS = 100_000

/** Orders as a shop has them: they belong to customers, are found by them, and items may refer to them. */
export const SHOP: Schema = {
  create: `create table customers (id int primary key); ${orders(' references customers')};
    create index on orders (customer_id);
    create table items (id int primary key, order_id int not null references orders); create index on items (order_id)`,
  fill: (rows) => `insert into customers select generate_series(0, 499); ${fillOrders(rows)}`,
}

/** Nothing but a primary key: what capture costs shows most. */
export const BARE: Schema = { create: orders(''), fill: fillOrders }

type Doorbell = 'silent' | 'rings' | 'unread'

const AWAKE_UNTIL: Readonly<Record<Doorbell, string>> = {
  // Some reader polls; some reader sleeps; nobody has read for a day.
  silent: '(extract(epoch from clock_timestamp()) * 1000)::int8 + 3600000',
  rings: '(extract(epoch from clock_timestamp()) * 1000)::int8',
  unread: '(extract(epoch from clock_timestamp()) * 1000)::int8 - 86400000',
}

/** Ours as it is installed, while a reader polls, while all sleep, and while there is none. */
function ours(name: string, doorbell: Doorbell, change: (definition: string) => string = (text) => text): Variant {
  return {
    name,
    install: async (client) => {
      await installOurs(client)
      const { rows } = await client.query<{ definition: string }>(
        `select pg_get_functiondef('_pg_realtime._pg_realtime_notify_orders'::regproc) as definition`,
      )
      await client.query(change(rows[0]?.definition ?? ''))
      await client.query(`select setval('_pg_realtime.awake_until', ${AWAKE_UNTIL[doorbell]})`)
    },
  }
}

/** Through the product's own door, so that the benchmark measures what users get. */
async function installOurs(client: Client): Promise<void> {
  const { rows } = await client.query<{ oid: number }>(`select 'orders'::regclass::oid as oid`)
  const relation = rows[0]?.oid ?? 0
  const source = createTriggerSource({
    schema: '_pg_realtime',
    install: 'auto',
    installer: async () => {
      const { Client: PgClient } = await import('pg').then((module) => module.default)
      const installer = new PgClient({ connectionString: connectionStringOf(client) })
      await installer.connect()
      return installer
    },
    doorbell: undefined,
    exclude: new Map(),
    safetyPollMs: 5_000,
    clock: systemClock,
    random: Math.random,
  })
  await source.start(client, { wake: () => {}, onError: (error) => console.error(error) })
  await source.watch([
    {
      relation,
      schema: 'public',
      name: 'orders',
      label: 'orders',
      columns: 'all',
      comparable: {},
      family: [relation],
      ancestors: [],
      columnTypes: {},
    },
  ])
  await source.stop()
}

const connections = new WeakMap<Client, string>()

export function remember(client: Client, connectionString: string): Client {
  connections.set(client, connectionString)
  return client
}

function connectionStringOf(client: Client): string {
  return connections.get(client) ?? ''
}

/** Row triggers, and one function for all tables: the alternatives, writing to the same log with the same settings. */
function other(name: string, kind: 'row' | 'shared' | 'burning'): Variant {
  return {
    name,
    install: async (client) => {
      await installOurs(client)
      await client.query(`select setval('_pg_realtime.awake_until', ${AWAKE_UNTIL.silent})`)
      await client.query(alternativeFunction(kind))
      for (const event of ['insert', 'update', 'delete']) {
        await client.query(`drop trigger _pg_realtime_trigger_orders_${event} on orders`)
        const tables = {
          insert: 'referencing new table as new_rows',
          update: 'referencing old table as old_rows new table as new_rows',
          delete: 'referencing old table as old_rows',
        }[event]
        await client.query(
          `create trigger alternative_${event} after ${event} on orders ${kind === 'row' ? 'for each row' : `${tables} for each statement`}
           execute function _pg_realtime.alternative()`,
        )
      }
    },
  }
}

function alternativeFunction(kind: 'row' | 'shared' | 'burning'): string {
  const insert = (images: string): string =>
    `insert into _pg_realtime.log_0 (relation, command, images) values (tg_relid, tg_op, ${images});`
  const rows = (...tables: string[]): string =>
    `array(${tables.map((table) => `select (r.*)::text from ${table} r`).join(' union all ')} limit ${501 * tables.length})`
  const statement = `if tg_op = 'INSERT' then ${insert(rows('new_rows'))}
    elsif tg_op = 'DELETE' then ${insert(rows('old_rows'))}
    else ${insert(rows('old_rows', 'new_rows'))} end if;`
  const row = `if tg_op = 'INSERT' then ${insert('array[(new.*)::text]')}
    elsif tg_op = 'DELETE' then ${insert('array[(old.*)::text]')}
    else ${insert('array[(old.*)::text, (new.*)::text]')} end if;`
  const body = {
    row,
    shared: statement,
    burning: `begin ${statement} exception when others then raise warning 'lost'; end;`,
  }[kind]
  return `create or replace function _pg_realtime.alternative() returns trigger language plpgsql security definer
    set search_path = pg_catalog, pg_temp set datestyle = 'ISO, MDY' set intervalstyle = 'postgres' set timezone = 'UTC'
    set bytea_output = 'hex' set extra_float_digits = 1 as $$ begin
    if date_part('epoch', clock_timestamp()) * 1000 < pg_sequence_last_value(to_regclass('_pg_realtime.awake_until')) then ${body} end if;
    return null; end $$`
}

const none: Variant = { name: 'none', install: async () => {} }
export const NAIVE_CHANNEL = 'naive'

/** What one would write first: each row as jsonb in a notification, which any role of the database may hear. */
const naive: Variant = {
  name: 'naive: NOTIFY of jsonb',
  install: async (client) => {
    await client.query(`create function naive() returns trigger language plpgsql as $$ begin
      perform pg_notify('${NAIVE_CHANNEL}', jsonb_build_object('table', tg_table_name, 'op', tg_op, 'old', to_jsonb(old), 'new', to_jsonb(new))::text);
      return null; end $$`)
    await client.query(
      'create trigger naive after insert or update or delete on orders for each row execute function naive()',
    )
  },
}

const withoutPins = (definition: string): string =>
  definition.replaceAll(
    /^ SET ("?)(DateStyle|IntervalStyle|TimeZone|bytea_output|extra_float_digits|lc_monetary|xmlbinary)\1 .*\n/gim,
    '',
  )

export const CHOSEN: readonly Variant[] = [
  none,
  ours('ours, a reader polls', 'silent'),
  ours('ours, readers sleep', 'rings'),
  ours('ours, nobody reads', 'unread'),
  naive,
]

export const ALTERNATIVES: readonly Variant[] = [
  none,
  ours('statement, per table (ours)', 'silent'),
  ours('… without pinned output settings', 'silent', withoutPins),
  other('statement, one for all tables', 'shared'),
  other('… all of it in an exception block', 'burning'),
  other('row', 'row'),
]
