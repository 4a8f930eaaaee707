/**
 * What happens at run time agrees with the types (test/types): the caller gives the input type of the schema, the
 * handler gets its output type, and a result is read as its serializer wrote it.
 */
import type { FastifyInstance } from 'fastify'
import { Type, TypeBoxValidatorCompiler, type TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import type { JsonSchemaToTsProvider } from '@fastify/type-provider-json-schema-to-ts'
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod'
import t from 'tap'
import { z } from 'zod'
import type { Task } from '../../lib/types.ts'
import { build, errorOf } from '../support/helpers.ts'

const wait = { timeout: 10_000 }

/** The app, and the task that `define` defines in it, with its types. */
async function withTask<T extends Task> (
  t: Parameters<typeof build>[0], define: (app: FastifyInstance) => T
): Promise<[FastifyInstance, T]> {
  let task!: T
  const app = await build(t, { worker: true, routes: false }, app => { task = define(app) })
  return [app, task]
}

t.test('zod: defaults, coercion and codecs', async t => {
  const isoDate = z.codec(z.iso.datetime(), z.date(), {
    decode: text => new Date(text), encode: date => date.toISOString()
  })
  const decimal = z.codec(z.string(), z.number(), { decode: Number, encode: String })
  const seen: unknown[] = []
  const [, task] = await withTask(t, app => {
    app.setValidatorCompiler(validatorCompiler).setSerializerCompiler(serializerCompiler)
    return app.withTypeProvider<ZodTypeProvider>().tasks.define('x', {
      schema: {
        data: z.object({ n: z.coerce.number<string>(), step: z.number().default(1), at: isoDate }),
        result: z.object({ at: isoDate, n: decimal, count: z.number().default(0) }),
        progress: z.object({ at: isoDate })
      }
    }, async (data, task) => {
      seen.push(data)
      await task.reportProgress({ at: data.at })
      return { at: data.at, n: data.n, count: data.step }
    })
  })
  const at = '2026-01-01T00:00:00.000Z'
  const handle = await task.enqueue({ n: '2', at })
  const result: { at: string, n: string, count: number } = await handle.result(wait)
  t.same(result, { at, n: '2', count: 1 })
  t.same(seen, [{ n: 2, step: 1, at: new Date(at) }])
  t.same((await handle.status())!.progress, { at })
  t.match(await errorOf(task.enqueue({ n: 'many', at })), { statusCode: 400, code: 'FST_ERR_VALIDATION' })
})

for (const compiler of ['Ajv', 'TypeBox']) {
  t.test(`TypeBox, validated by ${compiler}`, async t => {
    const [, task] = await withTask(t, app => {
      if (compiler === 'TypeBox') app.setValidatorCompiler(TypeBoxValidatorCompiler)
      return app.withTypeProvider<TypeBoxTypeProvider>().tasks.define('x', {
        schema: {
          data: Type.Object({ n: Type.Integer() }), result: Type.Object({ sum: Type.Number() }), progress: Type.Number()
        }
      }, async (data, task) => {
        await task.reportProgress(0.5)
        return { sum: data.n + 1, secret: true }
      })
    })
    const handle = await task.enqueue({ n: 1 })
    const { sum, ...more } = await handle.result(wait)
    t.equal(sum, 2)
    t.same(more, {}, 'what the schema does not name does not leave')
    t.equal((await handle.status())!.progress, 0.5)
    t.match(await errorOf(task.enqueue({ n: 1.5 })), { statusCode: 400, code: 'FST_ERR_VALIDATION' })
  })
}

t.test('JSON Schema: a default is left out, and is there in the handler', async t => {
  type Provider = JsonSchemaToTsProvider<{ SerializerSchemaOptions: { keepDefaultedPropertiesOptional: true } }>
  const [, task] = await withTask(t, app =>
    app.withTypeProvider<Provider>().tasks.define('x', {
      schema: {
        data: {
          type: 'object',
          required: ['total'],
          properties: { total: { type: 'integer' }, step: { type: 'integer', default: 2 } }
        }
      }
    }, async data => data.total * data.step))
  t.equal(await (await task.enqueue({ total: 21 })).result(wait), 42)
})

t.test('no schema: a result is read as JSON has it', async t => {
  const [, task] = await withTask(t, app => app.tasks.define('x', () => ({
    at: new Date(0), list: [undefined, new URL('http://localhost')], none: undefined
  })))
  const result: { at: string, list: Array<string | null>, none: undefined } = await (await task.enqueue()).result(wait)
  t.same(result, { at: '1970-01-01T00:00:00.000Z', list: [null, 'http://localhost/'] })
  const [, nothing] = await withTask(t, app => app.tasks.define('x', (): undefined => {}))
  const read: null = await (await nothing.enqueue()).result(wait)
  t.equal(read, null)
})
