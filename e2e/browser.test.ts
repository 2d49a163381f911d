// A person at a browser: signs in by the printed link, searches, opens the alert, sees a line arrive in the tail.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { has } from './needs.ts'
import { root, startNode, type TestNode, tempDir, until } from './running-node.ts'

const flags =
  '--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync'
const hostile = '<img src=x onerror=alert(1)><script>fetch("/v1/stolen")</script>'

describe.skipIf(!has('chromium'))('the browser', () => {
  let node: TestNode
  let browser: Browser
  let page: Page
  const wrong: string[] = []

  beforeAll(async () => {
    node = await startNode({ dataDir: join(tempDir(), 'data') })
    browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: flags.split(' ') })
    page = await (
      await browser.newContext({ viewport: { width: 1280, height: 860 }, locale: 'en-GB', colorScheme: 'dark' })
    ).newPage()
    page.on('pageerror', (error) => wrong.push(`error: ${error.message}`))
    page.on('dialog', (dialog) => wrong.push(`dialog: ${dialog.message()}`))
    page.on('request', (request) => {
      if (!request.url().startsWith(node.address) || request.url().includes('stolen'))
        wrong.push(`request: ${request.url()}`)
    })
    await send(guessing())
    await until(
      () => node.alerts(),
      (alerts) => alerts.some((alert) => alert.kind === 'correlation'),
      5000,
    )
  })
  afterAll(async () => {
    await browser?.close()
    expect(await node.stop()).toBe(0)
  })

  async function send(lines: readonly string[]): Promise<void> {
    const socket = connect(node.syslogPort, '127.0.0.1')
    socket.end(`${lines.join('\n')}\n`)
    await once(socket, 'close')
  }

  function guessing(): string[] {
    const at = (s: number) => new Date(Date.now() - 60_000 + s * 1000).toISOString()
    const auth = (s: number, text: string) => `<86>1 ${at(s)} bastion-1 sshd 3300 - - ${text}`
    const failed = Array.from({ length: 9 }, (_, i) =>
      auth(i, `Failed password for deploy from 203.0.113.77 port ${41000 + i} ssh2`),
    )
    const pages = Array.from(
      { length: 60 },
      (_, i) => `<134>1 ${at(i)} web-1 shop 77 - - {"level":"info","msg":"order placed","order_id":${i}}`,
    )
    return [
      ...failed,
      auth(12, 'Accepted password for deploy from 203.0.113.77 port 41990 ssh2'),
      ...pages,
      `<13>1 ${at(5)} web-1 app 9 - - ${hostile}`,
    ]
  }

  test('without signing in there is nothing to see', async () => {
    await page.goto(`${node.address}/search`)
    await page.getByText('one-time link').waitFor()
    expect((await page.request.post(`${node.address}/v1/search`, { data: {} })).status()).toBe(401)
  })

  test('the printed link signs in, once', async () => {
    await page.goto(node.signInLink)
    await page.getByRole('link', { name: 'Search' }).waitFor()
    expect(page.url()).not.toContain('token')
    const stranger = await browser.newPage()
    await stranger.goto(node.signInLink)
    await stranger.getByRole('alert').waitFor()
    await stranger.close()
  })

  test('a search shows its lines and histogram; a row opens as table, JSON and raw line', async () => {
    const line = page.locator('[data-query-line] .cm-content')
    await line.click()
    await line.fill('source.ip:203.0.113.77')
    await page.keyboard.press('Escape')
    await page.keyboard.press('Enter')
    await page.locator('[data-total="10"]').waitFor()
    expect(page.url()).toContain('query=source.ip')
    expect(await page.locator('.uplot canvas').count()).toBeGreaterThan(0)
    expect(await page.locator('[data-event]').count()).toBe(10)
    await page.locator('[data-event] button.row').first().click()
    await page.getByText('user.name', { exact: true }).first().waitFor()
    await page.getByRole('tab', { name: 'JSON' }).click()
    await page.getByText('"outcome": "success"').waitFor()
    await page.getByRole('tab', { name: 'Raw line' }).click()
    await page
      .locator('[role=tabpanel] pre', { hasText: 'Accepted password for deploy from 203.0.113.77' })
      .last()
      .waitFor()
  })

  test('stages make a table and a chart; a value of it narrows the search', async () => {
    const query = 'source.ip:203.0.113.77 | stats count() by event.outcome | sort -count'
    await page.goto(`${node.address}/search?query=${encodeURIComponent(query)}`)
    await page.locator('[data-table-rows="2"]').waitFor()
    expect((await page.locator('table.result tbody tr').first().innerText()).replace(/\s+/g, ' ')).toMatch(/failure.*9/)
    await page.locator('table.result').getByTitle('Only this').first().click()
    await page.locator('[data-table-rows="1"]').waitFor()
    expect(new URL(page.url()).searchParams.get('query')).toBe(
      'source.ip:203.0.113.77 and event.outcome:"failure" | stats count() by event.outcome | sort -count',
    )
    await page.goto(`${node.address}/search?query=${encodeURIComponent('| timechart 1s count() by event.outcome')}`)
    await page.locator('[data-chart] canvas').waitFor()
  })

  test('a search is saved, shared and exported', async () => {
    await page.goto(`${node.address}/search?query=source.ip:203.0.113.77`)
    await page.locator('[data-total="10"]').waitFor()
    await page.getByRole('button', { name: 'Saved' }).click()
    await page.getByLabel('Save this search as').fill('The guesser')
    await page.getByRole('button', { name: 'Save', exact: true }).click()
    await page.locator('[data-saved="The guesser"]').waitFor()
    await page.keyboard.press('Escape')
    await page.getByRole('button', { name: 'Link' }).click()
    const link = await page.locator('[data-share-link]').innerText()
    await page.getByRole('button', { name: 'Export' }).click()
    const arriving = page.waitForEvent('download')
    await page.locator('[data-export="csv"]').click()
    const rows = readFileSync(await (await arriving).path(), 'utf8')
      .trimEnd()
      .split('\r\n')
    expect(rows).toHaveLength(11)
    await page.goto(link)
    await page.locator('[data-total="10"]').waitFor()
    expect(new URL(page.url()).searchParams.get('since')).toMatch(/^\d{4}-/)
  })

  test('a wrong query marks its column', async () => {
    await page.goto(`${node.address}/search?query=${encodeURIComponent('user.name:(root')}`)
    await page.getByRole('alert').waitFor()
    expect(await page.getByRole('alert').innerText()).toContain(`user.name:(root\n${' '.repeat(10)}^`)
  })

  test('the alert shows exactly the events that caused it', async () => {
    await page.getByRole('link', { name: 'Alerts' }).click()
    await page
      .getByRole('link', { name: /burst of failures/ })
      .first()
      .click()
    await page.locator('[data-causing="10"]').waitFor()
    await page.getByRole('button', { name: 'Acknowledge' }).click()
    await page.getByText('Acknowledged', { exact: true }).first().waitFor()
  })

  test('an exception is made from the alert, and stands on the page of rules', async () => {
    await page.getByRole('button', { name: 'Exception from this alert' }).click()
    await page.getByLabel('source.ip = 203.0.113.77').check()
    await page.getByLabel('Reason').fill('the penetration test')
    await page.getByRole('button', { name: 'Make exception' }).click()
    await page.getByRole('button', { name: 'Exception from this alert' }).waitFor()
    await page.getByRole('link', { name: 'Rules' }).click()
    const row = page.locator('[data-exception]')
    await row.waitFor()
    expect(await row.innerText()).toMatch(/burst of failures[\s\S]*the penetration test[\s\S]*Active/i)
    await row.getByRole('button', { name: 'End now' }).click()
    await row.getByText('Expired').waitFor()
  })

  test('a line arrives in the tail', async () => {
    await page.goto(`${node.address}/tail?query=tailword`)
    await page.getByText('Waiting for matching events').waitFor()
    await until(
      async () => {
        await send([`<13>1 ${new Date().toISOString()} web-1 app 9 - - tailword arrives`])
        return page.locator('[data-event]').count()
      },
      (count) => count > 0,
      10_000,
    )
    expect(await page.locator('[data-event]').first().innerText()).toContain('tailword arrives')
  })

  test('the sources add up on the page', async () => {
    await page.getByRole('link', { name: 'Sources' }).click()
    const row = page.locator('[data-source="syslog-tcp"]')
    await row.waitFor()
    expect(await row.innerText()).toContain('adds up')
  })

  test('lines nobody could read are shown as a template', async () => {
    await send(['zorg unit 7 lost contact', 'zorg unit 8 lost contact'])
    await page.goto(`${node.address}/sources`)
    await page.locator('[data-source="syslog-tcp"] a').click()
    const template = page.locator('[data-template="zorg unit * lost contact"]')
    await template.waitFor({ timeout: 15_000 })
    expect(await template.innerText()).toContain('no_pack')
    expect(await page.getByText('Packs and their patterns').first().isVisible()).toBe(true)
  })

  test('log text is text: no script ran, nothing was fetched elsewhere', async () => {
    await page.goto(`${node.address}/search?query=onerror`)
    await page.locator('[data-event]').first().waitFor()
    expect(await page.locator('[data-event]').first().innerText()).toContain(hostile)
    expect(await page.locator('img').count()).toBe(0)
    expect(wrong).toEqual([])
  })

  test('at 360 px nothing scrolls sideways', async () => {
    await page.setViewportSize({ width: 360, height: 740 })
    for (const path of ['/search', '/alerts', '/tail', '/sources', '/unparsed']) {
      await page.goto(node.address + path)
      await page.getByRole('button', { name: 'menu' }).waitFor()
      expect(await page.evaluate(() => document.documentElement.scrollWidth), path).toBeLessThanOrEqual(360)
    }
    await page.setViewportSize({ width: 1280, height: 860 })
  })

  test('the first screen can be shown', async () => {
    await page.goto(`${node.address}/search?since=15m`)
    await page.locator('[data-event]').first().waitFor()
    await page.waitForTimeout(500) // the histogram draws after its data
    // HAETAE_SCREENSHOT=docs/screenshot.png renews the README's picture.
    const path = process.env['HAETAE_SCREENSHOT']
    const image = await page.screenshot(path ? { path: join(root, path) } : {})
    expect(image.length).toBeGreaterThan(20_000)
  })
})
