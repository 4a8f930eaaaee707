/**
 * npm run test:docs: runs the commands of README.md, of the pages of docs/ and of the headers of the examples as a
 * person would, in a fresh project with the packed package, and compares their output with the one that is shown.
 * `-- <text>` runs only the pages whose path has this text.
 *
 * A page is a session: its commands run in order, in one folder, with a Redis of its own, and `localhost:3000` is a
 * port that is free. Files that the page shows are written. A task that a command starts must succeed, and a server
 * must end at Ctrl+C. Which outputs are the same: run-docs/compare.ts. A command that cannot run stands in
 * run-docs/pages.ts, with its reason. One that neither runs nor stands there fails, as one that stands there in vain.
 */
import { execFileSync } from 'node:child_process'
import {
  cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startRedis } from './redis.ts'
import { headerCommands, isFile, stepsOf, type Step } from './run-docs/blocks.ts'
import { notRun, setups } from './run-docs/pages.ts'
import { freePort, Session } from './run-docs/session.ts'

const AT_ONCE = 2
/** Pages whose first command installs the packages. */
const INSTALLS = ['README.md']
/** What the examples import, and what runs TypeScript on any version of Node.js. */
const PACKAGES = [
  'fastify', 'fastify-cli', 'fastify-plugin', '@fastify/autoload', '@fastify/swagger', '@fastify/swagger-ui',
  '@fastify/type-provider-typebox', 'typebox', 'fastify-metrics', 'jimp', 'tsx', 'esbuild'
]

const only = process.argv[2] ?? ''
const root = realpathSync(mkdtempSync(join(tmpdir(), 'fastify-tasks-docs-')))
const total = { passed: 0, failed: 0 }
const unused = new Set(notRun)

function count (ok: boolean, title: string, text = ''): void {
  total[ok ? 'passed' : 'failed']++
  const seconds = `(${Math.round(performance.now() / 1000)} s)`
  console.log(ok ? `ok  ${title} ${seconds}` : `FAILED  ${title} ${seconds}\n${text.replaceAll(/^/gm, '    ')}`)
}

const filesIn = (folder: string, ending: RegExp): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter(name => ending.test(name)).map(name => `${folder}/${name}`).sort()

const pages = ['README.md', 'CONTRIBUTING.md', ...filesIn('docs', /\.md$/), ...filesIn('examples', /\.c?[jt]s$/)]

function read (page: string): Step[] {
  const text = readFileSync(page, 'utf8')
  return page.endsWith('.md') ? stepsOf(text) : headerCommands(text)
}

/** Without what npm and a test runner add for their children. */
function cleanEnv (more: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:npm_|NODE_|TAP|INIT_CWD$|FORCE_COLOR)/i.test(name))
  return {
    ...Object.fromEntries(own),
    npm_config_prefer_offline: 'true',
    npm_config_audit: 'false',
    npm_config_fund: 'false',
    npm_config_update_notifier: 'false',
    FASTIFY_PLUGIN_TIMEOUT: '60000', // a machine under load takes longer than 10 s to compile TypeScript
    ...more
  }
}

/** The packed package. */
function pack (): string {
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', root]
  const packed = execFileSync('npm', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  const [{ filename }] = JSON.parse(packed)
  return join(root, filename)
}

/** A project with all packages, once for all pages. */
function install (tarball: string): string {
  const folder = join(root, 'shared')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const { devDependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const named = PACKAGES.map(name => devDependencies[name] ? `${name}@${devDependencies[name]}` : name)
  const args = ['install', ...named, tarball]
  execFileSync('npm', args, { cwd: folder, env: cleanEnv({}), stdio: 'pipe' })
  return join(folder, 'node_modules')
}

function makeFolder (page: string, modules: string): string {
  const folder = join(root, page.replaceAll(/[/.]/g, '-'))
  mkdirSync(folder)
  writeFileSync(join(folder, '.curlrc'), 'silent\nshow-error\nfail\n') // a status of 400 or more fails
  if (INSTALLS.includes(page)) return folder
  symlinkSync(modules, join(folder, 'node_modules'))
  if (page.startsWith('examples/')) cpSync('examples', join(folder, 'examples'), { recursive: true })
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  return folder
}

const isListed = (page: string) => (step: Step): boolean => {
  if (isFile(step)) return false
  const entry = notRun.find(entry => entry.page === page && step.text.startsWith(entry.command))
  if (entry) unused.delete(entry)
  return entry !== undefined
}

async function runPage (page: string, tarball: string, modules: string): Promise<void> {
  const steps = read(page).filter(step => !isListed(page)(step))
  if (steps.every(isFile)) return
  const redis = await startRedis()
  const folder = makeFolder(page, modules)
  const session = new Session(folder, cleanEnv({ REDIS_URL: redis.url, HOME: process.env.HOME }), await freePort())
  try {
    await runSteps(session, page, steps, tarball)
  } finally {
    await redis.stop()
  }
}

const written = (name: string, text: string): Step => ({ line: 0, name, text })
const hidden = (text: string): Step[] =>
  stepsOf(`\`\`\`console\n${text}\n\`\`\`\n`).map(step => ({ ...step, line: 0 }))

async function runSteps (session: Session, page: string, steps: Step[], tarball: string): Promise<void> {
  const { files = {}, before = '', after = '' } = setups[page] ?? {}
  const around = Object.entries(files).map(([name, text]) => written(name, text))
  let title = ''
  try {
    for (const step of [...around, ...hidden(before), ...steps, ...hidden(after)]) {
      if (isFile(step)) {
        writeFileSync(join(session.folder, step.name), step.text)
        continue
      }
      title = `${page}${step.line > 0 ? `:${step.line}` : ', around it'}: ${step.text.split('\n', 1)[0]}`
      await session.run({ ...step, text: withTarball(step.text, tarball) })
      count(true, title)
    }
    title = `${page}: its tasks succeed, and its servers end at Ctrl+C`
    await session.end()
    count(true, title)
  } catch (error) {
    count(false, title, (error as Error).message)
    await session.kill()
  }
}

/** The packed package in place of the one of the registry. */
const withTarball = (command: string, tarball: string): string =>
  /^npm install /.test(command) ? command.replace(/(?<= )fastify-tasks(?= |$)/, tarball) : command

async function main (): Promise<void> {
  const tarball = pack()
  const modules = install(tarball)
  const queue = pages.filter(page => page.includes(only))
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let page = queue.shift(); page !== undefined; page = queue.shift()) {
      await runPage(page, tarball, modules).catch(error => count(false, page!, error.message))
    }
  }))
  for (const { page, command } of only === '' ? unused : []) count(false, `pages.ts: ${page} has no command ${command}`)
}

try {
  await main()
} finally {
  rmSync(root, { recursive: true, force: true })
}
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0
