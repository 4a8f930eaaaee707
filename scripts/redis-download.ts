// A Redis server for tests, benches and the demo on a Debian machine without one: fetches Debian's own packages with
// apt-get and unpacks them below the project. Nothing is installed, and no root is needed. No part of the package.
import { execFile } from 'node:child_process'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import * as errors from '../lib/errors.ts'
import { keepPrivateFolder } from '../lib/dev/private-folder.ts'
import { findOnPath, isExecutable, type RedisBinary } from '../lib/dev/redis-binary.ts'

interface RunOptions {
  cwd?: string
  env?: Record<string, string>
}

interface Output {
  ok: boolean
  text: string
}

const PACKAGES = ['redis-server', 'redis-tools']
// The machine's own libc is used: a second libc beside the loader of the first crashes at the first call.
const NEVER_FETCHED = new Set(['libc6', 'libc-bin'])
const DEPENDENCY_ROUNDS = 4
const LIMITS = { timeout: 180_000, maxBuffer: 2 ** 26 }

const WAYS = `
  macOS           brew install redis
  Debian, Ubuntu  apt-get install redis-server
  elsewhere       docker run -p 6379:6379 redis
or set REDIS_URL to a running one, such as redis://127.0.0.1:6379`

/**
 * Returns the server in a folder, which is fetched at the first call. The folder has to be one that only its owner may
 * write to: what lies there is executed.
 * @throws FST_TASKS_NO_REDIS_SERVER
 */
export async function downloadRedis (folder: string): Promise<RedisBinary> {
  if (!(await findOnPath('apt-get')) || !(await findOnPath('dpkg-deb'))) throw noRedis()
  const target = join(folder, systemName())
  await keepPrivateFolder(folder).catch((error: Error) => { throw noRedis(error) })
  if (!existsSync(target)) {
    await fetchInto(folder, target).catch((error: Error) => { throw noRedis(error) })
  }
  const binary = await binaryIn(target)
  const version = await run(binary.path, ['--version'], { env: binary.env })
  if (!version.ok) throw new Error(`${binary.path} does not run. Remove ${target} and try again.\n${version.text}`)
  return binary
}

function noRedis (cause?: Error): Error {
  const reason = cause
    ? `fetching it with apt-get failed: ${cause.message}`
    : 'there is no redis-server or valkey-server on PATH'
  return new errors.NoRedisServer(`${reason}${WAYS}`, ...(cause ? [{ cause }] : []))
}

/** Machines of different releases or architectures may share the folder: each gets its own binary. */
function systemName (): string {
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : ''
  const value = (key: string): string => new RegExp(`^${key}="?([\\w.-]+)`, 'm').exec(release)?.[1] ?? 'unknown'
  return `${value('ID')}-${value('VERSION_ID')}-${process.arch}`
}

/** Only the rename makes a download visible: a broken one is never found. If two run at once, the first one stays. */
async function fetchInto (folder: string, target: string): Promise<void> {
  process.stderr.write(`No redis-server on PATH: fetching Debian's ${PACKAGES.join(', ')} and their libraries ` +
    `with apt-get into ${target} (once; nothing is installed)\n`)
  const work = await mkdtemp(join(folder, '.partial-'))
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
  // The update fails if any repository of the machine is out of order. That may not matter: the download decides.
  const update = await apt(work, 'apt-get', ['update'])
  const first = await dependencies(work, PACKAGES)
  const failed = await unpack(work, [...PACKAGES, ...first])
  if (failed) throw new Error([failed, ...update.text.split('\n').filter(line => /^[EW]: /.test(line))].join('\n'))
  await completeLibraries(work, first)
}

/** On a minimal image the libraries of the packages need more libraries. ldd says what is missing. */
async function completeLibraries (work: string, fetched: string[]): Promise<void> {
  const seen = new Set(fetched)
  let missing = await missingLibraries(work)
  for (let round = 0, last = fetched; missing.length > 0 && round < DEPENDENCY_ROUNDS; round++) {
    last = (await dependencies(work, last)).filter(name => !seen.has(name))
    last.forEach(name => seen.add(name))
    const failed = last.length > 0 && await unpack(work, last)
    if (failed) throw new Error(failed)
    missing = await missingLibraries(work)
  }
  if (missing.length > 0) throw new Error(`the server lacks ${missing.join(', ')}`)
}

async function dependencies (work: string, packages: string[]): Promise<string[]> {
  const { text } = await apt(work, 'apt-cache', ['depends', ...packages])
  const names = Array.from(text.matchAll(/^ [ |](?:Pre)?Depends: (lib[\w.+-]+)/gm), match => match[1] as string)
  return [...new Set(names)].filter(name => !NEVER_FETCHED.has(name))
}

/** Returns what went wrong, or undefined. */
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
  const missing = text.split('\n').filter(line => line.includes('not found'))
  if (!ok && missing.length === 0) throw new Error(`ldd ${binary.path}: ${text}`)
  return missing.map(line => line.replace(/=>.*/, '').trim())
}

async function binaryIn (root: string): Promise<RedisBinary> {
  const path = join(root, 'usr', 'bin', 'redis-server')
  if (!(await isExecutable(path))) throw new Error(`no redis-server in ${root}: remove that folder and try again`)
  return { path, env: { LD_LIBRARY_PATH: libraryFolders(root).join(':') } }
}

function libraryFolders (root: string): string[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return [...new Set(files.filter(file => /\.so(\.|$)/.test(file)).map(file => join(root, dirname(file))))]
}

function apt (work: string, command: string, args: string[], cwd = work): Promise<Output> {
  const options = [
    `Dir::State=${join(work, 'state')}`,
    'Dir::State::status=/var/lib/dpkg/status',
    `Dir::Cache=${join(work, 'cache')}`,
    // If root runs apt, apt would drop to a user that cannot enter these private folders.
    'APT::Sandbox::User=root',
    'Acquire::Languages=none',
    'Acquire::http::Timeout=20',
    'Acquire::https::Timeout=20'
  ]
  return run(command, [...options.flatMap(option => ['-o', option]), '-q', ...args], { cwd })
}

function run (command: string, args: string[], options: RunOptions = {}): Promise<Output> {
  const env = { ...process.env, LC_ALL: 'C', ...options.env }
  return new Promise(resolve => {
    execFile(command, args, { ...LIMITS, cwd: options.cwd, env }, (error, stdout, stderr) => {
      const text = stdout + stderr
      resolve(error ? { ok: false, text: text.trim().slice(-1500) || error.message } : { ok: true, text })
    })
  })
}
