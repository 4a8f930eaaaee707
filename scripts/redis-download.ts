/**
 * Layer 4: where a Redis server to run comes from, for development, the demo and the tests.
 */
import { execFile } from 'node:child_process'
import { constants, existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { access, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import * as errors from '../errors.ts'

export interface RedisBinary {
  path: string
  /** What the server needs in its environment beside the process's own. */
  env: Record<string, string>
  from: 'path' | 'debian'
}

interface RunOptions {
  cwd?: string
  env?: Record<string, string>
}

interface Output {
  ok: boolean
  text: string
}

const servers = ['redis-server', 'valkey-server']
const debianPackages = ['redis-server', 'redis-tools']
// A second libc beside the loader of the first one crashes at the first call: the machine's own has to do.
const neverFetched = new Set(['libc6', 'libc-bin'])
const dependencyRounds = 4
const limits = { timeout: 180_000, maxBuffer: 2 ** 26 }

let fetching: Promise<RedisBinary> | undefined

/** Throws FST_TASKS_NO_REDIS_SERVER. */
export async function findRedis (): Promise<RedisBinary> {
  for (const name of servers) {
    const path = await onPath(name)
    if (path) return { path, env: {}, from: 'path' }
  }
  if (!(await onPath('apt-get')) || !(await onPath('dpkg-deb'))) throw noRedis()
  fetching ??= cachedOrFetched()
  return await fetching
}

/** The nearest folder with a package.json, upwards from this one. */
export function packageFolder (from: string): string | undefined {
  if (existsSync(join(from, 'package.json'))) return from
  return from === dirname(from) ? undefined : packageFolder(dirname(from))
}

async function onPath (name: string): Promise<string | undefined> {
  for (const dir of (process.env.PATH ?? '').split(delimiter)) {
    const path = join(dir, name)
    if (dir && await isExecutable(path)) return path
  }
}

async function isExecutable (path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function noRedis (cause?: Error): Error {
  const reason = cause ? `fetching it with apt-get failed: ${cause.message}` : 'there is no redis-server or valkey-server on PATH'
  return new errors.NoRedisServer(`${reason}${ways}`, ...(cause ? [{ cause }] : []))
}

const ways = `
  macOS           brew install redis
  Debian, Ubuntu  apt-get install redis-server
  elsewhere       docker run -p 6379:6379 redis
or set REDIS_URL to a running one, such as redis://127.0.0.1:6379`

async function cachedOrFetched (): Promise<RedisBinary> {
  const home = join(packageFolder(process.cwd()) ?? tmpdir(), 'node_modules', '.cache', 'fastify-tasks-redis')
  const target = join(home, systemName())
  if (!existsSync(target)) {
    await fetchInto(home, target).catch((error: Error) => { throw noRedis(error) })
  }
  const binary = await binaryIn(target)
  const version = await run(binary.path, ['--version'], { env: binary.env })
  if (!version.ok) throw new Error(`${binary.path} does not run. Remove ${target} and try again.\n${version.text}`)
  return binary
}

/** A cache that is shared by machines of another release or architecture must not hand out a foreign binary. */
function systemName (): string {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const value = (key: string) => new RegExp(`^${key}="?([\\w.-]+)`, 'm').exec(release)?.[1] ?? 'unknown'
  return `${value('ID')}-${value('VERSION_ID')}-${process.arch}`
}

/** Only the rename makes a fetch visible, so a broken one is never found, and of two at once the first one stands. */
async function fetchInto (home: string, target: string): Promise<void> {
  process.stderr.write(`No redis-server on PATH: fetching Debian's ${debianPackages.join(', ')} and their libraries ` +
    `with apt-get into ${target} (once; nothing is installed)\n`)
  await mkdir(home, { recursive: true })
  const work = await mkdtemp(join(home, '.partial-'))
  try {
    await fetchPackages(work)
    await rename(join(work, 'root'), target).catch((error: Error) => {
      if (!existsSync(target)) throw error
    })
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

async function fetchPackages (work: string): Promise<void> {
  for (const dir of ['root', 'debs', 'state/lists/partial', 'cache/archives/partial']) {
    await mkdir(join(work, dir), { recursive: true })
  }
  // A foreign repository that is out of order fails the update and need not matter: the download decides.
  const update = await apt(work, 'apt-get', ['update'])
  const first = await dependencies(work, debianPackages)
  const failed = await unpack(work, [...debianPackages, ...first])
  if (failed) throw new Error([failed, ...update.text.split('\n').filter((line) => /^[EW]: /.test(line))].join('\n'))
  await completeLibraries(work, first)
}

/** The packages name their libraries, but a bare image also lacks what those need: ldd tells when to look further. */
async function completeLibraries (work: string, fetched: string[]): Promise<void> {
  const seen = new Set(fetched)
  let missing = await missingLibraries(work)
  for (let round = 0, last = fetched; missing.length > 0 && round < dependencyRounds; round++) {
    last = (await dependencies(work, last)).filter((name) => !seen.has(name))
    last.forEach((name) => seen.add(name))
    const failed = last.length > 0 && await unpack(work, last)
    if (failed) throw new Error(failed)
    missing = await missingLibraries(work)
  }
  if (missing.length > 0) throw new Error(`the server lacks ${missing.join(', ')}`)
}

async function dependencies (work: string, packages: string[]): Promise<string[]> {
  const { text } = await apt(work, 'apt-cache', ['depends', ...packages])
  const names = Array.from(text.matchAll(/^ [ |](?:Pre)?Depends: (lib[\w.+-]+)/gm), (match) => match[1] as string)
  return [...new Set(names)].filter((name) => !neverFetched.has(name))
}

/** Returns what went wrong, if anything did. */
async function unpack (work: string, packages: string[]): Promise<string | undefined> {
  const debs = join(work, 'debs')
  const download = await apt(work, 'apt-get', ['download', ...packages], debs)
  if (!download.ok) return download.text
  for (const deb of await readdir(debs)) {
    const extracted = await run('dpkg-deb', ['-x', join(debs, deb), join(work, 'root')])
    if (!extracted.ok) return extracted.text
    await rm(join(debs, deb))
  }
}

async function missingLibraries (work: string): Promise<string[]> {
  const binary = await binaryIn(join(work, 'root'))
  const { ok, text } = await run('ldd', [binary.path], { env: binary.env })
  const missing = text.split('\n').filter((line) => line.includes('not found'))
  if (!ok && missing.length === 0) throw new Error(`ldd ${binary.path}: ${text}`)
  return missing.map((line) => line.replace(/=>.*/, '').trim())
}

async function binaryIn (root: string): Promise<RedisBinary> {
  const path = join(root, 'usr', 'bin', 'redis-server')
  if (!(await isExecutable(path))) throw new Error(`no redis-server in ${root}: remove that folder and try again`)
  return { path, env: { LD_LIBRARY_PATH: libraryFolders(root).join(':') }, from: 'debian' }
}

function libraryFolders (root: string): string[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return [...new Set(files.filter((file) => /\.so(\.|$)/.test(file)).map((file) => join(root, dirname(file))))]
}

function apt (work: string, command: string, args: string[], cwd = work): Promise<Output> {
  const options = [
    `Dir::State=${join(work, 'state')}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${join(work, 'cache')}`,
    // Run by root, apt would drop to a user that cannot enter these private folders.
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20'
  ]
  return run(command, [...options.flatMap((option) => ['-o', option]), '-q', ...args], { cwd })
}

function run (command: string, args: string[], options: RunOptions = {}): Promise<Output> {
  const env = { ...process.env, LC_ALL: 'C', ...options.env }
  return new Promise((resolve) => {
    execFile(command, args, { ...limits, cwd: options.cwd, env }, (error, stdout, stderr) => {
      const text = stdout + stderr
      resolve(error ? { ok: false, text: text.trim().slice(-1500) || error.message } : { ok: true, text })
    })
  })
}
