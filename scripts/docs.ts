/**
 * Writes the generated parts of docs/ from the source and the examples: `npm run docs`. A test holds that it was run.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { extname } from 'node:path'
import { pathToFileURL } from 'node:url'
import { commandTables, exitCodes } from './docs/cli.ts'
import { errorTables } from './docs/errors.ts'
import { codeBlock, withSection } from './docs/markdown.ts'
import { optionTables } from './docs/options.ts'

interface Part { page: string, section: string, make: () => string | Promise<string> }

const LANGUAGES: Record<string, string> = { '.ts': 'ts', '.py': 'python', '.php': 'php' }

/** A whole file, in the section of the page that has its path as name. */
const file = (page: string, path: string): Part =>
  ({ page, section: path, make: () => codeBlock(LANGUAGES[extname(path)]!, readFileSync(path, 'utf8')) })

const parts: Part[] = [
  file('docs/guides/testing.md', 'examples/testing/app.ts'),
  file('docs/guides/testing.md', 'examples/testing/app.test.ts'),
  file('docs/guides/from-bullmq.md', 'examples/migrations/bullmq/before.ts'),
  file('docs/guides/from-bullmq.md', 'examples/migrations/bullmq/after.ts'),
  file('docs/guides/from-bullmq.md', 'examples/migrations/bullmq/bridge.ts'),
  file('docs/guides/from-bee-queue.md', 'examples/migrations/bee-queue/before.ts'),
  file('docs/guides/from-bee-queue.md', 'examples/migrations/bee-queue/between.ts'),
  file('docs/guides/from-bee-queue.md', 'examples/migrations/bee-queue/after.ts'),
  file('docs/guides/from-celery.md', 'examples/migrations/celery/before.py'),
  file('docs/guides/from-celery.md', 'examples/migrations/celery/after.ts'),
  file('docs/internals/wire-format.md', 'examples/producers/enqueue.py'),
  file('docs/internals/wire-format.md', 'examples/producers/enqueue.php'),
  { page: 'docs/reference/options.md', section: 'options', make: optionTables },
  { page: 'docs/reference/errors.md', section: 'errors', make: errorTables },
  { page: 'docs/reference/cli.md', section: 'commands', make: commandTables },
  { page: 'docs/reference/cli.md', section: 'exit codes', make: exitCodes }
]

/** The generated pages as they should be, by path. */
export async function generatedPages (): Promise<Map<string, string>> {
  const pages = new Map<string, string>()
  for (const { page, section, make } of parts) {
    const text = pages.get(page) ?? readFileSync(page, 'utf8')
    pages.set(page, withSection(text, section, await make()))
  }
  pages.set('examples/deployment/users.acl', aclFile())
  return pages
}

/** The rule of docs/guides/redis.md, as a file that Redis loads. */
function aclFile (): string {
  const [, rule] = /ACL SETUSER (app on >password [^`]*)\n```/.exec(readFileSync('docs/guides/redis.md', 'utf8'))!
  const app = rule!.replaceAll(/\s+/g, ' ').replace('>password', '>change-me')
  return `user default off\nuser ${app}\n`
}

if (import.meta.url === pathToFileURL(process.argv[1]!).href) {
  for (const [page, text] of await generatedPages()) writeFileSync(page, text)
}
