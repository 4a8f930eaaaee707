/**
 * Layer 0: what is known of a task's types where it is defined, and where it is enqueued by name. Nothing here runs.
 *
 * Data, result and progress are each what their schema says through the instance's type provider; where that says nothing
 * (`unknown`), what `Tasks` says of the name; else what the type arguments, or the handler's own types, say.
 */
import type { FastifyTypeProvider } from 'fastify'
import type { Tasks } from '../types.ts'

type Part = 'data' | 'result' | 'progress'

/** What code receives, as a route's handler its body. */
type Received<Provider extends FastifyTypeProvider, Schema> = (Provider & { schema: Schema })[Late<'validator', Schema>]
/** What code hands out, as a route's handler its payload. */
type Handed<Provider extends FastifyTypeProvider, Schema> = (Provider & { schema: Schema })[Late<'serializer', Schema>]
/** `Key`, once the schema is known: until then the compiler would search the provider's types for it, TypeBox' for seconds. */
type Late<Key, Schema> = [Schema] extends [unknown] ? Key : never

/** What a schema takes before it changes it, where it says so itself (Standard Schema: zod, Valibot, ArkType). */
type Input<Schema, Otherwise> = Schema extends { readonly '~standard': { readonly types?: infer Types } }
  ? NonNullable<Types> extends { readonly input: infer Known } ? Known : Otherwise
  : Otherwise

/** What an enqueue hands in. */
type Accepted<Provider extends FastifyTypeProvider, Schema> = unknown extends Received<Provider, Schema> ? unknown
  : Input<Schema, FirstKnown<Handed<Provider, Schema>, Received<Provider, Schema>, unknown>>

/** What is read of what was handed out. A codec of zod's writes its input: then it is that. */
type Read<Provider extends FastifyTypeProvider, Schema> = unknown extends Handed<Provider, Schema> ? unknown
  : Narrower<Serialized<Handed<Provider, Schema>>, Serialized<Input<Schema, Handed<Provider, Schema>>>>
type Narrower<A, B> = A extends B ? A : A extends object ? B extends object ? { [Key in keyof A]: Key extends keyof B ? Narrower<A[Key], B[Key]> : A[Key] } : B : B

/** What `Tasks` says of this name. */
type Merged<Name, P extends Part> = Name extends keyof Tasks ? Tasks[Name] extends { [Key in P]: infer Type } ? Type : unknown : unknown

type FirstKnown<A, B, Otherwise> = unknown extends A ? unknown extends B ? Otherwise : B : A
/** A type parameter that was neither given nor inferred is `never`. */
type Or<Given, Otherwise> = [Given] extends [never] ? Otherwise : Given

/** What is read of a value that JSON carried: a string for a Date, null for undefined. */
export type Serialized<T> = unknown extends T ? T : T extends undefined ? null : Json<T>
type Json<T> = unknown extends T ? T : JsonOfEach<T>
type JsonOfEach<T> = T extends string | number | boolean | null | undefined | void ? T
  : T extends { toJSON (...args: any[]): infer Replacement } ? Json<Replacement>
    : T extends bigint ? never
      : T extends symbol | ((...args: any[]) => unknown) ? undefined
        : T extends readonly unknown[] ? JsonList<T> : { [Key in keyof T]: Json<T[Key]> }
/** Of a list as `[]`, not mapped: that a type which holds itself is followed no further than it is used. */
type JsonList<T extends readonly unknown[]> = number extends T['length'] ? Serialized<T[number]>[] : { [Key in keyof T]: Serialized<T[Key]> }

/** The data that a handler receives. */
export type HandlerData<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Received<Provider, Schema>, Merged<Name, 'data'>, Or<Given, any>>
/** What a handler may return: anything, so that its own type is inferred whole. `ResultFits` holds it against what is known. */
export type HandlerResult<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  Given | ([Given] extends [never] ? KnownResult<Provider, Schema, Name> : never)
export type ResultFits<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  [Given] extends [KnownResult<Provider, Schema, Name>] ? unknown : (...args: any[]) => Promise<KnownResult<Provider, Schema, Name>>
type KnownResult<Provider extends FastifyTypeProvider, Schema, Name> =
  FirstKnown<Handed<Provider, Schema>, Merged<Name, 'result'>, unknown>
/** What a handler may report. */
export type HandlerProgress<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Handed<Provider, Schema>, Merged<Name, 'progress'>, Or<Given, any>>

/** The data that a task is enqueued with. */
export type TaskData<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Accepted<Provider, Schema>, Merged<Name, 'data'>, Or<Given, any>>
/** The result that is read of a task. */
export type TaskResult<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Read<Provider, Schema>, NamedResult<Name>, Or<Serialized<Given>, unknown>>
/** The progress that is read of a task. */
export type TaskProgress<Provider extends FastifyTypeProvider, Schema, Name, Given> =
  FirstKnown<Read<Provider, Schema>, NamedProgress<Name>, Or<Serialized<Given>, any>>

/** The same of a task that is known by its name only. */
export type NamedData<Name> = Merged<Name, 'data'>
export type NamedResult<Name> = Serialized<Merged<Name, 'result'>>
export type NamedProgress<Name> = Serialized<Merged<Name, 'progress'>>

/** Data that may be enqueued by name has to fit the task's schema: else this is no schema for it. */
export type DataAgrees<Provider extends FastifyTypeProvider, Schema, Name> =
  Agrees<NamedData<Name>, Accepted<Provider, Schema>, Name>
/** What the schema lets out has to be what is promised by name. */
export type ResultAgrees<Provider extends FastifyTypeProvider, Schema, Name> =
  Agrees<Read<Provider, Schema>, NamedResult<Name>, Name>
export type ProgressAgrees<Provider extends FastifyTypeProvider, Schema, Name> =
  Agrees<Read<Provider, Schema>, NamedProgress<Name>, Name>
type Agrees<From, To, Name> = unknown extends From ? unknown : unknown extends To ? unknown : [From] extends [To] ? unknown : Clash<Name>
/** What the error says where it does not. */
interface Clash<Name> { 'interface Tasks says something else of': Name }
