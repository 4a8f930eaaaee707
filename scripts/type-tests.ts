/**
 * The type tests of test/types, against the built package: `npm run test:types`.
 *
 * tstyche drives the compilers that have an interface for it. TypeScript 7 has none: there plain tsc checks the same tests, with
 * test/types/expect.ts in tstyche's place. All compile the built types and the examples of docs/guides/typescript.md.
 */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { examples, manyTasks } from './type-programs.ts'

interface Compiler { version: string, folder: string, drivable: boolean }
interface Output { ok: boolean, text: string }

const OWN = 'node_modules/typescript'
const OTHERS = 'test/types/compilers'
const WORK = '.build/types'
/** Instantiations that one more task may cost the compiler (a route with such schemas: about 830), and 51 in all (Fastify alone: 114,000). */
const MOST = { each: 2_500, all: 300_000 }

const sum = { passed: 0, failed: 0 }

const run = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Output> => new Promise(resolve => {
  execFile(process.execPath, args, { env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
    resolve({ ok: error === null, text: stdout + stderr }))
})

/** The project's own, and those that test/types/compilers/package-lock.json names: fetched by npm where they are not there. */
function compilers (): Compiler[] {
  const wanted = Object.entries<{ version: string }>(JSON.parse(readFileSync(join(OTHERS, 'package-lock.json'), 'utf8')).packages)
    .filter(([path]) => path.startsWith('node_modules/typescript-'))
  if (wanted.some(([path, { version }]) => versionIn(join(OTHERS, path)) !== version)) fetchOthers()
  const folders = [OWN, ...wanted.map(([path]) => join(OTHERS, path))]
  return folders
    .map(folder => ({ folder, version: versionIn(folder)!, drivable: existsSync(join(folder, 'lib/typescript.js')) }))
    .sort((a, b) => a.version.localeCompare(b.version))
}

const versionIn = (folder: string): string | null =>
  existsSync(join(folder, 'package.json')) ? JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version : null

function fetchOthers (): void {
  console.log(`fetching other versions of TypeScript into ${OTHERS}/node_modules`)
  const { status } = spawnSync('npm', ['ci', '--prefix', OTHERS, '--prefer-offline', '--ignore-scripts'], { stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) throw new Error(`npm ci --prefix ${OTHERS} failed`)
}

function count (passed: number, failed: number, what: string, text: string): void {
  sum.passed += passed
  sum.failed += failed
  console.log(`${failed > 0 ? 'FAILED' : 'ok'}  ${what}${failed > 0 ? `\n${text}` : ''}`)
}

/** Its assertions, and the errors that had to come, with the words that they had to have. */
async function tstyche ({ version, folder }: Compiler): Promise<void> {
  const { ok, text } = await run(['node_modules/tstyche/dist/bin.js', 'test/types'], {
    TSTYCHE_TYPESCRIPT_MODULE: String(pathToFileURL(resolve(folder, 'lib/typescript.js'))), TSTYCHE_NO_COLOR: 'true', TSTYCHE_NO_INTERACTIVE: 'true'
  })
  const of = (word: string): number => [...text.matchAll(new RegExp(`^(?:Assertions|Suppressed):.*?(\\d+) ${word}`, 'gm'))].reduce((all, match) => all + Number(match[1]), 0)
  const [passed, failed] = [of('passed') + of('matched'), of('failed')]
  count(passed, ok && passed > 0 ? 0 : Math.max(1, failed), `tstyche with TypeScript ${version}: ${passed} assertions and expected errors`, text)
}

/** One test a program: it compiles, or not. */
async function compile ({ version, folder }: Compiler, project: string, what: string): Promise<void> {
  const { ok, text } = await run([join(folder, 'bin/tsc'), '-p', project])
  count(Number(ok), Number(!ok), `tsc ${version}: ${what}`, text)
}

function write (folder: string, files: Record<string, string>): string {
  rmSync(join(WORK, folder), { recursive: true, force: true })
  mkdirSync(join(WORK, folder), { recursive: true })
  const config = { extends: '../../../test/types/tsconfig.base.json', include: [], files: Object.keys(files) }
  for (const [name, text] of Object.entries({ ...files, 'tsconfig.json': JSON.stringify(config) })) writeFileSync(join(WORK, folder, name), text)
  return join(WORK, folder)
}

interface Cost { instantiations: number, seconds: number, text: string }

/** What 51 tasks cost, and each beyond the first. Instantiations are the same on every machine; the time is only told. */
async function cost ({ version, folder }: Compiler, kind: keyof typeof manyTasks): Promise<void> {
  const measure = async (tasks: number): Promise<Cost> => {
    const project = write(`cost-${kind}-${tasks}`, { 'tasks.ts': manyTasks[kind](tasks) })
    const { ok, text } = await run([join(folder, 'bin/tsc'), '-p', project, '--extendedDiagnostics'])
    const figure = (name: string): number => ok ? Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(text)?.[1] ?? Infinity) : Infinity
    return { instantiations: figure('Instantiations'), seconds: figure('Check time'), text }
  }
  const [one, all] = [await measure(1), await measure(51)]
  const each = Math.round((all.instantiations - one.instantiations) / 50)
  const ok = each <= MOST.each && all.instantiations <= MOST.all
  count(Number(ok), Number(!ok), `tsc ${version}: 51 tasks (${kind}): ${each} instantiations each, ${all.instantiations} in all (at most ${MOST.each}, ${MOST.all}); checked in ${all.seconds} s`, all.text)
}

function * plan (): Generator<Promise<void>> {
  const all = compilers()
  const { open, merged } = examples(readFileSync('docs/guides/typescript.md', 'utf8'))
  const guide = { open: write('guide', open), merged: write('guide-merged', merged) }
  for (const compiler of all) {
    if (compiler.drivable) yield tstyche(compiler)
    else {
      yield compile(compiler, 'test/types/open/tsconfig.plain.json', 'the tests without merged names')
      yield compile(compiler, 'test/types/merged/tsconfig.plain.json', 'the tests with merged names')
    }
    yield compile(compiler, 'test/types/built', 'the built types, whole, as an ES module and as CommonJS')
    yield compile(compiler, guide.open, `${Object.keys(open).length} examples of the guide`)
    yield compile(compiler, guide.merged, `${Object.keys(merged).length} with merged names`)
  }
  const own = all.find(one => one.folder === OWN)!
  for (const kind of Object.keys(manyTasks) as Array<keyof typeof manyTasks>) yield cost(own, kind)
}

async function work (steps: Generator<Promise<void>>): Promise<void> {
  for (const step of steps) await step
}

// All take the next step from one plan.
const steps = plan()
await Promise.all(Array.from({ length: availableParallelism() }, () => work(steps)))
console.log(`${sum.passed} passed, ${sum.failed} failed`)
process.exitCode = sum.failed > 0 ? 1 : 0
