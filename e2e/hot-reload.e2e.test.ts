/** The example in development mode, from a copy whose files may change. */
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { App, exampleFolder } from './support/app.js'
import { buildExample } from './support/build.js'
import { Shop } from './support/shop.js'
import { expectSoon, expectStatus, openBrowser, type Transport, Window } from './support/window.js'

// As deep in the repository as the example itself: the links in its node_modules are relative.
const folder = fileURLToPath(new URL('../artifacts/hot-reload', import.meta.url))

let shop: Shop
let app: App
let browser: Browser

beforeAll(async () => {
  await buildExample()
  rmSync(folder, { recursive: true, force: true })
  const isLeft = (path: string) => /^\.(next|pg|turbo)$|\.test\.ts$/.test(basename(path))
  cpSync(exampleFolder, folder, { recursive: true, verbatimSymlinks: true, filter: (path) => !isLeft(path) })
  shop = await Shop.open()
  app = await App.start(shop.postgres.connectionString, { folder, dev: true })
  // Next compiles the page and the router when they are first asked for, which takes as long as it takes.
  await (await fetch(`${app.url}/alder/orders`)).text()
  await offered()
  browser = await openBrowser()
})

afterAll(async () => {
  await browser?.close()
  await app?.[Symbol.asyncDispose]()
  await shop?.[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

async function open(transport: Transport): Promise<Window> {
  const window = await Window.open(browser, `${app.url}/alder/orders`, { transport })
  await expectStatus(window, 'live')
  await expectSoon(() => window.orders()).toEqual(await shop.newestOrders('alder'))
  await window.mark()
  return window
}

function change(file: string, from: string, to: string): void {
  const path = join(folder, 'src/server', file)
  const source = readFileSync(path, 'utf8')
  expect(source).toContain(from)
  writeFileSync(path, source.replace(from, to))
}

/** The process, and the connections of every engine. */
async function engines() {
  const { pid } = await app.health()
  const connections = await shop.sql<{ name: string; pid: number }>(
    `select application_name as name, pid from pg_stat_activity where application_name like 'pg-realtime%' order by 1`,
  )
  return { pid, connections }
}

/** How many customers the form of a new order would offer, by the router that Next compiled. */
async function offered(): Promise<number> {
  const input = encodeURIComponent('{"json":{"search":""}}')
  const headers = { demoOrganisation: 'alder' }
  const response = await fetch(`${app.url}/api/trpc/orders.customers?input=${input}`, { headers })
  const { result } = (await response.json()) as { result: { data: { json: unknown[] } } }
  return result.data.json.length
}

it(
  'code that changes under a running server leaves one engine, and the pages go on',
  { timeout: 240_000 },
  async () => {
    // Over WebSocket the server's own copy of the router answers, over SSE the one that Next compiles.
    await using socket = await open('ws')
    await using stream = await open('sse')
    expect(await offered()).toBe(20)
    const before = await engines()
    expect(before.connections.map(({ name }) => name)).toEqual(['pg-realtime control', 'pg-realtime reader'])

    // The module that makes the engine, so that it runs again, and a router, whose answer tells when that has happened.
    change('realtime.ts', 'onError: (error) =>', 'onError: async (error) =>')
    change('routers/orders.ts', '.limit(20)', '.limit(19)')
    await expectSoon(offered).toBe(19)

    await using later = await open('sse')
    const id = await shop.placeOrder('alder')
    for (const window of [socket, stream, later]) {
      await expectSoon(() => window.orders()).toContainEqual({ id, status: 'pending' })
      expect(await window.orders()).toEqual(await shop.newestOrders('alder'))
      expect(await window.isMarked()).toBe(true)
    }
    expect(await engines()).toEqual(before)
  },
)
