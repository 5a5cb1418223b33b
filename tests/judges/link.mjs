// What the parts share: the process that started them (judges.tcl), tests, and requests.
//
//   const root = await ask('registrar')
//   const answer = await send(root, {method: 'GET', uri: '/ss-ipp/v1/configurations', token: await ask('access_token')})
//   test('answers-1.list', answer.status === 200, `status ${answer.status}`)
//
// The parent counts tests and has the database; ask() has it do something, and gives its text. By https it is curl that
// asks (door.tcl), with a client certificate if need be.

import { spawn } from 'node:child_process'
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

function answer(status, headers, bytes) {
  const text = bytes.toString('utf8')
  const json = /json/.test(headers['content-type'] ?? '') && text !== ''
  return { status, headers, text, body: json ? JSON.parse(text) : undefined }
}

// By HTTP/2, which curl and the door agree upon, or as `options` say.
function byCurl(url, method, headers, data, certificate, options) {
  const words = ['-qgsSi', '--noproxy', '*', '--path-as-is', '--max-time', '60', '-H', 'Expect:', ...options]
  words.push('--cacert', process.env.NODE_EXTRA_CA_CERTS, ...(method === 'HEAD' ? ['--head'] : ['-X', method]))
  if (certificate) words.push('--cert', `tls-${certificate}.crt`, '--key', `tls-${certificate}.pem`)
  for (const [name, value] of Object.entries(headers)) words.push('-H', `${name}: ${value}`)
  if (data !== undefined) words.push('--data-binary', '@-')
  return new Promise((resolve, reject) => {
    const curl = spawn('curl', [...words, url])
    const chunks = []
    const said = []
    curl.stdout.on('data', (chunk) => chunks.push(chunk))
    curl.stderr.on('data', (chunk) => said.push(chunk))
    // Who is refused at once doesn't take the rest of a body.
    curl.stdin.on('error', () => {})
    curl.stdin.end(data)
    curl.on('error', reject)
    curl.on('close', (code) => {
      const bytes = Buffer.concat(chunks)
      const end = bytes.indexOf('\r\n\r\n')
      if (code !== 0 || end < 0) return reject(new Error(`curl ${code}: ${Buffer.concat(said)}`))
      const [first, ...lines] = bytes.toString('latin1', 0, end).split('\r\n')
      const found = {}
      for (const line of lines) {
        const [, name, value] = /^([^:]+): *(.*)$/.exec(line)
        found[name.toLowerCase()] = value
      }
      resolve({ ...answer(Number(first.split(' ')[1]), found, bytes.subarray(end + 4)), version: first.split(' ')[0] })
    })
  })
}

// One request: {method, uri, token?, certificate?, headers?, type?, body?, options?}. A body that is no string is sent as
// JSON; the certificate's name and the options are curl's. Gives {status, headers, text, body}, the body parsed where it
// is JSON.
export function send(
  root,
  { method, uri, token, certificate, headers = {}, type = 'application/json', body, options = [] },
) {
  const data = body === undefined || typeof body === 'string' ? body : JSON.stringify(body)
  const all = { ...headers }
  if (token !== undefined) all.Authorization = `Bearer ${token}`
  if (data !== undefined) {
    all['Content-Type'] ??= type
    all['Content-Length'] = Buffer.byteLength(data)
  }
  if (root.startsWith('https:')) {
    delete all['Content-Length']
    return byCurl(root + uri, method, all, data, certificate, options)
  }
  return new Promise((resolve, reject) => {
    const request = http.request(root + uri, { method, headers: all, agent }, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => resolve(answer(response.statusCode, response.headers, Buffer.concat(chunks))))
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
