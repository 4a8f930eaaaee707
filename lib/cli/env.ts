/**
 * Reads the file .env of the working directory, as fastify-cli does: the web process and its workers have to find the
 * same Redis. Variables that are set already are kept. Imported first.
 */
import { printErr } from './output.ts'

try {
  process.loadEnvFile()
} catch (error) {
  const { code, message } = error as NodeJS.ErrnoException
  if (code !== 'ENOENT') printErr(`fastify-tasks: .env was not read: ${message}`)
}
