// What only the door has: client certificates and what TLS is spoken. Two of OAuth's clients get tokens by a certificate
// (RFC 8705) and use them; every version and suite that node's own library knows is tried, one by one; testssl.sh, if it
// is there, has its own word.
//
//   tclsh tests/judges/judges.tcl ../openapi door-tls
//
// Guards scripts/nginx and ext/host, and the binding of access tokens in registrar/sla.

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import crypto from 'node:crypto'
import fs from 'node:fs'
import https from 'node:https'
import tls from 'node:tls'
import * as oauth from 'oauth4webapi'
import { ask, attempt, finish, form, send, test } from './link.mjs'

const root = await ask('registrar')
// RFC 9068 4 compares a token's iss with the issuer that was discovered.
await ask('sql', 'UPDATE seal_registrar SET identifier = api_root')
const CONFIGURATIONS = '/ss-ipp/v1/configurations'

// --- Client certificates ---------------------------------------------------------------------

const identity = (name) => ({ cert: fs.readFileSync(`tls-${name}.crt`), key: fs.readFileSync(`tls-${name}.pem`) })

// fetch with a client certificate, which node's own has no way to give.
const fetchAs = (name) => (url, init) =>
  new Promise((resolve, reject) => {
    const options = { method: init.method, headers: init.headers, ...identity(name) }
    const request = https.request(url, options, (response) => {
      const chunks = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve(new Response(Buffer.concat(chunks), { status: response.statusCode, headers: response.headers })),
      )
    })
    request.on('error', reject)
    request.end(init.body?.toString())
  })

const issuer = new URL(root)
const client = { client_id: 'v2x.example' }
const scope = 'seal:identity-management seal:key-management'
let server, granted

async function grant(name, id = client) {
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    id,
    oauth.TlsClientAuth(),
    new URLSearchParams({ scope }),
    { [oauth.customFetch]: fetchAs(name) },
  )
  return oauth.processClientCredentialsResponse(server, id, response)
}
// A request with this token, and a certificate or none.
const use = (token, certificate, uri = CONFIGURATIONS) => send(root, { method: 'GET', uri, token, certificate })

await attempt('judges-oauth4webapi.discovery', async () => {
  server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oauth2' }))
  for (const name of ['token_endpoint', 'jwks_uri']) assert(server[name].startsWith(`${root}/`), server[name])
  assert(server.token_endpoint_auth_methods_supported.includes('tls_client_auth'))
  assert.equal(server.tls_client_certificate_bound_access_tokens, true)
})
await attempt('judges-oauth4webapi.grant', async () => {
  granted = await grant('v2x')
  assert.equal(granted.token_type, 'bearer')
  assert.equal(granted.scope, scope)
})
await attempt('judges-oauth4webapi.bound', async () => {
  // RFC 8705 3.1: the hash of the certificate that the token is bound to. (oauth4webapi itself judges no such token.)
  const der = new crypto.X509Certificate(identity('v2x').cert).raw
  const claims = JSON.parse(Buffer.from(granted.access_token.split('.')[1], 'base64url'))
  assert.equal(claims.cnf['x5t#S256'], crypto.createHash('sha256').update(der).digest('base64url'))
  assert.deepEqual([claims.iss, claims.client_id], [root, 'v2x.example'])
})
await attempt('judges-oauth4webapi.use', async () => {
  assert.equal((await use(granted.access_token, 'v2x')).status, 200)
  assert.equal((await use(granted.access_token, 'v2x', '/ss-kir/v1/key-records?val-service-id=v2x')).status, 404)
})
for (const certificate of [undefined, 'other', 'strange', 'ended']) {
  await attempt(`judges-oauth4webapi.use_${certificate ?? 'nobody'}`, async () => {
    const answer = await use(granted.access_token, certificate)
    assert.equal(answer.status, 401)
    assert.match(answer.headers['www-authenticate'], /invalid_token/)
  })
}
for (const [name, id] of [
  ['ended', client],
  ['strange', client],
  ['other', client],
  ['v2x', { client_id: 'other.example' }],
]) {
  await attempt(`judges-oauth4webapi.refused_${name}`, () =>
    assert.rejects(grant(name, id), (error) => error.status === 401 || error.error === 'invalid_client'),
  )
}
await attempt('judges-oauth4webapi.nobody', async () => {
  const body = form({ grant_type: 'client_credentials', client_id: 'v2x.example' })
  const type = 'application/x-www-form-urlencoded'
  const answer = await send(root, { method: 'POST', uri: '/oauth2/v1/token', type, body })
  assert.equal(answer.status, 401)
  assert.equal(answer.body.error, 'invalid_client')
})

// --- Versions, suites, extensions ------------------------------------------------------------

// A handshake: what was agreed upon, or undefined where there was none. A suite without a certificate is one, too.
function handshake(options) {
  return new Promise((resolve) => {
    const socket = tls.connect({ host: issuer.hostname, port: issuer.port, rejectUnauthorized: false, ...options })
    socket.on('secureConnect', () => {
      resolve({ version: socket.getProtocol(), suite: socket.getCipher().standardName, alpn: socket.alpnProtocol })
      socket.destroy()
    })
    socket.on('error', () => resolve(undefined))
    socket.setTimeout(10000, () => socket.destroy(new Error('slow')))
  })
}
const version = (name) => ({ minVersion: name, maxVersion: name, ciphers: 'ALL:@SECLEVEL=0' })
for (const [name, good] of Object.entries({ TLSv1: false, 'TLSv1.1': false, 'TLSv1.2': true, 'TLSv1.3': true })) {
  test(`judges-version.${name}`, (await handshake(version(name)))?.version === (good ? name : undefined))
}

const SUITES = /^TLS_(ECDHE_(ECDSA|RSA)_WITH_)?(AES_(128|256)_GCM_SHA(256|384)|CHACHA20_POLY1305_SHA256)$/
const agreed = []
const known = execFileSync('openssl', ['ciphers', 'ALL:COMPLEMENTOFALL:@SECLEVEL=0'], { encoding: 'utf8' })
const suites = [...new Set([...known.trim().split(':'), ...tls.getCiphers().map((name) => name.toUpperCase())])]
for (const suite of suites.filter((name) => !name.startsWith('TLS_'))) {
  try {
    const found = await handshake({ ...version('TLSv1.2'), ciphers: `${suite}:@SECLEVEL=0` })
    if (found) agreed.push(found.suite)
  } catch (error) {
    // The library has no such suite.
    assert.equal(error.code, 'ERR_SSL_NO_CIPHER_MATCH')
  }
}
for (const suite of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
  agreed.push((await handshake({ ...version('TLSv1.3'), ciphers: suite }))?.suite)
}
console.log(`# ${suites.length} suites tried, agreed upon: ${agreed.join(' ')}`)
test('judges-suites.some', suites.length > 40 && agreed.length >= 6, `${suites.length} ${agreed}`)
test(
  'judges-suites.none_weak',
  agreed.every((suite) => SUITES.test(suite)),
  agreed.join('\n'),
)

for (const [name, offered, expected] of [
  ['h2', ['h2', 'http/1.1'], 'h2'],
  ['http1', ['http/1.1'], 'http/1.1'],
  ['none', undefined, false],
]) {
  const found = await handshake({ ALPNProtocols: offered })
  test(`judges-alpn.${name}`, found?.alpn === expected, JSON.stringify(found))
}
// RFC 7301 3.2: a protocol that is not there ends the handshake.
test('judges-alpn.other', (await handshake({ ALPNProtocols: ['spdy/1'] })) === undefined)

// What openssl's client sees of a connection; it goes on with what is typed.
function openssl(options, typed = '') {
  const target = `${issuer.hostname}:${issuer.port}`
  const { stdout, stderr } = spawnSync('openssl', ['s_client', '-connect', target, ...options], {
    input: typed,
    encoding: 'utf8',
    timeout: 10000,
  })
  return stdout + stderr
}
for (const name of ['-tls1_2', '-tls1_3']) {
  const said = openssl([name, '-comp'])
  test(`judges-compression.${name.slice(1)}`, /Compression: NONE/.test(said), said)
}
// A client that wants to negotiate anew, which TLS 1.3 has no more, is refused.
await attempt('judges-renegotiation.client', async () => {
  const said = openssl(['-tls1_2'], 'R\n')
  assert.match(said, /Secure Renegotiation IS supported/)
  assert.match(said, /RENEGOTIATING/)
  assert.match(said, /no renegotiation/)
})

// --- testssl.sh --------------------------------------------------------------------------------

const program = ['testssl', 'testssl.sh'].find((name) => spawnSync(name, ['--version']).status === 0)
if (program === undefined) {
  console.log('# skipped: testssl.sh is not there (scripts/setup judges)')
} else {
  fs.rmSync('testssl.json', { force: true })
  // Protocols and what is agreed by ALPN, kinds of suites, forward secrecy, the server's defaults, known holes.
  const words = ['--quiet', '--warnings=batch', '--color=0', '--fast', '--jsonfile=testssl.json', '-p', '-s', '-f', '-U']
  spawnSync(program, [...words, root.slice(8)], { encoding: 'utf8', timeout: 200000 })
  const all = JSON.parse(fs.readFileSync('testssl.json', 'utf8'))
  for (const one of all.filter(({ severity }) => !['OK', 'INFO'].includes(severity)))
    console.log(`# testssl: ${one.severity} ${one.id} ${one.finding}`)
  const bad = all.filter(({ severity }) => ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL', 'FATAL'].includes(severity))
  console.log(`# testssl: ${all.length} findings, ${bad.length} weak`)
  test('judges-testssl.enough', all.length > 40, `${all.length}`)
  test('judges-testssl.weak', bad.length === 0, bad.map((one) => `${one.severity} ${one.id}: ${one.finding}`).join('\n'))
}
finish()
