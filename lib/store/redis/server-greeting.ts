/**
 * What a server says to a connection before it closes it: "max number of clients reached", or that it is in protected
 * mode. ioredis loses this text, since its first commands fail before it reads it.
 */
import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { isCluster, type RedisClient } from './connection.ts'
import { clearTimeout, setTimeout } from '../../timers.ts'

/** A server that takes the connection says nothing. So long is waited for its words, in ms. */
const SILENCE_MS = 500

/** Errors of a connection that a server has closed at once. */
const CLOSED_AT_ONCE = /EPIPE|ECONNRESET|Connection is closed/

/** Connects without sending anything. Null if the error has another cause, or if the server says nothing. */
export async function greetingAfter (error: Error | undefined, client: RedisClient): Promise<Error | null> {
  if (!error || !CLOSED_AT_ONCE.test(error.message) || isCluster(client) || client.options.sentinels) return null
  const { host, port, path, tls } = client.options
  const address = path ? { path } : { host, port: Number(port) }
  const socket = (tls ? connectTls({ ...address, ...tls }) : connect(address)).unref()
  const words = await new Promise<string>(resolve => {
    const timer = setTimeout(resolve, SILENCE_MS, '').unref()
    socket.on('error', () => {}).on('close', () => resolve('')).on('data', text => {
      clearTimeout(timer)
      resolve(String(text))
    })
  })
  socket.destroy()
  return words.startsWith('-') ? new Error(words.slice(1).split('\r\n', 1)[0]!.replace(/^ERR /, '')) : null
}
