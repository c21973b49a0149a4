import { chromium } from 'playwright-core'
import { expect, it } from 'vitest'
import { findBrowser } from './browser.js'

it('finds a browser that shows a page', { timeout: 120_000 }, async () => {
  const browser = await chromium.launch(await findBrowser())
  try {
    const page = await browser.newPage()
    await page.setContent('<h1>Orders</h1><script>document.title = [1, 2].at(-1)</script>')
    expect(await page.getByRole('heading').textContent()).toBe('Orders')
    expect(await page.title()).toBe('2')
    expect((await page.screenshot()).length).toBeGreaterThan(1000)
  } finally {
    await browser.close()
  }
})

it('says so when CHROMIUM_PATH names no browser', async () => {
  await expect(findBrowser({ CHROMIUM_PATH: '/nowhere/chromium' })).rejects.toThrow(
    '/nowhere/chromium, which does not run',
  )
})
