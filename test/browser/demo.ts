// npm run test:browser: tests the demo in Chromium.
import { mkdirSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Browser, Locator, Page } from 'playwright-core'
import { projectRoot } from '../../scripts/redis.ts'
import { startDependent, type DependentProcess } from '../../scripts/dependent-process.ts'
import { showsApi } from './api.ts'
import { launchChromium } from './chromium.ts'

const LIMIT_MS = 120_000
/** The error of requests that a reload of the page aborts. */
const ABORTED = 'net::ERR_ABORTED'
const STEP_TIMEOUT_MS = 20_000
const screenshot = join(projectRoot(), 'artifacts', 'demo.png')
const CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
  "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

interface Demo { process: DependentProcess, address: string, lines: string[] }

let passed = 0
let failed = 0
let demo: Demo | undefined
let browser: Browser | undefined

const late = setTimeout(() => void finish(new Error(`not finished within ${LIMIT_MS} ms`)), LIMIT_MS)
await run().then(() => finish(), finish)

async function run (): Promise<void> {
  demo = await startDemo()
  browser = await launchChromium()
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 } })
  const problems = collectProblems(page)
  await check('the page is served with its strict CSP', () => checkPage(page, demo!.address))
  await check('the page shows the next run of the schedule', () => showsSchedule(page))
  await check('the bars of two batches move independently', () => twoTasksMove(page))
  await check('an e-mail that is sent now arrives', () => mailArrives(page, 'Send now', 'Sent now'))
  await check('a delayed e-mail waits, and arrives', () => delayedMailArrives(page))
  await check('a report moves as a whole, and in each of its parts', () => reportMoves(page))
  await check('both batches reach 100 % and show a result', () => tasksEnd(page, 2))
  await check('a task waits if its worker stops while it runs', () => workerStops(page, demo!))
  await check('the task completes when a worker runs again', () => workerStarts(page, demo!))
  await check('the page finds its tasks again after a reload', () => reload(page))
  await check('no error in the console, nothing blocked by the CSP', async () => equal(problems.join('\n'), ''))
  await takeScreenshot(page)
  await check('the page of @fastify/swagger-ui shows the routes, and the type of a result', () => showsApi(browser!))
  await check('the demo exits after SIGTERM and leaves no process behind', () => demoEnds(demo!))
}

async function check (name: string, body: () => Promise<void>): Promise<void> {
  try {
    await body()
    passed++
    console.log(`ok - ${name}`)
  } catch (error) {
    failed++
    console.log(`not ok - ${name}\n${indent((error as Error).message)}`)
  }
}

async function finish (error?: Error): Promise<void> {
  clearTimeout(late)
  if (error) {
    failed++
    console.log(`not ok - ${error.message}`)
  }
  if (failed > 0 && demo) console.log(indent(['The demo printed:', ...demo.lines].join('\n')))
  await Promise.allSettled([browser?.close(), demo?.process.stop()])
  console.log(`${passed} passed, ${failed} failed`)
  process.exit(failed > 0 ? 1 : 0)
}

async function startDemo (): Promise<Demo> {
  const port = await freePort()
  const lines: string[] = []
  const env = { ...process.env, PORT: String(port), HOST: 'localhost', DEMO_STEP_MS: '150', DEMO_DELAY_MS: '2500' }
  const args = ['--import=tsx', join(projectRoot(), 'scripts', 'demo.ts')]
  const onLine = (line: string): void => { lines.push(line) }
  const child = await startDependent(process.execPath, args, { env, cwd: projectRoot(), onLine })
  demo = { process: child, address: `http://localhost:${port}`, lines }
  const ended = child.ended.then(how => { throw new Error(`the demo has exited (${how})`) })
  ended.catch(() => {})
  const started = until('a worker to start', () => lines.some(line => line.includes('worker started')))
  await Promise.race([ended, started])
  return demo
}

/** Collects the errors and warnings of the browser, including violations of the CSP. */
function collectProblems (page: Page): string[] {
  const problems: string[] = []
  page.on('console', message => { if (['error', 'warning'].includes(message.type())) problems.push(message.text()) })
  page.on('pageerror', error => problems.push(error.message))
  page.on('requestfailed', request => {
    const error = request.failure()?.errorText
    if (error !== ABORTED) problems.push(`${request.url()}: ${error}`)
  })
  page.on('response', response => {
    if (response.status() >= 400) problems.push(`${response.status()} ${response.url()}`)
  })
  return problems
}

async function checkPage (page: Page, address: string): Promise<void> {
  const response = await page.goto(address)
  equal(response?.status(), 200)
  equal(response?.headers()['content-security-policy'], CSP)
}

async function twoTasksMove (page: Page): Promise<void> {
  for (let n = 0; n < 2; n++) await startTask(page)
  await batch(page, 2).waitFor()
  await Promise.all([1, 2].map(n => checkMoves(batch(page, n))))
}

function startTask (page: Page): Promise<void> {
  return page.getByRole('button', { name: 'Bake a batch' }).click()
}

function batch (page: Page, n: number): Locator {
  return page.getByRole('listitem').filter({ has: page.getByRole('heading', { name: `Batch ${n}`, exact: true }) })
}

/** Checks that the bar shows two different values between its start and its end, with a stage text. */
async function checkMoves (task: Locator): Promise<void> {
  const seen = new Set<number>()
  await until('the bar to move', async () => {
    const value = await progressOf(task)
    if (value > 0 && value < 1) seen.add(value)
    return seen.size >= 2
  })
  equal(/\w…$/.test(await task.locator('.stage').innerText()), true)
}

async function progressOf (task: Locator): Promise<number> {
  return Number(await task.getByRole('progressbar').evaluate((bar: any) => bar.value))
}

async function tasksEnd (page: Page, count: number): Promise<void> {
  for (let n = 1; n <= count; n++) await taskEnds(batch(page, n))
}

async function taskEnds (task: Locator): Promise<void> {
  await task.getByText(/^Baked \d+ loaves$/).waitFor({ timeout: STEP_TIMEOUT_MS })
  await task.getByText('100 %').waitFor()
  equal(await progressOf(task), 1)
  equal(await task.locator('.state').innerText(), 'done')
}

async function mailArrives (page: Page, button: string, subject: string): Promise<void> {
  await sendMail(page, button, subject)
  await inbox(page, subject).waitFor({ timeout: STEP_TIMEOUT_MS })
  await page.locator('#mails li').first().getByText('done').waitFor({ timeout: STEP_TIMEOUT_MS })
}

async function delayedMailArrives (page: Page): Promise<void> {
  await sendMail(page, 'Send in one minute', 'Sent later')
  await page.locator('#mails li').first().getByText('scheduled').waitFor({ timeout: STEP_TIMEOUT_MS })
  equal(await inbox(page, 'Sent later').count(), 0)
  await inbox(page, 'Sent later').waitFor({ timeout: STEP_TIMEOUT_MS })
  await page.locator('#mails li').first().getByText('done').waitFor({ timeout: STEP_TIMEOUT_MS })
}

async function sendMail (page: Page, button: string, subject: string): Promise<void> {
  await page.getByLabel('To').fill('grace@demo.example')
  await page.getByLabel('Subject').fill(subject)
  await page.getByLabel('Text').fill('Written by the browser test.')
  await page.getByRole('button', { name: button }).click()
}

function inbox (page: Page, subject: string): Locator {
  return page.locator('#inbox').getByRole('heading', { name: subject })
}

async function reportMoves (page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Write a report' }).click()
  const report = page.locator('#reports > li')
  const bars = report.getByRole('progressbar')
  await until('a bar for the whole and one for each of its five members', async () => await bars.count() === 6)
  await until('the bar of a shop to move', async () => {
    const [, ...values] = await bars.evaluateAll((all: any[]) => all.map(bar => bar.value as number))
    return values.some(value => value > 0 && value < 1)
  })
  await report.getByText(/^Sold \d+ loaves$/).waitFor({ timeout: STEP_TIMEOUT_MS })
  const ended = await bars.evaluateAll((all: any[]) => all.map(bar => bar.value as number))
  equal(ended.join(), '1,1,1,1,1,1')
}

async function workerStops (page: Page, { lines }: Demo): Promise<void> {
  await startTask(page)
  const task = batch(page, 3)
  await until('a task in its middle', async () => await progressOf(task) > 0)
  const pid = workerPid(lines)
  process.kill(pid, 'SIGTERM')
  await until('the worker to exit', () => lines.some(line => line.includes(`pid ${pid}, has exited`)))
  equal(isAlive(pid), false)
  await task.getByText('waiting for a worker').waitFor({ timeout: STEP_TIMEOUT_MS })
}

async function workerStarts (page: Page, { lines, process }: Demo): Promise<void> {
  const before = workerPid(lines)
  process.stdin!.write('w\n')
  await until('another worker', () => workerPid(lines) !== before)
  await taskEnds(batch(page, 3))
}

/** The pid of the last worker that was started. */
function workerPid (lines: string[]): number {
  return Number(lines.findLast(line => line.startsWith('The worker is running'))?.match(/pid (\d+)/)?.[1])
}

async function reload (page: Page): Promise<void> {
  await page.reload()
  await tasksEnd(page, 3)
  await inbox(page, 'Sent later').waitFor({ timeout: STEP_TIMEOUT_MS })
}

async function takeScreenshot (page: Page): Promise<void> {
  await startTask(page)
  await until('a task in its middle', async () => await progressOf(batch(page, 4)) > 0.2)
  mkdirSync(join(projectRoot(), 'artifacts'), { recursive: true })
  await page.screenshot({ path: screenshot, fullPage: true })
}

async function showsSchedule (page: Page): Promise<void> {
  await page.getByRole('heading', { name: 'Every minute' }).waitFor({ timeout: STEP_TIMEOUT_MS })
  const next = await page.locator('#oven-next').textContent()
  if (!/\d:\d\d/.test(next ?? '')) throw new Error(`no next run: ${next}`)
}

async function demoEnds ({ process, lines }: Demo): Promise<void> {
  const printedPids = lines.flatMap(line => line.match(/^ {2}(?:redis|web) .*pid (\d+)/)?.[1] ?? [])
  const pids = [process.pid, workerPid(lines), ...printedPids.map(Number)]
  await process.stop()
  equal(await process.ended, 'exit code 0')
  equal(pids.length, globalThis.process.env.REDIS_URL ? 3 : 4)
  equal(pids.filter(isAlive).join(), '')
}

function isAlive (pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

async function until (title: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + STEP_TIMEOUT_MS
  while (!await condition()) {
    if (Date.now() > deadline) throw new Error(`waited ${STEP_TIMEOUT_MS} ms for ${title}`)
    await sleep(25)
  }
}

function equal (found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`found ${JSON.stringify(found)}, expected ${JSON.stringify(expected)}`)
}

function indent (text: string): string {
  return text.replace(/^/gm, '  # ')
}

async function freePort (): Promise<number> {
  const probe = createServer().listen(0, 'localhost')
  await once(probe, 'listening')
  const { port } = probe.address() as AddressInfo
  probe.close()
  await once(probe, 'close')
  return port
}
