// npm run test:browser: tests the dashboard in Chromium, and takes pictures of it.
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import Fastify, { type FastifyInstance } from 'fastify'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import dashboard from '../../lib/dashboard.ts'
import tasks, { chain, group } from '../../lib/plugin.ts'
import { poll } from '../../scripts/poll.ts'
import { projectRoot, startRedis } from '../../scripts/redis.ts'
import { launchChromium } from './chromium.ts'
import { keepsPlaces } from './places.ts'

const LIMIT_MS = 240_000
const STEP_TIMEOUT_MS = 20_000
const HOSTILE = '<img src=x onerror=alert(1)> "\'> \u202Egnp'
const AXE = readFileSync(join(projectRoot(), 'node_modules', 'axe-core', 'axe.min.js'), 'utf8')
const PATHS = [
  '', 'queues', 'queues/mail', 'tasks?state=failed', 'workers', 'names', 'names?name=resize', 'schedules', 'flows',
  `queues/${'q'.repeat(60)}`
]
const SIZES = [[1280, 900], [390, 844]] as const
const LONG = { queue: 'q'.repeat(60), name: 'n'.repeat(100) }
const pictures = join(projectRoot(), 'artifacts')

let passed = 0
let failed = 0
const late = setTimeout(() => {
  console.log(`not ok - not finished within ${LIMIT_MS} ms\n${passed} passed, ${failed + 1} failed`)
  process.exit(1)
}, LIMIT_MS)

const redis = await startRedis()
const app = Fastify()
const browser = await launchChromium()
mkdirSync(pictures, { recursive: true })
const base = await startApp(app)
try {
  await run(browser)
} finally {
  await Promise.allSettled([browser.close(), app.close()])
  await redis.stop()
  clearTimeout(late)
}
console.log(`${passed} passed, ${failed} failed`)
process.exit(failed > 0 ? 1 : 0)

async function startApp (app: FastifyInstance): Promise<string> {
  const queues = ['mail', LONG.queue]
  await app.register(tasks, { redis: redis.url, queues, worker: { queues: ['default'] }, exposeStack: true })
  app.tasks.define('resize', { expose: ['data'], keepLogs: 65_536 }, async (data: { n: number }, task) => {
    task.log.warn({ n: data.n }, `a line ${HOSTILE}`)
    await task.updateState('Scaling', { current: 3, total: 8 })
    if (data.n % 3 === 0) throw new Error(`picture ${data.n} is damaged ${HOSTILE}`)
    return { width: 500 }
  })
  app.tasks.define('letter', { queue: 'mail' })
  app.tasks.define(LONG.name, { queue: LONG.queue })
  app.tasks.defineSchedule('nightly', { task: 'letter', cron: '0 3 * * *', timezone: 'Europe/Berlin' })
  await app.register(dashboard, { prefix: '/admin/tasks', access: 'anyone-may-operate', title: 'Picture shop' })
  return `${await app.listen({ port: 0, host: 'localhost' })}/admin/tasks`
}

async function fill (): Promise<void> {
  const tags = ['tenant:42', '"><b>']
  await app.tasks.enqueue(LONG.name, null, { id: 'long' })
  await app.tasks.enqueueMany('resize', Array.from({ length: 30 }, (_, n) => ({ data: { n }, tags })))
  await app.tasks.enqueueMany('letter', Array.from({ length: 20 }, (_, n) => ({ data: { n } })))
  const resize = (n: number) => ({ kind: 'signature', task: 'resize', data: { n }, options: {} }) as const
  const wide = group(...Array.from({ length: 20 }, () => resize(4)))
  const parts = group(resize(1), chain(resize(2), resize(5)), chain(resize(7), group(resize(8), resize(10))), wide)
  await app.tasks.enqueueFlow(chain(resize(1), parts, resize(2)), { id: 'album' })
  await poll('ten have failed', STEP_TIMEOUT_MS, async () => (await app.tasks.counts()).default!.failed === 10)
}

async function run (browser: Browser): Promise<void> {
  await check('each page, empty: no violation of the CSP, none of axe\'s rules', () => lookAtAll(browser, 'empty'))
  await fill()
  await inPage(browser, {}, showsTasks)
  await check('each page, with tasks and hostile texts', () => lookAtAll(browser, 'tasks'))
  await check('a task is retried from its page', () => inPage(browser, {}, retriesTask))
  await check('the dialog: keep, then remove the chosen tasks', () => inPage(browser, {}, removesChosen))
  await check('an answer that was not sent is not that of the next question', () =>
    inPage(browser, {}, cancelsAfterRemove))
  await check('one name is paused, and goes on', () => inPage(browser, {}, pausesName))
  await check('without JavaScript: what destroys is asked on a page', () =>
    inPage(browser, { javaScriptEnabled: false }, purgesQueue))
  await check('the page is live, and waits while rows are chosen', () => inPage(browser, {}, isLive))
  await check('the page is live in a browser that blocks storage', () => inPage(browser, {}, isLiveWithoutStorage))
  await check('a live page keeps the way to go on, and says if it is not the page any more', () =>
    inPage(browser, {}, staysTrue))
  await check('the answer to a form is not read again: its address has no page', () =>
    inPage(browser, {}, keepsQuestion))
  await check('a page that is read again leaves the focus and what is scrolled where they are', () =>
    inPage(browser, {}, page => keepsPlaces(page, base, app)))
  await check('keys lead to pages', () => inPage(browser, {}, followsKeys))
  await check('Redis goes away while one looks: the page says so, and goes on', () => inPage(browser, {}, seesOutage))
}

async function check (name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
    passed++
    console.log(`ok - ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok - ${name}\n${(error as Error).message.replace(/^/gm, '  # ')}`)
  }
}

/** Fails at an error in the console, and at a violation of the CSP. */
async function inPage (
  browser: Browser, options: BrowserContextOptions, look: (page: Page, problems: string[]) => Promise<void>
): Promise<void> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  page.setDefaultTimeout(STEP_TIMEOUT_MS)
  const problems: string[] = []
  page.on('console', message => { if (message.type() === 'error') problems.push(message.text()) })
  page.on('pageerror', error => problems.push(error.message))
  page.on('dialog', dialog => {
    problems.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  try {
    await look(page, problems)
    if (problems.length > 0) throw new Error(problems.join('\n'))
  } finally {
    await context.close()
  }
}

async function lookAtAll (browser: Browser, content: string): Promise<void> {
  const [first] = (await app.tasks.list({ state: 'failed', limit: 1 })).tasks
  const there = first ? [`tasks/${first.id}?queue=default`, 'tasks/album', 'tasks/long'] : ['tasks/nobody']
  const paths = [...PATHS, ...there]
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const [width, height] of SIZES) {
      const options = { colorScheme, viewport: { width, height } }
      await inPage(browser, options, async (page, problems) => {
        for (const path of paths) await lookAt(page, path, `${content}-${width}-${colorScheme}`)
        const isExpected = (text: string): boolean => /status of 404/.test(text)
        if (!first) problems.splice(0, problems.length, ...problems.filter(text => !isExpected(text)))
      })
    }
  }
}

/** What is shown may be two seconds old. */
async function showsTasks (page: Page): Promise<void> {
  const end = Date.now() + 30_000
  for (;;) {
    await page.goto(`${base}/`)
    const waiting = await page.locator('a[href*="state=waiting"]').first().innerText()
    if (/[1-9]/.test(waiting)) return
    if (Date.now() > end) throw new Error(`the overview shows no task: ${waiting}`)
  }
}

async function lookAt (page: Page, path: string, kind: string): Promise<void> {
  await page.goto(`${base}/${path}`)
  const name = path.replace(/\?.*/, '').replace(/[^a-z]+/g, '-') || 'overview'
  if (!/^tasks-[a-z]*-/.test(name)) await page.screenshot({ path: join(pictures, `dashboard-${name}-${kind}.png`) })
  await page.evaluate(AXE)
  const found: string[] = await page.evaluate(async () => {
    const { violations } = await (globalThis as any).axe.run()
    return violations.map(({ id, nodes }: any) => `${id}: ${nodes.map(({ html }: any) => html).join(' | ')}`)
  })
  if (found.length > 0) throw new Error(`${path} (${kind})\n${found.join('\n')}`)
  const size = page.viewportSize()!
  for (const width of [size.width, 320]) {
    await page.setViewportSize({ ...size, width })
    const wide: number = await page.evaluate('document.documentElement.scrollWidth - innerWidth')
    if (wide > 0) throw new Error(`${path} (${kind}) is ${wide} pixels too wide for ${width}`)
  }
  await page.setViewportSize(size)
}

async function retriesTask (page: Page): Promise<void> {
  await page.goto(`${base}/tasks?state=failed`)
  await page.locator('tbody a').first().click()
  await page.getByRole('button', { name: 'Retry' }).click()
  await page.getByText('1 queued again').waitFor()
}

async function removesChosen (page: Page): Promise<void> {
  await page.goto(`${base}/tasks?state=succeeded`)
  const rows = page.locator('input[name=task]')
  const before = await rows.count()
  await rows.nth(0).check()
  await rows.nth(2).click({ modifiers: ['Shift'] })
  const remove = page.getByRole('button', { name: 'Remove', exact: true })
  await remove.click()
  await page.getByRole('button', { name: 'Keep' }).click()
  if (await rows.count() !== before) throw new Error('something was removed')
  await remove.click()
  await page.getByRole('button', { name: 'Go on' }).click()
  await page.getByText('3 removed.').waitFor()
}

async function cancelsAfterRemove (page: Page): Promise<void> {
  await app.tasks.enqueue('letter', null, { id: 'kept' })
  await page.goto(`${base}/tasks?state=waiting&queue=mail`)
  await page.getByRole('checkbox', { name: 'Choose kept' }).check()
  const answer = async (name: string): Promise<void> => {
    await page.getByRole('button', { name, exact: true }).click()
    await page.getByRole('button', { name: 'Go on' }).click()
  }
  await page.route('**/actions/tasks', route => route.fulfill({ status: 204 }), { times: 1 }) // the page stays
  const sent = page.waitForRequest('**/actions/tasks')
  await answer('Remove')
  await sent
  await answer('Cancel')
  await page.getByText('1 cancelled, or asked to end.').waitFor()
}

async function pausesName (page: Page): Promise<void> {
  await page.goto(`${base}/queues/mail`)
  await page.getByLabel('Pause one name').selectOption('letter')
  await page.getByRole('button', { name: 'Pause it' }).click()
  await page.getByText('These tasks do not start: letter.').waitFor()
  await page.getByRole('button', { name: 'Resume letter' }).click()
  await page.getByRole('button', { name: 'Resume letter' }).waitFor({ state: 'detached' })
}

async function purgesQueue (page: Page): Promise<void> {
  await page.goto(`${base}/queues/mail`)
  await page.getByRole('button', { name: 'Remove what waits' }).click()
  await page.getByRole('heading', { name: 'Are you sure?' }).waitFor()
  await page.getByRole('button', { name: 'Yes' }).click()
  await page.getByText('20 removed from the queue').waitFor()
}

async function isLive (page: Page): Promise<void> {
  await page.goto(`${base}/tasks?state=waiting&queue=mail`)
  await page.getByLabel('Live').selectOption('2 s')
  await app.tasks.enqueue('letter', null, { id: 'one' })
  await page.getByText('one', { exact: true }).waitFor()
  await page.locator('input[name=task]').first().check()
  await app.tasks.enqueue('letter', null, { id: 'two' })
  const later = Date.now() + 4_500
  await poll('two intervals are over', STEP_TIMEOUT_MS, async () => Date.now() > later)
  if (await page.getByText('two', { exact: true }).count() > 0) throw new Error('the rows were replaced')
  await page.locator('input[name=task]').first().uncheck()
  await page.locator('input[name=task]').first().blur()
  await page.getByText('two', { exact: true }).waitFor()
}

async function isLiveWithoutStorage (page: Page): Promise<void> {
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'localStorage', { get () { throw new Error('blocked') } })
  })
  await page.goto(`${base}/tasks?state=waiting&queue=mail`)
  await page.getByLabel('Live').selectOption('2 s')
  await app.tasks.enqueue('letter', null, { id: 'three' })
  await page.getByText('three', { exact: true }).waitFor()
}

async function staysTrue (page: Page): Promise<void> {
  await page.goto(`${base}/tasks?state=waiting&queue=mail&did=cancel&ok=50000&no=0&more=there&of=waiting`)
  await page.getByLabel('Live').selectOption('2 s')
  await app.tasks.enqueue('letter', null, { id: 'three' })
  await page.getByText('three', { exact: true }).waitFor()
  if (await page.getByRole('button', { name: 'Go on' }).count() !== 1) throw new Error('the way to go on is gone')
  await page.route('**/tasks?*', route => route.fulfill({ contentType: 'text/html', body: '<main id="main">Log in' }))
  await page.getByText('out of date').waitFor()
  await page.getByText('three', { exact: true }).waitFor()
}

async function keepsQuestion (page: Page): Promise<void> {
  await page.goto(`${base}/tasks?state=waiting&queue=mail`)
  await page.getByRole('button', { name: 'Remove all' }).click()
  await page.getByRole('heading', { name: 'Are you sure?' }).waitFor()
  await page.waitForLoadState()
  if (await page.getByLabel('Live').count() > 0) throw new Error('the question is live')
  await page.getByRole('button', { name: 'Yes' }).click()
  await page.getByText(/^\d+ removed\./).waitFor()
}

async function followsKeys (page: Page): Promise<void> {
  await page.goto(`${base}/tasks`)
  await page.keyboard.press('g')
  await page.keyboard.press('w')
  await page.getByRole('heading', { name: 'Workers', level: 1 }).waitFor()
  await page.keyboard.press('/')
  await page.keyboard.type('album')
  await page.keyboard.press('Enter')
  await page.getByRole('heading', { name: 'Members' }).waitFor()
}

async function seesOutage (page: Page, problems: string[]): Promise<void> {
  await page.goto(`${base}/`)
  await page.getByLabel('Live').selectOption('2 s')
  await redis.kill()
  await page.getByText('out of date').waitFor()
  await page.getByRole('heading', { name: 'Queues' }).waitFor()
  await redis.restart()
  await page.getByText('out of date').waitFor({ state: 'hidden' })
  problems.length = 0 // the browser reports each 503
}
