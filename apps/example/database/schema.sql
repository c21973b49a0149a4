-- The shop: several organisations share the tables, and row level security keeps them apart.
-- Applied once by database/setup.ts, in one transaction.

create table organisations (
  id integer generated always as identity primary key,
  slug text not null unique,
  name text not null,
  tagline text not null,
  currency text not null
);

create table categories (
  id integer generated always as identity primary key,
  org_id integer not null references organisations,
  name text not null,
  position integer not null,
  unique (org_id, name)
);

create table products (
  id integer generated always as identity primary key,
  org_id integer not null references organisations,
  category_id integer not null references categories,
  sku text not null,
  name text not null,
  price numeric(10, 2) not null check (price > 0),
  stock integer not null check (stock >= 0),
  reorder_level integer not null,
  unique (org_id, sku)
);

create table customers (
  id integer generated always as identity primary key,
  org_id integer not null references organisations,
  name text not null,
  email text not null,
  city text not null
);

create table orders (
  id integer generated always as identity primary key,
  org_id integer not null references organisations,
  customer_id integer not null references customers,
  status text not null default 'pending'
    check (status in ('pending', 'paid', 'packed', 'shipped', 'delivered', 'cancelled')),
  placed_at timestamptz not null default now(),
  total numeric(12, 2) not null,
  item_count integer not null
);

create table order_items (
  id integer generated always as identity primary key,
  org_id integer not null references organisations,
  order_id integer not null references orders on delete cascade,
  product_id integer not null references products,
  quantity integer not null check (quantity > 0),
  unit_price numeric(10, 2) not null
);

-- Whether the demo's stream of new orders runs, per organisation.
create table order_streams (
  org_id integer primary key references organisations,
  running boolean not null default false
);

create index on categories (org_id);
create index on customers (org_id);
create index on orders (org_id, placed_at desc);
create index on orders (org_id, status, placed_at desc);
create index on orders (customer_id);
create index on order_items (order_id);
create index on order_items (org_id, product_id);

-- Every query and mutation of the app runs as this role with `app.org_id` set: a query that forgets its WHERE still
-- sees its own organisation only. Roles belong to the whole server: another database may have made it already.
do $$
begin
  begin
    create role app_member nologin;
  exception when duplicate_object or unique_violation then
  end;
  if not pg_has_role(current_user, 'app_member', 'MEMBER') then
    execute format('grant app_member to %I', current_user);
  end if;
end
$$;

do $$
declare
  name text;
begin
  execute format('grant usage on schema %I to app_member', current_schema());
  foreach name in array array['categories', 'products', 'customers', 'orders', 'order_items', 'order_streams'] loop
    execute format('grant select, insert, update on %I to app_member', name);
    execute format('alter table %I enable row level security', name);
    execute format(
      'create policy own_organisation on %I to app_member using (org_id = current_setting(''app.org_id'')::integer)',
      name
    );
  end loop;
end
$$;
