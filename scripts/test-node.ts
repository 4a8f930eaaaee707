// npm run test:node -- <version> [npm arguments…]: runs `npm test`, or another npm command, under another Node version.
// The binary is that of npm's package node-<platform>-<arch>, and is kept in node_modules/.cache.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { projectRoot } from './redis.ts'

const [version, ...command] = process.argv.slice(2)
const isVersion = version !== undefined && /^\d+(\.\d+)*$/.test(version)
process.exitCode = isVersion ? runUnder(version, command.length > 0 ? command : ['test']) : usage()

function usage (): number {
  process.stderr.write('usage: test-node <version, such as 22> [npm arguments…]\n')
  return 2
}

function runUnder (version: string, command: string[]): number {
  const bin = fetchNode(version)
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env.PATH ?? ''}` }
  process.stderr.write(`test-node: ${spawnSync('node', ['--version'], { env, encoding: 'utf8' }).stdout}`)
  return spawnSync('npm', command, { env, stdio: 'inherit', cwd: projectRoot() }).status ?? 1
}

/** Installs the version if it is missing. Returns the folder of its binary. */
function fetchNode (version: string): string {
  const name = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const home = join(projectRoot(), 'node_modules', '.cache', `node-${version}`)
  const bin = join(home, 'node_modules', name, 'bin')
  if (existsSync(join(bin, 'node'))) return bin
  mkdirSync(home, { recursive: true })
  const flags = ['--no-save', '--no-audit', '--no-fund', '--ignore-scripts']
  const args = ['install', ...flags, '--prefix', home, `${name}@${version}`]
  const { status } = spawnSync('npm', args, { stdio: 'inherit' })
  if (status !== 0 || !existsSync(join(bin, 'node'))) {
    throw new Error(`npm's ${name}@${version} could not be installed, or has no bin/node`)
  }
  return bin
}
