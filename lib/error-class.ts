/**
 * Makes the classes of errors.
 */
import fastifyError, { type FastifyError, type FastifyErrorConstructor } from '@fastify/error'

/**
 * A name of our own: the compiler would write `fastifyError.FastifyErrorConstructor` into the published types, a
 * namespace that does not exist under `moduleResolution: "bundler"`.
 */
export interface ErrorClass extends FastifyErrorConstructor<FastifyError, any[]> {}

/** The arguments of a constructor fill the places of the message. A last argument `{ cause }` is the cause. */
export const createError = (code: string, message: string, statusCode: number): ErrorClass =>
  fastifyError<string, number, any[]>(code, message, statusCode)
