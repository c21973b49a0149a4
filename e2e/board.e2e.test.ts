import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App } from './support/app.js'
import { buildExample } from './support/build.js'
import { Shop } from './support/shop.js'
import { expectSoon, expectStatus, openBrowser, type Transport, Window, type WindowOptions } from './support/window.js'

let shop: Shop
let app: App
let browser: Browser

beforeAll(async () => {
  await buildExample()
  shop = await Shop.open()
  app = await App.start(shop.postgres.connectionString)
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
  await app?.[Symbol.asyncDispose]()
  await shop?.[Symbol.asyncDispose]()
})

function open(path: string, options?: WindowOptions): Promise<Window> {
  return Window.open(browser, app.url + path, options)
}

const transports: Transport[] = ['ws', 'sse']

describe.each(transports)('over %s', (transport) => {
  it('two windows follow each other', async () => {
    const id = await shop.placeOrder('alder')
    await using list = await open('/alder/orders?status=pending', { transport })
    await using detail = await open(`/alder/orders/${id}`, { transport })
    const progress = detail.page.getByTestId('progress')
    await expectSoon(() => list.orders()).toContainEqual({ id, status: 'pending' })
    await expectSoon(() => progress.getAttribute('data-status')).toBe('pending')

    await list.page.getByRole('button', { name: `Mark paid: order ${id}` }).click()
    await expectSoon(() => progress.getAttribute('data-status')).toBe('paid')
    await expectSoon(() => list.orders()).not.toContainEqual(expect.objectContaining({ id }))

    await detail.page.getByRole('button', { name: 'Status: Paid. Change' }).click()
    await detail.page.getByRole('menuitem', { name: 'Pending' }).click()
    await expectSoon(() => list.orders()).toContainEqual({ id, status: 'pending' })
    expect([...list.problems, ...detail.problems]).toEqual([])
  })

  it('a change by plain SQL arrives in aggregates, lists and joins', async () => {
    const { sku, name } = await shop.one<{ sku: string; name: string }>(
      `select p.sku, p.name from products p join organisations o on o.id = p.org_id
       where o.slug = 'fjell' and p.stock > 60 order by p.id desc limit 1`,
    )
    await using overview = await open('/fjell', { transport })
    await using products = await open(`/fjell/products?q=${sku}`, { transport })
    const alarm = overview.page.getByTestId('stock-alarm')
    await expectSoon(() => alarm.textContent()).toContain('left')
    expect(await alarm.textContent()).not.toContain(name)
    const before = await overview.figure('Orders')

    await shop.sql('update products set stock = 0 where sku = $1', [sku])
    await expectSoon(() => alarm.textContent()).toContain(name)
    await expectSoon(() => products.page.getByTestId('stock').allTextContents()).toEqual(['None left'])

    await shop.placeOrder('fjell', { total: '250.00' })
    await expectSoon(() => overview.figure('Orders')).toBe((number(before) + 1).toLocaleString('en-GB'))
    await shop.sql('update products set stock = 90 where sku = $1', [sku])
    await expectSoon(() => alarm.textContent()).not.toContain(name)
    expect([...overview.problems, ...products.problems]).toEqual([])
  })

  it('an item added by plain SQL arrives in the chart, among the best products, and in its order', async () => {
    const id = await shop.placeOrder('papier')
    const sold = await shop.one<{ id: number; name: string; sku: string; category: string }>(
      `select p.id, p.name, p.sku, c.name as category from products p join categories c on c.id = p.category_id
       join organisations o on o.id = p.org_id where o.slug = 'papier' order by p.price, p.id limit 1`,
    )
    await using overview = await open('/papier', { transport })
    await using detail = await open(`/papier/orders/${id}`, { transport })
    const bestRows = overview.page.getByRole('table', { name: 'Best products' }).locator('tbody tr')
    const best = () => bestRows.allTextContents()
    const items = () => detail.page.getByTestId('items').getByRole('row').allTextContents()
    await expectSoon(() => overview.highestBar()).toBeDefined()
    await expectSoon(() => bestRows.filter({ hasText: '€' }).count()).toBe(10)
    await expectSoon(items).toEqual([expect.stringContaining('1€12.00€12.00')])
    const before = { bar: await overview.highestBar(), best: await best(), items: await items() }
    expect(before.bar).not.toEqual({ category: sold.category, ofLastDay: true })
    expect(before.best.join()).not.toContain(sold.name)

    await shop.sql(
      `insert into order_items (org_id, order_id, product_id, quantity, unit_price)
       select org_id, id, $2, 2, 20000 from orders where id = $1`,
      [id, sold.id],
    )
    await expectSoon(() => overview.highestBar()).toEqual({ category: sold.category, ofLastDay: true })
    await expectSoon(best).toEqual([expect.stringContaining(`1${sold.name}`), ...shiftedRanks(before.best)])
    await expectSoon(items).toEqual([...before.items, expect.stringContaining('2€20,000.00€40,000.00')])
    expect((await items())[1]).toContain(`${sold.name}${sold.category} · ${sold.sku}`)

    await shop.sql('delete from order_items where order_id = $1 and product_id = $2', [id, sold.id])
    await expectSoon(() => overview.highestBar()).toEqual(before.bar)
    await expectSoon(best).toEqual(before.best)
    await expectSoon(items).toEqual(before.items)
    expect([...overview.problems, ...detail.problems]).toEqual([])
  })

  it('follows another filter, and the back button', async () => {
    await using window = await open('/papier/orders', { transport })
    const { page } = window
    await expectSoon(() => window.orders()).toEqual(await shop.newestOrders('papier'))

    await page.getByTestId('tab-cancelled').click()
    await expectSoon(() => window.orders()).toEqual(await shop.newestOrders('papier', `o.status = 'cancelled'`))
    expect(new URL(page.url()).searchParams.get('status')).toBe('cancelled')

    // What matches the new filter comes in, what does not stays out.
    const outside = await shop.placeOrder('papier', { status: 'pending' })
    const inside = await shop.placeOrder('papier', { status: 'cancelled' })
    await expectSoon(() => window.orders()).toContainEqual({ id: inside, status: 'cancelled' })
    expect(await window.orders()).not.toContainEqual(expect.objectContaining({ id: outside }))

    await page.getByRole('textbox', { name: 'Search orders' }).fill(`#${inside}`)
    await expectSoon(() => window.orders()).toEqual([{ id: inside, status: 'cancelled' }])
    await page.getByRole('button', { name: 'Clear', exact: true }).click()
    await expectSoon(() => window.orders()).toHaveLength(25)
    await page.goBack()
    await page.goBack()
    await expectSoon(() => window.orders()).toEqual(await shop.newestOrders('papier'))
    expect(window.problems).toEqual([])
  })

  it('leaving a page frees its live queries on the server', async () => {
    await expectSoon(async () => (await app.health()).liveQueries).toBe(0)
    // Over WebSocket the switch of the order stream is live too.
    const shared = transport === 'ws' ? 1 : 0
    const liveQueries = async () => (await app.health()).liveQueries
    await using window = await open('/alder', { transport })
    await expectStatus(window, 'live')
    await expectSoon(liveQueries).toBe(4 + shared)
    await window.page.getByRole('link', { name: 'Products' }).first().click()
    await expectSoon(() => window.page.locator('tr[data-sku]').count()).toBeGreaterThan(70)
    await expectSoon(liveQueries).toBe(1 + shared)
    await window.page.close()
    await expectSoon(liveQueries).toBe(0)
  })

  it('one organisation never sees rows of another', async () => {
    const secret = `Confidential ${transport}`
    const known = `Familiar ${transport}`
    await using alder = await open('/alder/orders', { transport })
    await using fjell = await open('/fjell/orders', { transport })
    await expectSoon(() => alder.orders()).toHaveLength(25)
    await expectSoon(() => fjell.orders()).toHaveLength(25)

    const id = await shop.placeOrderOf(secret, 'alder')
    await expectSoon(() => alder.page.getByTestId('orders').textContent()).toContain(secret)
    // A later change of its own: whatever Fjell was to see of the earlier one has arrived by then.
    await shop.placeOrderOf(known, 'fjell')
    await expectSoon(() => fjell.page.getByTestId('orders').textContent()).toContain(known)
    expect(await fjell.orders()).toEqual(await shop.newestOrders('fjell'))
    await expectSoon(() => alder.frames.join('\n')).toContain(secret)
    await expectSoon(() => fjell.frames.join('\n')).toContain(known)
    expect(fjell.frames.join('\n')).not.toContain(secret)

    // The query of this page names no organisation: the policy alone decides.
    await fjell.page.goto(`${app.url}/fjell/orders/${id}`)
    await expectSoon(() => fjell.page.getByText(`No order #${id} in Fjell Outdoor`).count()).toBe(1)
    const answer = await changeStatus('fjell', id)
    expect(answer).toContain('NOT_FOUND')
    expect(await shop.one('select status from orders where id = $1', [id])).toEqual({ status: 'pending' })
  })

  it('another organisation, chosen in the page, replaces the first on the screen, the wire and the server', async () => {
    const name = (text: string) => `${text} ${transport}`
    const shared = transport === 'ws' ? 1 : 0
    const liveQueries = async () => (await app.health()).liveQueries
    const alarm = (window: Window) => window.page.getByTestId('stock-alarm').getByRole('listitem').allTextContents()
    const skus = async () => (await alarm(window)).map((text) => /[A-Z]{2}-\d{4}/.exec(text)?.[0])
    await expectSoon(liveQueries).toBe(0)
    await using window = await open('/alder', { transport })
    await expectSoon(skus).toEqual(await shop.shortProducts('alder'))
    await shop.runShort('alder', name('First'))
    await expectSoon(() => alarm(window)).toContainEqual(expect.stringContaining(name('First')))
    await expectSoon(() => window.frames.join('\n')).toContain(name('First'))
    await expectSoon(liveQueries).toBe(4 + shared)
    await window.mark()

    await window.page.getByRole('button', { name: 'Organisation: Alder Coffee. Switch' }).click()
    await window.page.getByRole('menuitem', { name: /Fjell Outdoor/ }).click()
    await expectSoon(skus).toEqual(await shop.shortProducts('fjell'))
    await expectSoon(() => window.page.locator('[aria-busy=true]').count()).toBe(0)
    await expectStatus(window, 'live')
    await expectSoon(liveQueries).toBe(4 + shared)

    await using witness = await open('/alder', { transport })
    await expectStatus(witness, 'live')
    const before = window.frames.length
    await shop.runShort('alder', name('Last'))
    await expectSoon(() => alarm(witness)).toContainEqual(expect.stringContaining(name('Last')))
    // A later change of its own: whatever the window was to get of the earlier one has arrived by then.
    await shop.runShort('fjell', name('Own'))
    await expectSoon(() => alarm(window)).toContainEqual(expect.stringContaining(name('Own')))
    await expectSoon(() => window.frames.slice(before).join('\n')).toContain(name('Own'))
    expect(window.frames.slice(before).join('\n')).not.toMatch(new RegExp(`${name('First')}|${name('Last')}`))
    expect(await skus()).toEqual(await shop.shortProducts('fjell'))
    expect(await window.isMarked()).toBe(true)
    expect([...window.problems, ...witness.problems]).toEqual([])
  })
})

/** The rows of the best products, each one place further down; the last one is out. */
function shiftedRanks(rows: readonly string[]): string[] {
  return rows.slice(0, -1).map((row, index) => row.replace(/^\d/, String(index + 2)))
}

async function changeStatus(organisation: string, id: number): Promise<string> {
  const response = await fetch(`${app.url}/api/trpc/orders.setStatus`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', demoOrganisation: organisation },
    body: JSON.stringify({ json: { id, status: 'cancelled' } }),
  })
  return response.text()
}

it('tells what happened: which query, because of which change, in what time', async () => {
  await using window = await open('/alder/orders')
  await expectSoon(() => window.orders()).toHaveLength(25)
  const id = await shop.placeOrder('alder')
  await expectSoon(() => window.orders()).toContainEqual({ id, status: 'pending' })
  await shop.sql(`update orders set status = 'packed' where id = $1`, [id])
  const entries = window.page.getByTestId('activity').getByRole('listitem')
  const entry = entries.filter({ hasText: 'Order list' }).filter({ hasText: 'orders update status' }).first()
  await expectSoon(() => entry.count()).toBe(1)
  expect(await entry.textContent()).toMatch(/\d ms · 25 rows/)
  // What happens later is held back while the pointer is on the list.
  await entries.first().hover()
  const details = entry.getByText(/^select "orders"/)
  expect(await details.isVisible()).toBe(false)
  await entry.locator('summary').click()
  await expectSoon(() => details.isVisible()).toBe(true)
})

it('streams orders until told to stop, and every window shows the same switch', async () => {
  await using first = await open('/papier')
  await using second = await open('/papier/orders')
  const ordersOf = () =>
    shop.one<{ orders: number }>(
      `select count(*)::integer as orders from orders where org_id = (select id from organisations where slug = 'papier')`,
    )
  const { orders } = await ordersOf()
  await first.page.getByRole('button', { name: 'Stream orders' }).click()
  const stop = second.page.getByRole('button', { name: 'Stop orders' })
  await expectSoon(() => stop.count()).toBe(1)
  await expectSoon(async () => (await ordersOf()).orders).toBeGreaterThan(orders + 2)
  await stop.click()
  await expectSoon(() => first.page.getByRole('button', { name: 'Stream orders' }).count()).toBe(1)
  await expectSoon(() => second.orders()).toEqual(await shop.newestOrders('papier'))
})

it('places an order through the form', async () => {
  await using window = await open('/alder/orders')
  const { page } = window
  await expectSoon(() => window.orders()).toHaveLength(25)
  const [newest] = await window.orders()
  await page.getByRole('button', { name: 'New order' }).click()
  await page.getByRole('button', { name: 'Place order' }).click()
  await expectSoon(() => page.getByText('Who is it for?').count()).toBe(1)
  await page.getByRole('combobox', { name: 'Customer' }).fill('Greta')
  await page
    .getByRole('option', { name: /^Greta/ })
    .first()
    .click()
  await page.getByRole('combobox', { name: 'Product 1' }).fill('Scale')
  await page
    .getByRole('option', { name: /^Scale/ })
    .first()
    .click()
  await page.getByRole('button', { name: 'Place order' }).click()
  await expectSoon(async () => (await window.orders())[0]?.id).toBeGreaterThan(newest!.id)
  expect(await page.getByTestId('orders').getByRole('row').first().textContent()).toContain('Greta')
  expect(window.problems).toEqual([])
})

it('changes the transport in the settings, without a reload, and remembers it', async () => {
  await using window = await open('/alder/products')
  await expectStatus(window, 'live')
  await window.mark()
  await window.page.getByRole('button', { name: 'Settings' }).click()
  await window.page.getByText('SSE', { exact: true }).click()
  await expectSoon(() => window.page.evaluate(() => localStorage.getItem('example.transport'))).toBe('"sse"')
  await expectStatus(window, 'live')
  const stock = window.page.locator('tr[data-sku="AC-0001"]').getByTestId('stock')
  await shop.sql(`update products set stock = 77 where sku = 'AC-0001'`)
  await expectSoon(() => stock.textContent()).toBe('77')
  expect(await window.isMarked()).toBe(true)
  expect(window.streams).toEqual(expect.arrayContaining([expect.stringContaining('products.list')]))
  await window.page.reload()
  await expectSoon(() => stock.textContent()).toBe('77')
  await shop.sql(`update products set stock = 78 where sku = 'AC-0001'`)
  await expectSoon(() => stock.textContent()).toBe('78')
  expect(window.problems).toEqual([])
})

it('works with the keyboard alone', async () => {
  const id = await shop.placeOrder('fjell')
  await using window = await open(`/fjell/orders?q=%23${id}`)
  const { page } = window
  await expectSoon(() => window.orders()).toEqual([{ id, status: 'pending' }])
  await page.keyboard.press('Tab')
  expect(await focused(window)).toBe('Skip to the content')
  await page.keyboard.press('Enter')
  await pressUntil(window, 'Tab', `#${id}`)
  await page.keyboard.press('Enter')
  const progress = page.getByTestId('progress')
  await expectSoon(() => progress.getAttribute('data-status')).toBe('pending')
  await pressUntil(window, 'Tab', 'Status: Pending. Change')
  await page.keyboard.press('Enter')
  await expectSoon(() => page.getByRole('menuitem', { name: 'Paid' }).count()).toBe(1)
  await pressUntil(window, 'ArrowDown', 'Paid')
  await page.keyboard.press('Enter')
  await expectSoon(() => progress.getAttribute('data-status')).toBe('paid')
})

/** The name of what has the focus. */
async function focused({ page }: Window): Promise<string> {
  return page.evaluate(() => {
    const element = document.activeElement
    return element?.getAttribute('aria-label') ?? element?.textContent?.trim() ?? ''
  })
}

/** Presses a key again and again until something of this name has the focus. */
async function pressUntil(window: Window, key: string, name: string): Promise<void> {
  for (let presses = 0; presses < 40 && (await focused(window)) !== name; presses += 1)
    await window.page.keyboard.press(key)
  expect(await focused(window)).toBe(name)
}

function number(text: string | null): number {
  return Number((text ?? '').replaceAll(',', ''))
}
