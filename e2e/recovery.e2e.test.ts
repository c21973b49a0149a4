import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App } from './support/app.js'
import { buildExample } from './support/build.js'
import { Shop } from './support/shop.js'
import { expectSoon, expectStatus, openBrowser, type Transport, Window } from './support/window.js'

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

const transports: Transport[] = ['ws', 'sse']

describe.each(transports)('over %s', (transport) => {
  /** A window on the newest orders, which shows what the database holds. */
  async function openOrders(): Promise<Window> {
    const window = await Window.open(browser, `${app.url}/alder/orders`, { transport })
    await expectStatus(window, 'live')
    await expectSoon(() => window.orders()).toEqual(await shop.newestOrders('alder'))
    await window.mark()
    return window
  }

  /** The right rows, live again, in the page that was there before. */
  async function expectRecovered(window: Window): Promise<void> {
    await expectSoon(() => window.orders()).toEqual(await shop.newestOrders('alder'))
    await expectStatus(window, 'live')
    const id = await shop.placeOrder('alder')
    await expectSoon(() => window.orders()).toContainEqual({ id, status: 'pending' })
    expect(await window.orders()).toEqual(await shop.newestOrders('alder'))
    expect(await window.isMarked()).toBe(true)
  }

  it('the server crashes and comes back: the page goes on by itself', async () => {
    await using window = await openOrders()
    const shown = await window.orders()
    await app.stop('SIGKILL')
    await expectStatus(window, 'reconnecting')
    expect(await window.orders()).toEqual(shown)
    await shop.placeOrder('alder', { status: 'packed' })
    await app.start()
    await expectRecovered(window)
  })

  it('the server is stopped in order and started again', async () => {
    await using window = await openOrders()
    expect(await app.stop('SIGTERM')).toBe(0)
    await expectStatus(window, 'reconnecting')
    await shop.placeOrder('alder', { status: 'shipped' })
    await app.start()
    await expectRecovered(window)
  })

  it('the database crashes: the page says that its rows may be old, keeps them, and goes on', async () => {
    await using window = await openOrders()
    const shown = await window.orders()
    await shop.postgres.kill()
    await expectStatus(window, 'stale')
    expect(await window.orders()).toEqual(shown)
    await window.page.screenshot({
      path: fileURLToPath(new URL(`./artifacts/stale-${transport}.png`, import.meta.url)),
    })
    await shop.postgres.restart()
    await shop.placeOrder('alder', { status: 'packed' })
    await expectRecovered(window)
  })

  it('the database is restarted', async () => {
    await using window = await openOrders()
    await shop.postgres.restart('fast')
    await shop.placeOrder('alder', { status: 'shipped' })
    await expectRecovered(window)
  })
})
