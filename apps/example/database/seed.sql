-- Generated data of realistic size, in a few set-based statements. Everything is derived from row numbers by a hash, so
-- every run makes the same shop; only the dates move: they end at `app.seed_anchor`, which setup.ts sets.

create function pg_temp.noise(n bigint, salt text) returns double precision
language sql immutable parallel safe
return ('x' || substr(md5(salt || ':' || n), 1, 8))::bit(32)::bigint / 4294967296.0;

create function pg_temp.pick(choices text[], n bigint, salt text) returns text
language sql immutable parallel safe
return choices[1 + floor(pg_temp.noise(n, salt) * cardinality(choices))::integer];

insert into organisations (slug, name, tagline, currency) values
  ('alder', 'Alder Coffee', 'Roasters and brewing gear', 'EUR'),
  ('fjell', 'Fjell Outdoor', 'Tents, packs and layers', 'EUR'),
  ('papier', 'Studio Papier', 'Stationery and prints', 'EUR');

insert into order_streams (org_id) select id from organisations;

create temp table draft_catalogue (
  slug text, prefix text, category text, position integer, names text[], variants text[], low numeric, high numeric
) on commit drop;

insert into draft_catalogue values
  ('alder', 'AC', 'Beans', 1, array['Sidamo Natural', 'Huila Washed', 'Antigua Blend', 'Yirgacheffe', 'Cerrado Pulp', 'House Espresso', 'Decaf Tolima', 'Kiambu AA'], array['250 g', '1 kg'], 9, 42),
  ('alder', 'AC', 'Brewers', 2, array['Cone Dripper', 'Flat Dripper', 'Press Pot', 'Moka Pot', 'Cold Brew Jar', 'Siphon', 'Travel Press', 'Gooseneck Kettle'], array['small', 'large'], 18, 120),
  ('alder', 'AC', 'Grinders', 3, array['Hand Grinder', 'Burr Grinder', 'Espresso Grinder', 'Filter Grinder'], array['steel', 'black', 'walnut'], 45, 280),
  ('alder', 'AC', 'Cups', 4, array['Stoneware Mug', 'Espresso Cup', 'Tasting Bowl', 'Glass Tumbler', 'Travel Cup', 'Saucer Set'], array['ash', 'moss', 'clay'], 8, 34),
  ('alder', 'AC', 'Care', 5, array['Paper Filters', 'Descaler', 'Grinder Brush', 'Cleaning Tabs', 'Scale', 'Tamper'], array['standard', 'pro'], 4, 60),
  ('fjell', 'FO', 'Tents', 1, array['Ridge', 'Tarn', 'Plateau', 'Col', 'Basecamp', 'Bivy'], array['1P', '2P', '3P'], 140, 620),
  ('fjell', 'FO', 'Packs', 2, array['Day Pack', 'Trek Pack', 'Summit Pack', 'Roll-top', 'Hip Pack', 'Duffel'], array['slate', 'rust', 'pine'], 35, 240),
  ('fjell', 'FO', 'Layers', 3, array['Merino Tee', 'Fleece', 'Shell Jacket', 'Down Vest', 'Wind Shirt', 'Rain Pants'], array['S', 'M', 'L'], 39, 320),
  ('fjell', 'FO', 'Kitchen', 4, array['Gas Stove', 'Pot Set', 'Titan Mug', 'Spork', 'Wind Screen', 'Dry Food Box'], array['solo', 'duo'], 6, 95),
  ('fjell', 'FO', 'Light', 5, array['Headlamp', 'Lantern', 'Bike Light', 'Power Bank', 'Solar Panel'], array['lite', 'pro'], 19, 130),
  ('papier', 'SP', 'Notebooks', 1, array['Dotted Book', 'Ruled Book', 'Sketch Book', 'Pocket Book', 'Planner', 'Field Notes'], array['A6', 'A5', 'A4'], 6, 32),
  ('papier', 'SP', 'Pens', 2, array['Fountain Pen', 'Gel Pen', 'Brush Pen', 'Mechanical Pencil', 'Fineliner', 'Marker'], array['black', 'blue', 'coral'], 3, 58),
  ('papier', 'SP', 'Prints', 3, array['Harbour', 'Botanica', 'Night Sky', 'Bauhaus', 'Mountains', 'Type Specimen'], array['30×40', '50×70'], 24, 90),
  ('papier', 'SP', 'Cards', 4, array['Birthday Card', 'Thank You Card', 'Blank Card', 'Postcard Set', 'Gift Tag'], array['single', 'set of 8'], 3, 22),
  ('papier', 'SP', 'Desk', 5, array['Desk Tray', 'Pen Pot', 'Paper Clips', 'Washi Tape', 'Ruler', 'Calendar'], array['brass', 'oak'], 5, 48);

insert into categories (org_id, name, position)
select o.id, d.category, d.position
from draft_catalogue d join organisations o using (slug)
order by o.id, d.position;

insert into products (org_id, category_id, sku, name, price, stock, reorder_level)
select org_id, category_id, prefix || '-' || lpad(n::text, 4, '0'), name,
  floor(low + (high - low) * pg_temp.noise(family, 'price') ^ 1.4 * size) + 0.90,
  case when pg_temp.noise(key, 'short') < 0.08 then floor(pg_temp.noise(key, 'stock') * 9) else 24 + floor(pg_temp.noise(key, 'stock') * 160) end,
  10 + floor(pg_temp.noise(key, 'level') * 10)
from (
  select o.id as org_id, c.id as category_id, d.prefix, base || ', ' || variant as name, d.low, d.high,
    0.4 + 0.6 * variant_at / cardinality(d.variants) as size,
    o.id * 1000 + d.position * 100 + base_at as family,
    row_number() over (partition by o.id order by d.position, base_at, variant_at) as n,
    row_number() over (order by o.id, d.position, base_at, variant_at) as key
  from draft_catalogue d
  join organisations o using (slug)
  join categories c on c.org_id = o.id and c.name = d.category
  cross join unnest(d.names) with ordinality as b(base, base_at)
  cross join unnest(d.variants) with ordinality as v(variant, variant_at)
) numbered
order by key;

insert into customers (org_id, name, email, city)
select org_id, given || ' ' || family, lower(given || '.' || family || n || '@example.com'), city
from (
  select o.id as org_id, n,
    pg_temp.pick(array['Ada', 'Bruno', 'Chiara', 'Dmitri', 'Elif', 'Farid', 'Greta', 'Hugo', 'Ines', 'Jonas', 'Kaja', 'Leo', 'Mira', 'Noor', 'Otto', 'Petra', 'Quentin', 'Rosa', 'Sami', 'Tove', 'Ulla', 'Viktor', 'Wanda', 'Yusuf', 'Zoe'], n, 'given') as given,
    pg_temp.pick(array['Andersen', 'Bauer', 'Conti', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haas', 'Ivanova', 'Jansen', 'Keller', 'Larsen', 'Moreau', 'Novak', 'Okafor', 'Pereira', 'Rossi', 'Silva', 'Tanaka', 'Unger', 'Virtanen', 'Weber', 'Yilmaz', 'Zeman'], n, 'family') as family,
    pg_temp.pick(array['Amsterdam', 'Barcelona', 'Bergen', 'Berlin', 'Bologna', 'Bruges', 'Copenhagen', 'Dublin', 'Ghent', 'Graz', 'Hamburg', 'Helsinki', 'Lisbon', 'Ljubljana', 'Lyon', 'Malmö', 'Nantes', 'Oslo', 'Porto', 'Prague', 'Riga', 'Tallinn', 'Turin', 'Vienna', 'Zürich'], n, 'city') as city
  from generate_series(1, 4500) as n
  join organisations o on o.id = 1 + n % 3
) people
order by n;

-- Orders: 120 days of growing trade, quieter at weekends and at night. A draft first: an order's total needs its items.
create temp table draft_orders on commit drop as
select row_number() over (order by placed_at, key) as n, key, org_id, placed_at,
  1 + floor(4 * pg_temp.noise(key, 'lines') ^ 1.4)::integer as lines
from (
  select key, 1 + floor(3 * pg_temp.noise(key, 'organisation') ^ 1.2)::integer as org_id,
    current_setting('app.seed_anchor')::timestamptz
      - make_interval(secs => 120 * 86400 * (1 - sqrt(1 - pg_temp.noise(key, 'age')))) as placed_at
  from generate_series(1, 28000) as key
) dated
where pg_temp.noise(key, 'quiet') > case
  when extract(isodow from placed_at at time zone 'UTC') >= 6 then 0.35
  when extract(hour from placed_at at time zone 'UTC') not between 6 and 21 then 0.3
  else 0
end;

create temp table draft_products on commit drop as
select id, org_id, price, row_number() over (partition by org_id order by pg_temp.noise(id, 'popularity')) - 1 as rank
from products;

-- Which product stands on a line: the low ranks far more often than the high ones.
create temp table draft_lines on commit drop as
select n, org_id, line,
  floor(products * pg_temp.noise(key * 10 + line, 'product') ^ 1.35)::bigint as rank,
  1 + floor(3 * pg_temp.noise(key * 10 + line, 'quantity') ^ 2.5)::integer as quantity
from draft_orders
join (select org_id, count(*) as products from draft_products group by org_id) catalogue using (org_id)
cross join lateral generate_series(1, lines) as line;

analyze draft_orders, draft_products, draft_lines;

create temp table draft_items on commit drop as
select n, line, p.id as product_id, quantity, price
from draft_lines join draft_products p using (org_id, rank);

-- Inserted in the order of their dates: the n-th draft becomes the order with the n-th id.
insert into orders (org_id, customer_id, status, placed_at, total, item_count)
select o.org_id,
  3 * floor(1500 * pg_temp.noise(o.key, 'customer'))::integer + case o.org_id when 1 then 3 else o.org_id - 1 end,
  case
    when pg_temp.noise(o.key, 'cancelled') < 0.04 then 'cancelled'
    when age > 9 then 'delivered'
    when age > 3 then case when pg_temp.noise(o.key, 'status') < 0.75 then 'delivered' else 'shipped' end
    when age > 1 then pg_temp.pick(array['shipped', 'shipped', 'packed', 'delivered'], o.key, 'status')
    else pg_temp.pick(array['pending', 'pending', 'paid', 'paid', 'packed', 'shipped'], o.key, 'status')
  end,
  o.placed_at, i.total, i.item_count
from (
  select *, extract(epoch from current_setting('app.seed_anchor')::timestamptz - placed_at) / 86400 as age from draft_orders
) o
join (select n, sum(quantity * price) as total, sum(quantity) as item_count from draft_items group by n) i using (n)
order by o.n;

insert into order_items (org_id, order_id, product_id, quantity, unit_price)
select o.org_id, o.n, i.product_id, i.quantity, i.price
from draft_items i join draft_orders o using (n)
order by i.n, i.line;
