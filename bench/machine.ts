/** On what a run was made. No name and no path of the machine. */
import { readFileSync } from 'node:fs'
import { arch, cpus, loadavg, platform, release, totalmem } from 'node:os'
import { join } from 'node:path'
import { projectRoot } from '../scripts/redis.ts'

export interface Machine {
  cores: number
  cpu: string
  memory: string
  system: string
  /** Processes that wanted a core in the minute before the run. */
  loadBefore: number
  versions: Record<string, string>
}

const packages = ['fastify', 'bee-queue', 'bullmq', 'ioredis', 'autocannon']

/** Of software that is no package. */
export function machine (others: Record<string, string>): Machine {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    // Only the numbers: what follows them names whoever built it.
    system: `${platform()} ${/^[\d.]+/.exec(release())?.[0] ?? ''} ${arch()}`,
    loadBefore: Number(loadavg()[0]!.toFixed(1)),
    versions: { 'fastify-tasks': versionOf(projectRoot()), Node: process.version.slice(1), ...others, ...Object.fromEntries(packages.map(name => [name, versionOf(join(projectRoot(), 'node_modules', name))])), 'redis (Bee-Queue\'s client)': beeClient() }
  }
}

function versionOf (folder: string): string {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version
}

/** npm may have put it beside Bee-Queue, or above. */
function beeClient (): string {
  const modules = join(projectRoot(), 'node_modules')
  try {
    return versionOf(join(modules, 'bee-queue', 'node_modules', 'redis'))
  } catch {
    return versionOf(join(modules, 'redis'))
  }
}
