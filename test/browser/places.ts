// A live page that is read again leaves the focus and the scrolled parts where they are.
import type { FastifyInstance } from 'fastify'
import type { Page } from 'playwright-core'

const describe = (page: Page, code: string): Promise<string> => page.evaluate(`String(${code})`)

/** Resolves when the page has been read again. */
async function isReadAgain (page: Page, change: () => Promise<unknown>): Promise<void> {
  await page.evaluate('void (document.querySelector("main h1").dataset.before = "yes")')
  await change()
  await page.locator('[data-before]').waitFor({ state: 'detached' })
}

async function expectSame (page: Page, code: string, change: () => Promise<unknown>): Promise<void> {
  const before = await describe(page, code)
  await isReadAgain(page, change)
  const after = await describe(page, code)
  if (after !== before) throw new Error(`${code} was ${before}, and is ${after}`)
}

/** The row before it is removed: the focus stays at its task. */
export async function keepsPlaces (page: Page, base: string, app: FastifyInstance): Promise<void> {
  const added = await app.tasks.enqueueMany('letter', [1, 2, 3].map(data => ({ data, delay: 170_000_000 })))
  await page.setViewportSize({ width: 700, height: 400 })
  await page.goto(`${base}/tasks?state=delayed&queue=mail`)
  await page.getByLabel('Live').selectOption('2 s')
  await page.locator('tbody a').nth(1).focus()
  await page.evaluate('scrollTo(0, 50)')
  const state = '[document.activeElement.getAttribute("href"), scrollY]'
  await expectSame(page, state, () => app.tasks.remove(added[0]!.id))
  await page.getByRole('region', { name: 'Tasks' }).focus()
  await expectSame(page, 'document.activeElement.className', () => app.tasks.remove(added[1]!.id))
  await page.goto(`${base}/tasks/${added[2]!.id}`)
  await page.getByText('in 1 day', { exact: true }).first().waitFor()
  await page.goto(`${base}/tasks/album`)
  await page.evaluate('document.querySelector(".drawn").scrollTo(40, 30)')
  const scrolled = '[document.querySelector(".drawn").scrollLeft, document.querySelector(".drawn").scrollTop]'
  await expectSame(page, scrolled, () => app.tasks.retry('album'))
}
