// A mail server for the demo: accepts any mail by SMTP, keeps the last 50 in memory, and serves them as JSON over HTTP.
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { simpleParser } from 'mailparser'
import { SMTPServer, type SMTPServerDataStream } from 'smtp-server'

const HOST = '127.0.0.1'
const MAX_MAILS = 50

interface Received { from: string, to: string, subject: string, body: string, receivedAt: string }

export interface MailServer {
  smtpUrl: string
  inboxUrl: string
  close (): Promise<void>
}

export async function startMailServer (): Promise<MailServer> {
  const inbox: Received[] = []
  const smtp = new SMTPServer({
    disabledCommands: ['AUTH', 'STARTTLS'],
    onData: (stream, _session, done) => {
      receive(stream).then(mail => {
        inbox.unshift(mail)
        inbox.splice(MAX_MAILS)
        done()
      }, done)
    }
  })
  const http = createServer((_request, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify(inbox))
  })
  smtp.on('error', error => console.error(`mail server: ${error.message}`))
  await Promise.all([once(smtp.listen(0, HOST), 'listening'), once(http.listen(0, HOST), 'listening')])
  return {
    smtpUrl: `smtp://${HOST}:${portOf(smtp.server)}`,
    inboxUrl: `http://${HOST}:${portOf(http)}`,
    async close () {
      http.close()
      http.closeAllConnections()
      await new Promise<void>(resolve => smtp.close(() => resolve()))
    }
  }
}

async function receive (stream: SMTPServerDataStream): Promise<Received> {
  const { from, to, subject, text } = await simpleParser(stream)
  return {
    from: from?.text ?? '',
    to: [to ?? []].flat().map(address => address.text).join(', '),
    subject: subject ?? '',
    body: text ?? '',
    receivedAt: new Date().toISOString()
  }
}

function portOf (server: { address (): AddressInfo | string | null }): number {
  return (server.address() as AddressInfo).port
}
