import { findBrowser } from '@pg-realtime/tooling/browser'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'
import type { ShownOrder } from './shop.js'

export type Transport = 'ws' | 'sse'

export interface WindowOptions extends BrowserContextOptions {
  readonly transport?: Transport
}

export async function openBrowser(): Promise<Browser> {
  return chromium.launch(await findBrowser())
}

/** One window in a browser session of its own. Everything that its console reports as an error is kept. */
export class Window implements AsyncDisposable {
  readonly page: Page
  readonly problems: string[] = []
  /** What the server sent over WebSockets and event streams. */
  readonly frames: string[] = []
  /** The addresses that it opened for server-sent events. */
  readonly streams: string[] = []

  private constructor(page: Page) {
    this.page = page
    page.on('pageerror', (error) => this.problems.push(error.message))
    page.on('console', (message) => {
      if (message.type() === 'error') this.problems.push(message.text())
    })
    page.on('request', (request) => {
      if (request.resourceType() === 'eventsource') this.streams.push(request.url())
    })
    page.on('websocket', (socket) => socket.on('framereceived', ({ payload }) => this.frames.push(String(payload))))
  }

  static async open(
    browser: Browser,
    url: string,
    { transport = 'ws', ...options }: WindowOptions = {},
  ): Promise<Window> {
    const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, ...options })
    // The transport is remembered from the settings; once, so that a test can choose another one and reload.
    await context.addInitScript((chosen) => {
      if (localStorage.getItem('example.transport') === null) localStorage.setItem('example.transport', `"${chosen}"`)
    }, transport)
    const window = new Window(await context.newPage())
    await window.#recordEventStreams()
    await window.page.goto(url)
    return window
  }

  /** Playwright tells of the frames of WebSockets only; of the messages of event streams, Chromium itself does. */
  async #recordEventStreams(): Promise<void> {
    const session = await this.page.context().newCDPSession(this.page)
    session.on('Network.eventSourceMessageReceived', ({ data }) => this.frames.push(data))
    await session.send('Network.enable')
  }

  /** The badge in the header: live, connecting, stale, reconnecting. */
  async status(): Promise<string | null> {
    return this.page.getByTestId('connection').getAttribute('data-status')
  }

  /** The list of orders as it stands, without the skeleton. */
  async orders(): Promise<ShownOrder[]> {
    return this.page.locator('tr[data-order]').evaluateAll((rows) =>
      rows.map((row) => ({
        id: Number(row.getAttribute('data-order')),
        status: row.querySelector('[data-status]')?.getAttribute('data-status') ?? '',
      })),
    )
  }

  /** A key figure of the overview, as text. */
  async figure(label: string): Promise<string | null> {
    return this.page.getByTestId(`figure-${label}`).textContent()
  }

  /** Of the chart of revenue: which category the highest piece of a bar is of, and whether its day is the last one. */
  async highestBar(): Promise<{ category: string | null; ofLastDay: boolean } | undefined> {
    return this.page.locator('path.recharts-rectangle').evaluateAll((bars) => {
      const number = (bar: Element, name: string) => Number(bar.getAttribute(name))
      const highest = bars.toSorted((a, b) => number(b, 'height') - number(a, 'height'))[0]
      if (!highest) return undefined
      const lastDay = Math.max(...bars.map((bar) => number(bar, 'x')))
      return { category: highest.getAttribute('name'), ofLastDay: number(highest, 'x') === lastDay }
    })
  }

  /** Something that only a reload would remove. */
  async mark(): Promise<void> {
    await this.page.evaluate(() => Object.assign(globalThis, { marked: true }))
  }

  async isMarked(): Promise<boolean> {
    return this.page.evaluate(() => 'marked' in globalThis)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.page.context().close()
  }
}

/** Asks again and again until the answer is right: for whatever arrives by itself. */
export function expectSoon<Value>(probe: () => Value | Promise<Value>) {
  return expect.poll(probe, { timeout: 30_000, interval: 50 })
}

export async function expectStatus(window: Window, status: string): Promise<void> {
  await expectSoon(() => window.status()).toBe(status)
}
