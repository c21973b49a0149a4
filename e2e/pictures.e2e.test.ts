/** A picture of every page, on a desktop and a phone, in light and dark, into `artifacts/`: to be looked at. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { App } from './support/app.js'
import { buildExample } from './support/build.js'
import { Shop } from './support/shop.js'
import { expectSoon, expectStatus, openBrowser, Window } from './support/window.js'

const artifacts = new URL('./artifacts/', import.meta.url)
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

let shop: Shop
let app: App
let browser: Browser
let order: number

beforeAll(async () => {
  await buildExample()
  shop = await Shop.open()
  app = await App.start(shop.postgres.connectionString)
  browser = await openBrowser()
  const found = await shop.one<{ id: number }>(
    `select max(o.id) as id from orders o where org_id = 1 and status = 'packed' and (select count(*) from order_items where order_id = o.id) > 2`,
  )
  order = found.id
})

afterAll(async () => {
  await browser?.close()
  await app?.[Symbol.asyncDispose]()
  await shop?.[Symbol.asyncDispose]()
})

const devices = {
  desktop: { viewport: { width: 1440, height: 900 } },
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
}

const pages: Record<string, () => string> = {
  login: () => '/',
  overview: () => '/alder',
  orders: () => '/alder/orders',
  'no-orders': () => '/alder/orders?q=nobody+of+this+name',
  order: () => `/alder/orders/${order}`,
  'no-order': () => '/alder/orders/999999',
  products: () => '/alder/products',
  'not-found': () => '/nowhere/at/all',
}

/** What is not a page of its own: where it is found, and what opens it. */
const states: Record<string, { path: string; open: (window: Window, device: string) => Promise<void> }> = {
  activity: {
    path: '/alder',
    async open(window, device) {
      const { page } = window
      const orders = await window.figure('Orders')
      await shop.placeOrder('alder')
      await expectSoon(() => window.figure('Orders')).not.toBe(orders)
      if (device === 'phone') await page.getByRole('button', { name: 'Activity' }).click()
      // What happened before is held still below the pointer.
      const entries = page.getByTestId('activity').getByRole('listitem')
      await entries.first().hover()
      await entries.filter({ hasText: 'Key figures' }).first().locator('summary').click()
      await expectSoon(() =>
        page
          .getByText(/^select coalesce/)
          .filter({ visible: true })
          .count(),
      ).toBe(1)
    },
  },
  'new-order': {
    path: '/alder/orders',
    async open({ page }) {
      await page.getByRole('button', { name: 'New order' }).click()
      await expectSoon(() => page.getByRole('button', { name: 'Place order' }).isVisible()).toBe(true)
    },
  },
  organisations: {
    path: '/alder/products',
    async open({ page }) {
      await page.getByRole('button', { name: 'Organisation: Alder Coffee. Switch' }).click()
      await expectSoon(() => page.getByRole('menuitem', { name: /Fjell Outdoor/ }).isVisible()).toBe(true)
    },
  },
}

const titles: Record<string, string> = {
  login: 'Operations board',
  overview: 'Overview · Alder Coffee',
  orders: 'Orders · Alder Coffee',
  products: 'Products · Alder Coffee',
  'not-found': 'Nothing here · Operations board',
}

describe.each(Object.keys(devices) as (keyof typeof devices)[])('on a %s', (device) => {
  describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
    it.each(Object.keys(pages))('%s', async (name) => {
      await using window = await Window.open(browser, app.url + pages[name]!(), {
        ...devices[device],
        colorScheme,
        reducedMotion: 'reduce',
      })
      const { page } = window
      await expectSoon(() => page.locator('[aria-busy=true]').count()).toBe(0)
      if (await page.getByTestId('connection').count()) await expectStatus(window, 'live')
      await page.screenshot({ path: fileURLToPath(new URL(`${name}-${device}-${colorScheme}.png`, artifacts)) })
      expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0)
      expect(await accessibilityProblems(window)).toEqual([])
      if (name !== 'not-found') expect(window.problems).toEqual([])
      if (titles[name]) expect(await page.title()).toBe(titles[name])
    })

    it.each(Object.keys(states))('%s, opened', async (name) => {
      const { path, open } = states[name]!
      await using window = await Window.open(browser, app.url + path, {
        ...devices[device],
        colorScheme,
        reducedMotion: 'reduce',
      })
      await expectStatus(window, 'live')
      await open(window, device)
      await window.page.screenshot({
        path: fileURLToPath(new URL(`${name}-${device}-${colorScheme}.png`, artifacts)),
      })
      expect(await accessibilityProblems(window)).toEqual([])
      expect(window.problems).toEqual([])
    })
  })
})

/** What axe finds, one line each: the rule, and where. */
async function accessibilityProblems({ page }: Window): Promise<string[]> {
  await page.evaluate(axe)
  // Notifications stand beside the landmarks, on purpose. Mantine's menus begin with an element that takes the focus.
  return page.evaluate(async () => {
    const exceptions = { region: { enabled: false }, 'aria-required-children': { enabled: false } }
    const { axe: checker } = globalThis as unknown as {
      axe: {
        run(
          options: object,
        ): Promise<{ violations: { id: string; nodes: { target: unknown[]; failureSummary?: string }[] }[] }>
      }
    }
    const { violations } = await checker.run({ rules: exceptions })
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
    )
  })
}
