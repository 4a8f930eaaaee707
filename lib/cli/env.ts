/**
 * The environment of a command. Imported first.
 *
 * Reads the file .env of the working directory, as fastify-cli does: the web process and its workers have to find the
 * same Redis. Variables that are set already are kept.
 */
import { printErr } from './output.ts'

try {
  process.loadEnvFile()
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT') printErr(`fastify-tasks: .env was not read: ${message}`)
}

// Not set: https://no-color.org. Node and the packages that colour our output ask only whether there is such a name.
if (process.env.NO_COLOR === '') delete process.env.NO_COLOR
