/**
 * The types of data, result and progress, for `define` and for calls by name.
 *
 * Each has three sources, in this order: its schema, through the instance's type provider; the interface `Tasks`, by
 * the task's name; the type arguments of `define`, or the handler's own types. A source that gives `unknown` is
 * skipped.
 */
import type { FastifyTypeProvider } from 'fastify'
import type { Tasks } from './tasks-by-name.ts'

type Part = 'data' | 'result' | 'progress' | 'previous'

/** The type that a handler receives, as a route's handler receives its body. */
type Received<Provider extends FastifyTypeProvider, Schema> = (Provider & { schema: Schema })[Late<'validator', Schema>]
/** The type that a handler returns, as a route's handler returns its payload. */
type Handed<Provider extends FastifyTypeProvider, Schema> = (Provider & { schema: Schema })[Late<'serializer', Schema>]
/**
 * `Key`, as soon as the schema is known. Before that the compiler would search all types of the provider, which takes
 * seconds with TypeBox.
 */
type Late<Key, Schema> = [Schema] extends [unknown] ? Key : never

/** The input type of a schema that declares one (Standard Schema: zod, Valibot, ArkType). */
type Input<Schema, Otherwise> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly input: infer Known } ? Known : Otherwise
  : Otherwise

/** The type that an enqueue accepts. */
type Accepted<Provider extends FastifyTypeProvider, Schema> = unknown extends Received<Provider, Schema> ? unknown
  : Input<Schema, FirstKnown<Handed<Provider, Schema>, Received<Provider, Schema>, unknown>>

/** The type that is read of a stored result. A codec of zod writes its input type. */
type ReadBack<Provider extends FastifyTypeProvider, Schema> = unknown extends Handed<Provider, Schema> ? unknown
  : Narrower<Serialized<Handed<Provider, Schema>>, Serialized<Input<Schema, Handed<Provider, Schema>>>>
type Narrower<A, B> = A extends B ? A
  : A extends object
    ? B extends object ? { [Key in keyof A]: Key extends keyof B ? Narrower<A[Key], B[Key]> : A[Key] } : B
    : B

/** The type that `Tasks` has for this name. */
type Merged<Name, P extends Part> = Name extends keyof Tasks
  ? Tasks[Name] extends { [Key in P]: infer Type } ? Type : unknown
  : unknown

type FirstKnown<A, B, Otherwise> = unknown extends A ? unknown extends B ? Otherwise : B : A
/** A type parameter that was neither given nor inferred is `never`. */
type Or<Given, Otherwise> = [Given] extends [never] ? Otherwise : Given

/** The type of a value after a round trip through JSON: string for Date, null for undefined. */
export type Serialized<T> = unknown extends T ? T : T extends undefined ? null : Json<T>
type Json<T> = unknown extends T ? T : JsonOfEach<T>
type JsonOfEach<T> = T extends string | number | boolean | null | undefined | void ? T
  : T extends { toJSON (...args: any[]): infer Replacement } ? Json<Replacement>
    : T extends bigint ? never
      : T extends symbol | ((...args: any[]) => unknown) ? undefined
        : T extends readonly unknown[] ? JsonList<T> : { [Key in keyof T]: Json<T[Key]> }
/** A list is written as `[]`, not mapped: a recursive type is then resolved only as far as it is used. */
type JsonList<T extends readonly unknown[]> = number extends T['length']
  ? Serialized<T[number]>[]
  : { [Key in keyof T]: Serialized<T[Key]> }

/** The data that a handler receives. */
export type HandlerData<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Received<Provider, Schema>, Merged<Name, 'data'>, Or<Given, any>>
/** What a handler may return: anything, so that its own type is inferred. `ResultFits` then compares it. */
export type HandlerResult<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  Given | ([Given] extends [never] ? KnownResult<Provider, Schema, Name> : never)
/** `unknown` if the handler's result fits its schema and `Tasks`; else a function type that the handler is not. */
export type ResultFits<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  [Given] extends [KnownResult<Provider, Schema, Name>]
    ? unknown
    : (...args: any[]) => Promise<KnownResult<Provider, Schema, Name>>
type KnownResult<Provider extends FastifyTypeProvider, Schema, Name> =
  FirstKnown<Handed<Provider, Schema>, Merged<Name, 'result'>, unknown>
/** The progress that a handler may report. */
export type HandlerProgress<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Handed<Provider, Schema>, Merged<Name, 'progress'>, Or<Given, any>>

/** What the handler gets of the task before it in a chain. */
export type HandlerPrevious<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Received<Provider, Schema>, Merged<Name, 'previous'>, Or<Given, unknown>>

/** The data that a task is enqueued with. */
export type TaskData<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Accepted<Provider, Schema>, Merged<Name, 'data'>, Or<Given, any>>
/** What the task before it in a chain has to return. */
export type TaskPrevious<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Accepted<Provider, Schema>, Merged<Name, 'previous'>, Or<Given, unknown>>
/** The result that is read of a task. */
export type TaskResult<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<ReadBack<Provider, Schema>, NamedResult<Name>, Or<Serialized<Given>, unknown>>
/** The progress that is read of a task. */
export type TaskProgress<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<ReadBack<Provider, Schema>, NamedProgress<Name>, Or<Serialized<Given>, any>>

/**
 * The types that hooks in the options of `define` see: of the schemas and of `Tasks`, otherwise any. Not the handler's
 * own: the compiler would no longer infer those.
 */
export interface KnownTypes<Provider extends FastifyTypeProvider, Name, Data, Result, Progress> {
  enqueued: FirstKnown<Accepted<Provider, Data>, Merged<Name, 'data'>, any>
  data: FirstKnown<Received<Provider, Data>, Merged<Name, 'data'>, any>
  result: FirstKnown<Handed<Provider, Result>, Merged<Name, 'result'>, any>
  progress: FirstKnown<Handed<Provider, Progress>, Merged<Name, 'progress'>, any>
}

/** The data of a task that is known by its name only. */
export type NamedData<Name> = Merged<Name, 'data'>
/** Its result, and its progress, as they are read. */
export type NamedResult<Name> = Serialized<Merged<Name, 'result'>>
export type NamedProgress<Name> = Serialized<Merged<Name, 'progress'>>

/** Data that may be enqueued by name must fit the task's schema. If not, the schema is refused. */
export type DataAgrees<Provider extends FastifyTypeProvider, Schema, Name> =
  Agrees<NamedData<Name>, Accepted<Provider, Schema>, Name>
/** The result that the schema writes must fit the result by name. */
export type ResultAgrees<Provider extends FastifyTypeProvider, Schema, Name> =
  Agrees<ReadBack<Provider, Schema>, NamedResult<Name>, Name>
/** The progress that the schema writes must fit the progress by name. */
export type ProgressAgrees<Provider extends FastifyTypeProvider, Schema, Name> =
  Agrees<ReadBack<Provider, Schema>, NamedProgress<Name>, Name>
type Agrees<From, To, Name> = unknown extends From ? unknown
  : unknown extends To ? unknown : [From] extends [To] ? unknown : Clash<Name>
/** The name of the property is the text of the compiler's error. */
interface Clash<Name> { 'interface Tasks says something else of': Name }
