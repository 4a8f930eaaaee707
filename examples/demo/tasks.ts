// What the workers do.
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Task } from 'fastify-tasks'
import nodemailer from 'nodemailer'

export interface Mail { to: string, subject: string, body: string }
export interface Steps { current: number, total: number }

const stepMs = Number(process.env.DEMO_STEP_MS ?? 500)
const smtpUrl = process.env.SMTP_URL ?? 'smtp://localhost:1025'

const verbs = ['Starting up', 'Booting', 'Repairing', 'Loading', 'Checking']
const adjectives = ['master', 'radiant', 'silent', 'harmonic', 'fast']
const nouns = ['solar array', 'particle reshaper', 'cosmic ray', 'orbiter', 'bit']

const oneOf = (words: string[]): string => words[Math.floor(Math.random() * words.length)]!

export function defineTasks (fastify: FastifyInstance) {
  return { longTask: defineLongTask(fastify), sendEmail: defineSendEmail(fastify) }
}

function defineLongTask ({ tasks }: FastifyInstance): Task<void, { status: string, result: number }, Steps> {
  return tasks.define('long-task', async (_data, task) => {
    const total = 20 + Math.floor(Math.random() * 40)
    for (let current = 0; current < total; current++) {
      await task.updateState(`${oneOf(verbs)} ${oneOf(adjectives)} ${oneOf(nouns)}…`, { current, total })
      // The signal is aborted when the worker has to stop: the task then goes back to its queue.
      await sleep(stepMs, undefined, { signal: task.signal })
    }
    await task.updateState('Task completed!', { current: total, total })
    return { status: 'Task completed!', result: 42 }
  })
}

function defineSendEmail ({ tasks }: FastifyInstance): Task<Mail, { sentTo: string, messageId: string }> {
  const smtp = nodemailer.createTransport(smtpUrl)
  return tasks.define('send-email', { retries: 3, timeout: 30_000 }, async ({ to, subject, body }, task) => {
    // A task may run twice where a worker dies: the id lets the reader's mailbox see that it is the same mail.
    const messageId = `<${task.id}@demo.example>`
    await smtp.sendMail({ from: 'demo@demo.example', to, subject, text: body, messageId })
    return { sentTo: to, messageId }
  })
}
