/**
 * npm run test:types: runs the type tests of test/types with the built package.
 *
 * tstyche needs a compiler's API, which TypeScript 7 does not have. There tsc compiles the same tests, with
 * test/types/expect.ts in place of tstyche. Every compiler compiles the built types and the examples of
 * docs/guides/typescript.md.
 */
import { execFile, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { examples, manyTasks } from './type-programs.ts'

interface Compiler { version: string, folder: string, hasApi: boolean }
interface Output { ok: boolean, text: string }

const OWN_COMPILER = 'node_modules/typescript'
const OTHER_COMPILERS = 'test/types/compilers'
const WORK = '.build/types'
/**
 * Limits of the compiler's instantiations: of one more task (a route with such schemas needs about 830), and of a
 * program with 51 tasks (Fastify alone needs 114,000).
 */
const LIMITS = { each: 2_500, all: 300_000 }

const total = { passed: 0, failed: 0 }

const run = (args: string[], env: NodeJS.ProcessEnv = {}): Promise<Output> => new Promise(resolve => {
  execFile(process.execPath, args, { env: { ...process.env, ...env }, maxBuffer: 2 ** 26 }, (error, stdout, stderr) =>
    resolve({ ok: error === null, text: stdout + stderr }))
})

/**
 * The project's compiler, and those of test/types/compilers/package-lock.json. npm installs them if they are missing.
 */
function compilers (): Compiler[] {
  const { packages } = JSON.parse(readFileSync(join(OTHER_COMPILERS, 'package-lock.json'), 'utf8'))
  const wanted = Object.entries<{ version: string }>(packages)
    .filter(([path]) => path.startsWith('node_modules/typescript-'))
  if (wanted.some(([path, { version }]) => versionIn(join(OTHER_COMPILERS, path)) !== version)) fetchOthers()
  const folders = [OWN_COMPILER, ...wanted.map(([path]) => join(OTHER_COMPILERS, path))]
  return folders
    .map(folder => ({ folder, version: versionIn(folder)!, hasApi: existsSync(join(folder, 'lib/typescript.js')) }))
    .sort((a, b) => a.version.localeCompare(b.version))
}

function versionIn (folder: string): string | null {
  const file = join(folder, 'package.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : null
}

function fetchOthers (): void {
  console.log(`installing other versions of TypeScript in ${OTHER_COMPILERS}/node_modules`)
  const args = ['ci', '--prefix', OTHER_COMPILERS, '--prefer-offline', '--ignore-scripts']
  const { status } = spawnSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' })
  if (status !== 0) throw new Error(`npm ci --prefix ${OTHER_COMPILERS} failed`)
}

function count (passed: number, failed: number, title: string, text: string): void {
  total.passed += passed
  total.failed += failed
  console.log(`${failed > 0 ? 'FAILED' : 'ok'}  ${title}${failed > 0 ? `\n${text}` : ''}`)
}

/** Runs tstyche: it counts assertions, and expected compile errors with their messages. */
async function tstyche ({ version, folder }: Compiler): Promise<void> {
  const { ok, text } = await run(['node_modules/tstyche/dist/bin.js', 'test/types'], {
    TSTYCHE_TYPESCRIPT_MODULE: String(pathToFileURL(resolve(folder, 'lib/typescript.js'))),
    TSTYCHE_NO_COLOR: 'true',
    TSTYCHE_NO_INTERACTIVE: 'true'
  })
  const sumOf = (word: string): number => {
    const matches = [...text.matchAll(new RegExp(`^(?:Assertions|Suppressed):.*?(\\d+) ${word}`, 'gm'))]
    return matches.reduce((sum, match) => sum + Number(match[1]), 0)
  }
  const [passed, failed] = [sumOf('passed') + sumOf('matched'), sumOf('failed')]
  const title = `tstyche with TypeScript ${version}: ${passed} assertions and expected errors`
  count(passed, ok && passed > 0 ? 0 : Math.max(1, failed), title, text)
}

/** Compiles a program, which counts as one test. */
async function compile ({ version, folder }: Compiler, project: string, title: string): Promise<void> {
  const { ok, text } = await run([join(folder, 'bin/tsc'), '-p', project])
  count(Number(ok), Number(!ok), `tsc ${version}: ${title}`, text)
}

function write (folder: string, files: Record<string, string>): string {
  rmSync(join(WORK, folder), { recursive: true, force: true })
  mkdirSync(join(WORK, folder), { recursive: true })
  const config = { extends: '../../../test/types/tsconfig.base.json', include: [], files: Object.keys(files) }
  const all = { ...files, 'tsconfig.json': JSON.stringify(config) }
  for (const [name, text] of Object.entries(all)) writeFileSync(join(WORK, folder, name), text)
  return join(WORK, folder)
}

interface Cost { instantiations: number, seconds: number, text: string }

/**
 * Checks the cost of a program with 51 tasks, and of each task beyond the first. Instantiations are the same on every
 * machine. The time is only reported.
 */
async function cost ({ version, folder }: Compiler, kind: keyof typeof manyTasks): Promise<void> {
  const measure = async (tasks: number): Promise<Cost> => {
    const project = write(`cost-${kind}-${tasks}`, { 'tasks.ts': manyTasks[kind](tasks) })
    const { ok, text } = await run([join(folder, 'bin/tsc'), '-p', project, '--extendedDiagnostics'])
    const figure = (name: string): number =>
      ok ? Number(new RegExp(`^${name}:\\s+([\\d.]+)`, 'm').exec(text)?.[1] ?? Infinity) : Infinity
    return { instantiations: figure('Instantiations'), seconds: figure('Check time'), text }
  }
  const [one, all] = [await measure(1), await measure(51)]
  const each = Math.round((all.instantiations - one.instantiations) / 50)
  const ok = each <= LIMITS.each && all.instantiations <= LIMITS.all
  const title = `tsc ${version}: 51 tasks (${kind}): ${each} instantiations each, ${all.instantiations} in total ` +
    `(at most ${LIMITS.each}, ${LIMITS.all}); checked in ${all.seconds} s`
  count(Number(ok), Number(!ok), title, all.text)
}

function * allSteps (): Generator<Promise<void>> {
  const all = compilers()
  const { open, merged } = examples(readFileSync('docs/guides/typescript.md', 'utf8'))
  const guide = { open: write('guide', open), merged: write('guide-merged', merged) }
  for (const compiler of all) {
    if (compiler.hasApi) yield tstyche(compiler)
    else {
      yield compile(compiler, 'test/types/open/tsconfig.plain.json', 'the tests without merged names')
      yield compile(compiler, 'test/types/merged/tsconfig.plain.json', 'the tests with merged names')
    }
    yield compile(compiler, 'test/types/built', 'the built types, whole, as an ES module and as CommonJS')
    yield compile(compiler, 'test/types/bundler', 'the built types, whole, as a bundler resolves them')
    yield compile(compiler, guide.open, `${Object.keys(open).length} examples of the guide`)
    yield compile(compiler, guide.merged, `${Object.keys(merged).length} with merged names`)
  }
  const own = all.find(({ folder }) => folder === OWN_COMPILER)!
  for (const kind of Object.keys(manyTasks) as Array<keyof typeof manyTasks>) yield cost(own, kind)
}

async function runSteps (steps: Generator<Promise<void>>): Promise<void> {
  for (const step of steps) await step
}

// As many loops as cores. Each takes the next step of the generator.
const steps = allSteps()
await Promise.all(Array.from({ length: availableParallelism() }, () => runSteps(steps)))
console.log(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed > 0 ? 1 : 0
