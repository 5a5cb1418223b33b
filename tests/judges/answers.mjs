// Each operation of the official files with each status that the registrar can give: a request that brings it, and
// what the judges say of the answer. Prints the table: rows are operations, columns are statuses; "ok", "~" a
// deviation with a reason (deviations.mjs), "NO" one without, "." a status that this operation can't have.
//
//   tclsh tests/judges/judges.tcl ../openapi answers
//
// Where the registrar is behind its door (judges.tcl, part door), who asks has a client certificate as well as a token;
// with SEAL_PRISM the requests go by Prism, a proxy that validates both ways by the file. Resources of our own, which no
// file has, are in the table too.
//
// Guards what ext/messages/dispatch.c answers: bodies, media types, headers; and ext/host.

import { ask, finish, form, send, test } from './link.mjs'
import { answers, faults, has, official, operations, prism, schema } from './official.mjs'
import { deviations, unused } from './deviations.mjs'

const COLUMNS = [200, 201, 204, 400, 401, 403, 404, 405, 406, 409, 413, 415, 429, 500, 503]
const ASSERTION = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
const IPP = '/ss-ipp/v1/configurations'
const BUNDLES = '/seal-bundles/v1/bundles'
const KMPP = '/ss-kmpp/v1/configurations'
const root = await ask('registrar')
const tls = root.startsWith('https:')
const byPrism = process.env.SEAL_PRISM !== undefined
let count = 0

// How the requests of the table go to the registrar.
let go = (request) => send(root, request)

// --- What is asked ---------------------------------------------------------------------------

const token = await ask('access_token')
const sims = () => ask('assertion', 'sims')
const body184 = () => ({ valServerId: 'v2x.example', ...body185() })
const body185 = () => ({
  suppFeat: 'f',
  valSvcConf: [
    { valServiceId: 'v2x', idList: [{ valUserId: `user-${count++}` }, { valUeId: `ue-${count++}` }] },
    { valServiceId: 'uav', idList: [{ valUserId: `user-${count++}` }] },
  ],
})
const keyRequest = () => ({
  skmcUri: 'sip:skmc@v2x.example',
  valServiceId: 'v2x',
  valTgtUe: { valUserId: `user-${count++}` },
  payloadId: 'p-1',
  payload: 'a2V5',
  suppFeat: '1',
})

const keyBody = () => ({ valSvcConf: [{ valServiceId: `v2x-${count++}`, keyFormat: 'SEAL-KM-1', scope: 'location' }] })
const records = (body) => ({
  valSvcConf: [{ ...body.valSvcConf[0], keyRecords: [{ keyInfo: 'key' }, { valUserId: 'user', keyInfo: 'other' }] }],
})

// A configuration of v2x.example, fresh for a request that needs one: its URI.
async function configuration(uri = IPP) {
  const body = uri === IPP ? body185() : keyBody()
  const answer = await send(root, { method: 'POST', uri, token, body })
  return new URL(answer.headers.location).pathname
}
const tokenRequest = async (members = {}) => ({
  method: 'POST',
  uri: '/oauth2/v1/token',
  type: 'application/x-www-form-urlencoded',
  body: form({
    grant_type: 'client_credentials',
    client_assertion_type: ASSERTION,
    client_assertion: await ask('assertion', 'v2x'),
    scope: 'seal:identity-management seal:key-management',
    ...members,
  }),
})

// Has the SLA, the clock or the connection be so, while some requests are made.
const sla = (set, back) => async (work) => {
  await ask('sql', set)
  const result = await work()
  await ask('sql', back)
  return result
}
const suspended = sla(
  "UPDATE seal_agreement SET status = 'suspended' WHERE at IS NULL",
  "UPDATE seal_agreement SET status = 'active' WHERE at IS NULL",
)
const noRate = sla(
  'UPDATE seal_term SET allowed_invocations_per_second = 0 WHERE at IS NULL',
  'UPDATE seal_term SET allowed_invocations_per_second = NULL WHERE at IS NULL',
)
const nobody = sla(
  "UPDATE seal_val_server SET status = 'suspended' WHERE at IS NULL",
  "UPDATE seal_val_server SET status = 'active' WHERE at IS NULL",
)
const noTerm = sla(
  "UPDATE seal_term SET stop_time = '2020-01-01' WHERE at IS NULL",
  'UPDATE seal_term SET stop_time = NULL WHERE at IS NULL',
)
const noQuota = sla(
  'UPDATE seal_term SET max_identities = 0, max_key_records = 0 WHERE at IS NULL',
  'UPDATE seal_term SET max_identities = NULL, max_key_records = NULL WHERE at IS NULL',
)
async function clockBack(work) {
  await ask('clock', '-3600')
  const result = await work()
  await ask('clock')
  return result
}
async function locked(work) {
  await ask('connection', 'locked')
  const result = await work()
  await ask('connection', 'db')
  return result
}

// The requests of each status, for an operation that `make` gives a good request of: {status: [function that gives an
// answer]}. The options: `good`, the status of such a request; `body`, it has one; `empty`, {} is a right one; `other`
// makes another body for the same message; `key`, whose credential it needs; `unauthorized: false`, the body is the
// credential; `oneTime: false`, it needs an access token. `own` has more cases by status: each is given `again`, which
// sends such a request with changes, and `during`, which does so while a condition holds.
function cases(make, { body, good, own = {}, unauthorized = true, oneTime = true, empty = false, other, key = 'v2x' }) {
  const again = async (change = {}) => {
    const request = { ...(await make()), ...change }
    return go(request)
  }
  // Made before things are so, sent while they are.
  const during = async (condition, change = {}) => {
    const request = { ...(await make()), ...change }
    return condition(() => go(request))
  }
  const all = {}
  const add = (status, ...more) => {
    all[status] = [...(all[status] ?? []), ...more]
  }
  add(good, (change) => again(change))
  // Who has a certificate needs no token, but where a scope is asked for. And by HTTP/1.1, where all others are by HTTP/2.
  if (tls && !byPrism) {
    if (unauthorized && oneTime) {
      add(good, () => again({ token: undefined, certificate: key }))
      add(401, ...['ended', 'strange'].map((certificate) => () => again({ token: undefined, certificate })))
    }
    add(good, () => again({ options: ['--http1.1'] }))
  }
  if (unauthorized) {
    add(
      401,
      () => again({ token: 'not.a.token' }),
      async () => again({ token: await ask('assertion', `${key} exp 1000000000`) }),
    )
    if (oneTime) {
      add(401, async () => {
        const used = await ask('assertion', key)
        await again({ token: used })
        return again({ token: used })
      })
    }
    add(403, () => again({ token: undefined }))
    if (key === 'v2x') {
      add(
        403,
        () => during(suspended),
        () => during(nobody),
        () => during(noTerm),
      )
      add(429, () => during(noRate))
    }
    add(500, async () => during(clockBack, { token: await ask('assertion', key) }))
  }
  add(406, () => again({ headers: { Accept: 'text/html' } }))
  if (body) {
    // Prism never answers the first.
    if (!byPrism) add(400, () => again({ body: '{' }))
    add(400, () => again({ body: '[]' }))
    if (!empty)
      add(
        400,
        () => again({ body: '{}' }),
        () => again({ body: '{"valSvcConf":[]}' }),
      )
    add(413, () => again({ body: `"${'x'.repeat(16 * 1024 * 1024)}"` }))
    add(415, () => again({ headers: { 'Content-Type': 'text/plain' } }))
    if (other) {
      add(409, async () => {
        const headers = { 'Idempotency-Key': `again-${count++}` }
        const first = await make()
        await go({ ...first, headers })
        return go({ ...first, headers, body: other() })
      })
    }
  }
  for (const [status, list] of Object.entries(own)) {
    add(status, ...list.map((one) => async () => one(again, during)))
  }
  return all
}

// A configuration whose identities the operator took away: those of a VAL service, or all.
const emptied = (which) => async (again) => {
  const uri = await configuration()
  await ask('sql', `DELETE FROM seal_identity WHERE conf_id = '${uri.split('/').pop()}' AND ${which} AND at IS NULL`)
  return again({ uri })
}
const lost = (uri) => (again) => again({ uri: `${uri}/none` })
// Another VAL server's configuration is as one that is not there.
const others = async (again) => again({ token: await ask('assertion', 'other') })

// The operations on configurations: of identities, or at KMPP of key parameters.
function configurations(newBody, at = IPP) {
  const keys = at === KMPP
  const whole = () => (keys ? records(newBody()) : newBody())
  const single = async (method, rest = {}) => ({ method, uri: await configuration(at), token, ...rest })
  return {
    'post /configurations': cases(() => ({ method: 'POST', uri: at, token, body: newBody() }), {
      body: true,
      good: 201,
      other: newBody,
      own: {
        201: [(again) => again({ body: whole() })],
        403: [
          (again, during) => during(noQuota, { body: whole() }),
          (again) => again({ body: { ...newBody(), valServerId: 'other.example' } }),
          ...(keys ? [async (again) => again({ body: whole(), token: await ask('assertion', 'v2x') })] : []),
        ],
        ...(keys && { 503: [(again, during) => during(locked, { body: whole() })] }),
      },
    }),
    'get /configurations': cases(() => ({ method: 'GET', uri: at, token }), {
      good: 200,
      own: {
        200: [
          async (again) =>
            again({ uri: `${at}?val-server-id=v2x.example&config-ids=${(await configuration(at)).split('/').pop()}` }),
          (again) => again({ uri: `${at}?val-server-id=other.example` }),
        ],
        400: [(again) => again({ uri: `${at}?config-ids=` })],
      },
    }),
    'get /configurations/{confId}': cases(() => single('GET'), {
      good: 200,
      own: { 200: keys ? [] : [emptied("val_service_id = 'v2x'"), emptied('true')], 404: [lost(at), others] },
    }),
    'put /configurations/{confId}': cases(() => single('PUT', { body: newBody() }), {
      body: true,
      good: 200,
      other: newBody,
      own: {
        404: [
          lost(at),
          async (again) => again({ token: await ask('assertion', 'other'), body: keys ? newBody() : body185() }),
        ],
      },
    }),
    'patch /configurations/{confId}': cases(
      () => single('PATCH', { type: 'application/merge-patch+json', body: { valSvcConf: newBody().valSvcConf } }),
      {
        body: true,
        empty: true,
        good: 200,
        other: () => ({ valSvcConf: newBody().valSvcConf }),
        own: {
          200: [(again) => again({ body: '{}' })],
          400: [(again) => again({ body: '{"valSvcConf":[]}' })],
          404: [lost(at), others],
        },
      },
    ),
    'delete /configurations/{confId}': cases(() => single('DELETE'), { good: 204, own: { 404: [lost(at), others] } }),
  }
}

// The place of the newest bundle, which a SEAL server asks after.
async function newestPlace() {
  const bundle = await send(root, { method: 'GET', uri: BUNDLES, token: await sims() })
  return JSON.parse(Buffer.from(bundle.text.split('.')[1], 'base64url')).to
}
const kmRequest = () => ({
  version: '1.0.0',
  sKmsUri: 'https://skms.example',
  serviceId: 'km',
  userId: 'bob',
  dateTime: Math.floor(Date.now() / 1000),
})
// What anybody may read.
const open = (at) => ({
  [`get ${at}`]: cases(() => ({ method: 'GET', uri: `/.well-known${at}` }), { good: 200, unauthorized: false }),
})

// --- The files, and a table for each ---------------------------------------------------------

const apis = [
  [
    'TS29549_SS_IdmParameterProvisioning.yaml',
    'ss-ipp V18.5.0',
    configurations(body185),
    IPP.replace('/configurations', ''),
  ],
  [
    'V18.4.0/TS29549_SS_IdmParameterProvisioning.yaml',
    'ss-ipp V18.4.0',
    configurations(body184),
    IPP.replace('/configurations', ''),
  ],
  [
    'TS29549_SS_KMParametersProvisioning.yaml',
    'ss-kpp',
    {
      'post /request': cases(() => ({ method: 'POST', uri: '/ss-kpp/v1/request', token, body: keyRequest() }), {
        body: true,
        good: 200,
        oneTime: false,
        other: keyRequest,
        own: {
          200: [(again) => again({ body: { skmcUri: 'sip:s@v2x.example', valServiceId: 'v2x', payload: 'a2V5' } })],
          403: [
            async (again) => again({ token: await ask('access_token', 'seal:identity-management') }),
            (again, during) => during(noQuota),
          ],
          503: [(again, during) => during(locked)],
        },
      }),
    },
    '/ss-kpp/v1',
  ],
  [
    'TS29549_SS_KeyInfoRetrieval.yaml',
    'ss-kir',
    {
      'get /key-records': cases(
        async () => {
          const body = keyRequest()
          await send(root, { method: 'POST', uri: '/ss-kpp/v1/request', token, body })
          return {
            method: 'GET',
            uri: `/ss-kir/v1/key-records?val-service-id=v2x&valUserId=${body.valTgtUe.valUserId}`,
            token,
          }
        },
        {
          good: 200,
          oneTime: false,
          own: {
            200: [(again) => again({ uri: '/ss-kir/v1/key-records?val-service-id=v2x' })],
            400: ['', '?val-service-id=', '?val-service-id=v2x&other=1', '?val-service-id=v2x&val-tgt-ue=%7B'].map(
              (query) => (again) => again({ uri: `/ss-kir/v1/key-records${query}` }),
            ),
            403: [async (again) => again({ token: await ask('access_token', 'seal:identity-management') })],
            404: [(again) => again({ uri: '/ss-kir/v1/key-records?val-service-id=v2x&valUserId=nobody' })],
            503: [(again, during) => during(locked)],
          },
        },
      ),
    },
    '/ss-kir/v1',
  ],
  [
    'TS29549_SS_VALServiceData.yaml',
    'ss-vsd',
    {
      'get /val-servdata': cases(async () => ({ method: 'GET', uri: '/ss-vsd/v1/val-servdata', token: await sims() }), {
        good: 200,
        key: 'sims',
        own: {
          200: [
            'val-service-ids=v2x',
            'val-service-ids=v2x&val-service-ids=uav',
            'supp-feats=1',
            `val-tgt-ues=${encodeURIComponent('{"valUserId":"user-0"}')}`,
          ].map((query) => (again) => again({ uri: `/ss-vsd/v1/val-servdata?${query}` })),
          400: ['val-service-ids=', 'supp-feats=x', 'val-tgt-ues=%7B'].map(
            (query) => (again) => again({ uri: `/ss-vsd/v1/val-servdata?${query}` }),
          ),
        },
      }),
    },
    '/ss-vsd/v1',
  ],
  [
    'TS29510_Nnrf_AccessToken.yaml',
    'oauth2',
    {
      'post /oauth2/token': cases(tokenRequest, {
        body: true,
        good: 200,
        unauthorized: false,
        other: undefined,
        own: {
          400: [null, { grant_type: 'password' }, { scope: 'nothing' }].map(
            (members) => async (again) =>
              again({
                body:
                  members === null ? 'grant_type=client_credentials&grant_type=x' : (await tokenRequest(members)).body,
              }),
          ),
          401: [{ client_assertion: 'not.a.token' }, { client_assertion: '' }, { client_id: 'other.example' }].map(
            (members) => async (again) => again({ body: (await tokenRequest(members)).body }),
          ),
          429: [
            async () => {
              const requests = []
              for (let i = 0; i < 20; i++) requests.push(await tokenRequest())
              await ask('clock', '0')
              const given = await Promise.all(requests.map((request) => go(request)))
              await ask('clock')
              return given.find((answer) => answer.status === 429) ?? given.pop()
            },
          ],
          500: [(again, during) => during(clockBack)],
          503: [(again, during) => during(locked)],
        },
      }),
    },
    '/oauth2/v1',
  ],
  ['', 'ss-kmpp', configurations(keyBody, KMPP), KMPP.replace('/configurations', '')],
  [
    '',
    'skm',
    {
      'post /km-request': cases(
        async () => {
          const target = { valTgtUe: { valUserId: 'bob' } }
          await send(root, {
            method: 'POST',
            uri: '/ss-kpp/v1/request',
            token,
            body: { ...keyRequest(), ...target, valServiceId: 'km' },
          })
          return { method: 'POST', uri: '/skm/v1/km-request', token, body: kmRequest() }
        },
        {
          body: true,
          good: 200,
          oneTime: false,
          own: {
            400: [(again) => again({ body: { ...kmRequest(), dateTime: 1 } })],
            403: [async (again) => again({ token: await ask('access_token', 'seal:identity-management') })],
            404: [(again) => again({ body: { ...kmRequest(), serviceId: 'none' } })],
            503: [(again, during) => during(locked)],
          },
        },
      ),
    },
    '/skm/v1',
  ],
  [
    '',
    'seal-bundles',
    {
      'get /bundles': cases(async () => ({ method: 'GET', uri: BUNDLES, token: await sims() }), {
        good: 200,
        key: 'sims',
        own: {
          204: [async (again) => again({ uri: `${BUNDLES}?since=${await newestPlace()}` })],
          400: [(again) => again({ uri: `${BUNDLES}?since=x` })],
          403: [(again) => again({ token })],
          503: [(again, during) => during(locked)],
        },
      }),
    },
    '/seal-bundles/v1',
  ],
  ['', '.well-known', { ...open('/jwks.json'), ...open('/oauth-authorization-server') }, '/.well-known'],
]

const problemDetails = schema(official('TS29549_SS_KeyInfoRetrieval.yaml'), 'TS29122_CommonData_ProblemDetails')

// What no official file says of an answer, but what it refers to does: TS 29.500 5.2.7.2, RFC 6750, 9110 and 6585.
function besides(answer, method) {
  const found = []
  const header = (name, pattern) => {
    if (!pattern.test(answer.headers[name] ?? '')) found.push(`header ${name} is ${answer.headers[name]}`)
  }
  if (/problem/.test(answer.headers['content-type'] ?? '')) {
    if (!problemDetails(answer.body)) found.push(`body: ${faults(problemDetails)}`)
    if (answer.body.status !== answer.status) found.push(`body: status ${answer.body.status}`)
    if (!/^[A-Z_]+$/.test(answer.body.cause)) found.push(`body: cause ${answer.body.cause}`)
  } else if (answer.status >= 400 && (answer.body?.error ?? answer.body?.errorCode) === undefined) {
    found.push('body: neither ProblemDetails nor an error of RFC 6749 or TS 33.434 5.3.3')
  }
  if (answer.status === 201) header('location', /^https?:/)
  if (answer.status === 204 && answer.text !== '') found.push('body: 204 has one')
  if (answer.status === 401) header('www-authenticate', /./)
  if (answer.status === 405) header('allow', /^[A-Z, ]+$/)
  if (answer.status === 415 && method === 'patch') header('accept-patch', /^application\/merge-patch\+json$/)
  if (answer.status === 429) header('retry-after', /^[0-9]+$/)
  return found
}

// HEAD is answered as GET, without a body (RFC 9110 9.3.2).
async function head(row, get) {
  const answer = await get({ method: 'HEAD' })
  const whole = await get()
  const same = ['status', 'text'].map((name) => answer[name] === (name === 'text' ? '' : whole[name]))
  same.push(answer.headers['content-type'] === whole.headers['content-type'])
  test(`judges-answers.${row.replace(/[ ]/g, '_')}.head`, same.every(Boolean), JSON.stringify([answer, whole]))
}

// What Prism says of an answer that came by it. Of a request it has something to say where that is a wrong one.
const prismSaid = { request: 0, response: 0 }
function violations(answer) {
  const all = JSON.parse(answer.headers['sl-violations'] ?? '[]')
  for (const one of all) prismSaid[one.location[0]]++
  return all
    .filter((one) => one.location[0] === 'response')
    .map((one) => `Prism: ${one.location.join('.')} ${one.message}`)
}
// The versions of HTTP that answers came in.
const versions = new Set()

// A cell of the table: all its requests, and what was found.
async function cell(row, method, at, judge, status, list) {
  const found = []
  for (const one of list) {
    // The token endpoint allows 10 requests in a second.
    if (row.startsWith('oauth2')) await ask('sql', 'DELETE FROM seal_val_server_rate')
    const answer = await one()
    if (answer.status !== status) {
      found.push(`the status is ${answer.status}: ${answer.text.slice(0, 300)}`)
      continue
    }
    if (tls && !byPrism) versions.add(answer.version)
    for (const text of [...judge(method, at, answer), ...besides(answer, method), ...violations(answer)]) {
      if (!deviations(row, status, text)) found.push(text)
      else list.known = true
    }
  }
  test(`judges-answers.${row.replace(/[ ]/g, '_')}.${status}`, found.length === 0, [...new Set(found)].join('\n'))
  return found.length > 0 ? 'NO' : list.known ? '~' : 'ok'
}

// That the judges judge: of a right answer each of these changes is found.
const own = await answers(official('TS29549_SS_IdmParameterProvisioning.yaml'))
const right = await send(root, { method: 'POST', uri: IPP, token, body: body185() })
for (const [name, change] of Object.entries({
  location: { headers: { ...right.headers, location: undefined } },
  type: { headers: { ...right.headers, 'content-type': 'application/problem+json' } },
  member: { body: { ...right.body, valSvcConf: undefined } },
  ids: { body: { ...right.body, valSvcConf: [{ valServiceId: 'v2x', idList: [{ valUserId: 'a', valUeId: 'b' }] }] } },
  features: { body: { ...right.body, suppFeat: 'x' } },
  status: { status: 403 },
})) {
  const changed = JSON.parse(JSON.stringify({ ...right, ...change }))
  const found = [...own('post', '/configurations', changed), ...besides(changed, 'post')]
  test(`judges-answers.judge.${name}`, found.length > 0 && own('post', '/configurations', right).length === 0)
}

const table = []
const totals = { ok: 0, '~': 0, NO: 0 }
for (const [file, label, rows, base] of apis) {
  if (file !== '' && !has(file)) {
    console.log(`# skipped: there is no ${file}`)
    continue
  }
  // The older body is the same to the door itself.
  if (tls && !byPrism && label.endsWith('V18.4.0')) continue
  // Of what is ours there is no file, and so no judge.
  if (file === '' && byPrism) continue
  const api = file === '' ? undefined : official(file)
  const judge = api ? await answers(api) : () => []
  const front = byPrism ? await prism(api, root + base) : undefined
  if (front) go = (request) => send(front.url, { ...request, uri: request.uri.slice(base.length) })
  if (api) {
    const listed = operations(api)
      .map(({ method, path }) => `${method} ${path}`)
      .sort()
    test(
      `judges-answers.${label.replace(/ /g, '_')}.rows`,
      JSON.stringify(listed) === JSON.stringify(Object.keys(rows).sort()),
      listed.join('\n'),
    )
  }
  for (const [row, all] of Object.entries(rows)) {
    const [method, at] = row.split(' ')
    // A method that the file does not have, of the same resource.
    all[405] = [
      () => send(root, { method: 'TRACE', uri: base + at.replace('{confId}', 'c').replace('/oauth2/', '/'), token }),
    ]
    // Prism has its own word on these.
    if (byPrism) for (const status of [405, 413]) delete all[status]
    else if (method === 'get') await head(`${label} ${row}`, all[200][0])
    const cells = []
    for (const status of COLUMNS) {
      const mark = all[status] ? await cell(`${label} ${row}`, method, at, judge, status, all[status]) : '.'
      cells.push(mark.padStart(4))
      if (mark !== '.') totals[mark]++
    }
    table.push(`${`${label} ${row}`.padEnd(48)}${cells.join('')}`)
  }
  front?.close()
}
console.log(`${''.padEnd(48)}${COLUMNS.map((status) => String(status).padStart(4)).join('')}`)
for (const line of table) console.log(line)
console.log(`${totals.ok} ok, ${totals['~']} known deviations, ${totals.NO} deviations`)
if (byPrism) test('judges-answers.prism', prismSaid.request > 50 && prismSaid.response > 0, JSON.stringify(prismSaid))
else if (tls) test('judges-answers.versions', [...versions].sort().join(' ') === 'HTTP/1.1 HTTP/2', [...versions].join())
test('judges-answers.deviations', unused().length === 0, `no longer there: ${unused().join('; ')}`)
finish()
