// Clients that nobody of this project wrote: two that are driven by the official files do each operation in their own
// serialisation, and two of OAuth discover the registrar, get a token by private_key_jwt and validate it.
//
//   tclsh tests/judges/judges.tcl ../openapi clients
//
// Guards ext/messages (uri.c, api_*.c) and the access tokens of registrar/sla.

import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import { createRequire } from 'node:module'
import * as oauth from 'oauth4webapi'
import * as openid from 'openid-client'
import { ask, attempt, finish, send } from './link.mjs'
import { official } from './official.mjs'

const require = createRequire(import.meta.url)
const SwaggerClient = require('swagger-client')
const OpenAPIClientAxios = require('openapi-client-axios').default

const root = await ask('registrar')
const token = await ask('access_token')

// --- Those that read the official files ------------------------------------------------------

// Both as (operationId, parameters, body) that gives {status, headers, body}.

function swaggerClient(api, credential = token) {
  return async (operationId, parameters = {}, requestBody) => {
    const answer = await SwaggerClient.execute({
      spec: api,
      operationId,
      parameters,
      requestBody,
      serverVariables: { apiRoot: root },
      securities: { authorized: { oAuth2ClientCredentials: { token: { access_token: credential, token_type: 'Bearer' } } } },
    })
    return { status: answer.status, headers: answer.headers, body: answer.body }
  }
}

async function axiosClient(api) {
  const client = await new OpenAPIClientAxios({
    definition: structuredClone(api),
    quick: true,
    withServer: { url: api.servers[0].url.replace('{apiRoot}', root) },
    axiosConfigDefaults: { headers: { Authorization: `Bearer ${token}` } },
  }).init()
  const types = Object.fromEntries(
    Object.values(api.paths)
      .flatMap((item) => Object.values(item))
      .map((operation) => [operation.operationId, Object.keys(operation.requestBody?.content ?? {})[0]]),
  )
  return async (operationId, parameters = {}, body) => {
    const answer = await client[operationId](
      parameters,
      body,
      body && { headers: { 'Content-Type': types[operationId] } },
    )
    return { status: answer.status, headers: answer.headers, body: answer.data }
  }
}

const services = (user) => [{ valServiceId: 'v2x', idList: [{ valUserId: user }, { valUeId: 'ue/1 &=?é' }] }]

async function provision(name, makeClient) {
  const idm = await makeClient(official('TS29549_SS_IdmParameterProvisioning.yaml'))
  const ids = []
  let confId
  await attempt(`judges-clients.${name}.post`, async () => {
    for (const user of ['alice', 'bob']) {
      const answer = await idm('CreateValServiceConf', {}, { valSvcConf: services(user), suppFeat: '0' })
      assert.equal(answer.status, 201)
      ids.push(answer.headers.location.split('/').pop())
    }
    confId = ids[0]
  })
  await attempt(`judges-clients.${name}.get`, async () => {
    const answer = await idm('RetrieveIndValServicesConf', { confId })
    assert.equal(answer.status, 200)
    assert.deepEqual(
      new Set(answer.body.valSvcConf[0].idList.map((id) => id.valUserId ?? id.valUeId)),
      new Set(['alice', 'ue/1 &=?é']),
    )
  })
  for (const [which, parameters, n] of [
    ['all', {}, 2],
    ['one', { 'config-ids': [ids[1]] }, 1],
    ['both', { 'config-ids': ids }, 2],
    ['mine', { 'val-server-id': 'v2x.example', 'config-ids': ids }, 2],
    ['other', { 'val-server-id': 'other.example' }, 0],
  ]) {
    await attempt(`judges-clients.${name}.list.${which}`, async () => {
      const answer = await idm('RetrieveValServiceConf', parameters)
      assert.equal(answer.status, 200)
      assert.equal(answer.body.length, n)
    })
  }
  await attempt(`judges-clients.${name}.put`, async () => {
    const answer = await idm('UpdateIndValServicesConf', { confId }, { valSvcConf: services('carol') })
    assert.equal(answer.status, 200)
    assert(answer.body.valSvcConf[0].idList.some((id) => id.valUserId === 'carol'))
  })
  await attempt(`judges-clients.${name}.patch`, async () => {
    const answer = await idm('ModifyIndValServicesConf', { confId }, { valSvcConf: services('dave') })
    assert.equal(answer.status, 200)
    assert(answer.body.valSvcConf[0].idList.some((id) => id.valUserId === 'dave'))
  })
  await attempt(`judges-clients.${name}.delete`, async () => {
    for (const id of ids) assert.equal((await idm('DeleteIndValServicesConf', { confId: id })).status, 204)
    await assert.rejects(
      idm('RetrieveIndValServicesConf', { confId }),
      (error) => (error.status ?? error.response.status) === 404,
    )
  })

  const kpp = await makeClient(official('TS29549_SS_KMParametersProvisioning.yaml'))
  const kir = await makeClient(official('TS29549_SS_KeyInfoRetrieval.yaml'))
  await attempt(`judges-clients.${name}.keys`, async () => {
    for (const target of [undefined, { valUserId: 'bob & co' }, { valUeId: 'ue/1' }]) {
      const payload = Buffer.from(`key of ${JSON.stringify(target)}`).toString('base64')
      const answer = await kpp(
        'Request',
        {},
        { skmcUri: 'sip:skmc@v2x.example', valServiceId: 'v2x', payload, ...(target && { valTgtUe: target }) },
      )
      assert.equal(answer.status, 200)
    }
  })
  for (const [which, target] of [
    ['service', undefined],
    ['user', { valUserId: 'bob & co' }],
    ['ue', { valUeId: 'ue/1' }],
  ]) {
    await attempt(`judges-clients.${name}.key.${which}`, async () => {
      const answer = await kir('RetrieveKeyMgmtInfo', {
        'val-service-id': 'v2x',
        ...(target && { 'val-tgt-ue': target }),
      })
      assert.equal(answer.status, 200)
      assert.equal(answer.body.keyInfo, `key of ${JSON.stringify(target)}`)
    })
  }
}

await provision('swagger-client', swaggerClient)
await provision('openapi-client-axios', axiosClient)

// What a SEAL server asks, with a credential of its own for each request.
const VSD = '/ss-vsd/v1/val-servdata'
if ((await send(root, { method: 'GET', uri: VSD, token: await ask('assertion', 'sims') })).status === 404) {
  console.log(`# skipped: ${VSD} is not there yet`)
} else {
  const users = ['vsd 1', 'vsd,2']
  await send(root, {
    method: 'POST',
    uri: '/ss-ipp/v1/configurations',
    token,
    body: { valSvcConf: [{ valServiceId: 'u v', idList: users.map((valUserId) => ({ valUserId })) }] },
  })
  for (const [name, parameters, n] of [
    ['user', { 'val-tgt-ues': [{ valUserId: users[0] }] }, 1],
    ['users', { 'val-tgt-ues': users.map((valUserId) => ({ valUserId })) }, 2],
    ['service', { 'val-service-ids': ['u v', 'none'] }, 2],
    ['both', { 'val-tgt-ues': [{ valUserId: users[1] }], 'val-service-ids': ['u v'], 'supp-feats': '1' }, 1],
  ]) {
    await attempt(`judges-clients.swagger-client.vsd.${name}`, async () => {
      const api = official('TS29549_SS_VALServiceData.yaml')
      const answer = await swaggerClient(api, await ask('assertion', 'sims'))('RetrieveValServData', parameters)
      assert.equal(answer.status, 200)
      assert.equal(answer.body.valServData.length, n)
      for (const one of answer.body.valServData) assert(one.valServIds.includes('u v'))
    })
  }
}

// --- OAuth's ---------------------------------------------------------------------------------

// RFC 9068 4 compares a token's iss with the issuer that was discovered: the registrar's identifier has to be its URL.
await ask('registrar')
await ask('sql', 'UPDATE seal_registrar SET identifier = api_root')
const pem = await ask('private_key', 'v2x')
const der = crypto.createPrivateKey(pem).export({ type: 'pkcs8', format: 'der' })
const key = await crypto.subtle.importKey('pkcs8', der, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const wrongDer = crypto.createPrivateKey(await ask('private_key', 'other')).export({ type: 'pkcs8', format: 'der' })
const wrongKey = await crypto.subtle.importKey('pkcs8', wrongDer, { name: 'ECDSA', namedCurve: 'P-256' }, false, [
  'sign',
])
const insecure = { [oauth.allowInsecureRequests]: true }
const client = { client_id: 'v2x.example' }
const issuer = new URL(root)
let server, granted

async function grant(privateKey, scope) {
  const response = await oauth.clientCredentialsGrantRequest(
    server,
    client,
    oauth.PrivateKeyJwt(privateKey),
    new URLSearchParams(scope ? { scope } : {}),
    insecure,
  )
  return oauth.processClientCredentialsResponse(server, client, response)
}
const bearer = (value) =>
  new Request(`${root}/ss-ipp/v1/configurations`, { headers: { Authorization: `Bearer ${value}` } })

await attempt('judges-clients.oauth4webapi.discovery', async () => {
  const response = await oauth.discoveryRequest(issuer, { algorithm: 'oauth2', ...insecure })
  server = await oauth.processDiscoveryResponse(issuer, response)
})
await attempt('judges-clients.oauth4webapi.grant', async () => {
  granted = await grant(key, 'seal:identity-management seal:key-management')
  assert.equal(granted.token_type, 'bearer')
  assert.equal(granted.scope, 'seal:identity-management seal:key-management')
  assert(granted.expires_in > 0)
})
await attempt('judges-clients.oauth4webapi.validate', async () => {
  const claims = await oauth.validateJwtAccessToken(server, bearer(granted.access_token), root, insecure)
  assert.equal(claims.client_id, 'v2x.example')
  assert.equal(claims.iss, root)
})
await attempt('judges-clients.oauth4webapi.audience', () =>
  assert.rejects(oauth.validateJwtAccessToken(server, bearer(granted.access_token), 'https://other.example', insecure)),
)
await attempt('judges-clients.oauth4webapi.use', async () => {
  assert.equal((await fetch(bearer(granted.access_token))).status, 200)
})
await attempt('judges-clients.oauth4webapi.wrong_key', () =>
  assert.rejects(grant(wrongKey), (error) => error.status === 401 && error.cause[0].scheme === 'private_key_jwt'),
)
await attempt('judges-clients.oauth4webapi.wrong_scope', () =>
  assert.rejects(grant(key, 'nothing'), (error) => error.status === 400 && error.error === 'invalid_scope'),
)
await attempt('judges-clients.oauth4webapi.challenge', async () => {
  const response = await oauth
    .protectedResourceRequest(
      'not.a.token',
      'GET',
      new URL(`${root}/ss-ipp/v1/configurations`),
      undefined,
      undefined,
      insecure,
    )
    .catch((error) => error)
  assert.equal(response.cause[0].scheme, 'bearer')
  assert.equal(response.cause[0].parameters.error, 'invalid_token')
})

await attempt('judges-clients.openid-client', async () => {
  const config = await openid.discovery(issuer, 'v2x.example', undefined, openid.PrivateKeyJwt(key), {
    algorithm: 'oauth2',
    execute: [openid.allowInsecureRequests],
  })
  const tokens = await openid.clientCredentialsGrant(config, { scope: 'seal:identity-management' })
  assert.equal(tokens.scope, 'seal:identity-management')
  const response = await openid.fetchProtectedResource(
    config,
    tokens.access_token,
    new URL(`${root}/ss-ipp/v1/configurations`),
    'GET',
  )
  assert.equal(response.status, 200)
  assert.deepEqual(await response.json(), [])
})
finish()
