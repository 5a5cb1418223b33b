// What the parts share: the process that started them (judges.tcl), tests, and requests.
//
//   const root = await ask('registrar')
//   const answer = await send(root, {method: 'GET', uri: '/ss-ipp/v1/configurations', token: await ask('access_token')})
//   test('answers-1.list', answer.status === 200, `status ${answer.status}`)
//
// The parent counts tests and has the database; ask() has it do something, and gives its text.

import http from 'node:http'
import readline from 'node:readline'

const waiting = []
const lines = readline.createInterface({ input: process.stdin })
lines.on('line', (line) => waiting.shift()(Buffer.from(line, 'base64').toString('utf8')))

// Has the parent do one of its actions.
export function ask(action, argument = '') {
  return new Promise((resolve) => {
    waiting.push(resolve)
    process.stdout.write(`@${action} ${Buffer.from(argument, 'utf8').toString('base64')}\n`)
  })
}

// Tells the parent how a test ended; the detail is shown if it failed.
export function test(name, passed, detail = '') {
  process.stdout.write(`${passed ? 'ok' : 'FAIL'} ${name}\n`)
  if (!passed) for (const line of String(detail).split('\n')) process.stdout.write(`  ${line}\n`)
}

// The same of something that throws when it fails.
export async function attempt(name, work) {
  try {
    test(name, (await work()) !== false)
  } catch (error) {
    test(
      name,
      false,
      [
        error.stack.split('\n').slice(0, 5).join('\n'),
        error.cause,
        error.config?.url,
        error.response && JSON.stringify(error.response.body ?? error.response.data),
      ]
        .filter(Boolean)
        .join('\n'),
    )
  }
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })

// One request: {method, uri, token?, headers?, type?, body?}. A body that is no string is sent as JSON. Gives
// {status, headers, text, body}, the body parsed where it is JSON.
export function send(root, { method, uri, token, headers = {}, type = 'application/json', body }) {
  const data = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const all = { ...headers }
  if (token !== undefined) all.Authorization = `Bearer ${token}`
  if (data !== undefined) {
    all['Content-Type'] ??= type
    all['Content-Length'] = Buffer.byteLength(data)
  }
  return new Promise((resolve, reject) => {
    const request = http.request(root + uri, { method, headers: all, agent }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        const json = /json/.test(response.headers['content-type'] ?? '') && text !== ''
        resolve({
          status: response.statusCode,
          headers: response.headers,
          text,
          body: json ? JSON.parse(text) : undefined,
        })
      })
    })
    request.on('error', reject)
    request.end(data)
  })
}

// A form, as a token request has it.
export function form(members) {
  return new URLSearchParams(members).toString()
}

// Ends the part: the connection to the parent is what keeps it alive.
export function finish() {
  agent.destroy()
  lines.close()
  process.stdin.destroy()
}
