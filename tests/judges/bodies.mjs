// Random bodies: json-schema-faker makes them from the official schemas, or a mutation breaks them; Ajv says which are
// right, and the registrar has to agree: accepted, and answered with what was asked, or refused with 400.
//
//   SEAL_SEED=7 SEAL_BODIES=5000 tclsh tests/judges/judges.tcl ../openapi bodies
//
// The same seed (default 1) makes the same bodies; so many (default 1000) right ones and mutations for each operation.
// What the registrar's own, documented limits refuse of a right body is said in limit(), and is expected to be refused.
// Guards ext/messages/body.c and api_kpp.c.

import { createGeneratorSync } from 'json-schema-faker'
import { ask, finish, send, test } from './link.mjs'
import { faults, has, official, schema } from './official.mjs'

const seed = Number(process.env.SEAL_SEED ?? 1)
const rounds = Number(process.env.SEAL_BODIES ?? 1000)
const shown = 5
const root = await ask('registrar')
const token = await ask('access_token')

// --- Chance ----------------------------------------------------------------------------------

let state = seed
// Mulberry32: a number from 0 to n - 1.
function random(n) {
  state = (state + 0x6d2b79f5) | 0
  let t = Math.imul(state ^ (state >>> 15), 1 | state)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) % n
}
const pick = (list) => list[random(list.length)]

const letters = [
  'a',
  'Z',
  '0',
  '-',
  '.',
  '@',
  '/',
  ' ',
  '"',
  '\\',
  '%',
  "'",
  '<',
  'é',
  '€',
  '車',
  '\u{1f697}',
  '\u0080',
  '\u2028',
  '',
]
function word() {
  if (random(40) === 0)
    return pick([
      '',
      'x'.repeat(255),
      'x'.repeat(256),
      'é'.repeat(127),
      'é'.repeat(128),
      'a\u0000b',
      'a\nb',
      'a\u007fb',
      ' ',
    ])
  return Array.from({ length: 1 + random(8) }, () => pick(letters)).join('') || 'x'
}

// --- What the registrar refuses besides (sql/README, "Rules that hold everywhere" and "Messages") -

const isId = (text) =>
  Buffer.byteLength(text) >= 1 && Buffer.byteLength(text) <= 255 && !/[\u0000-\u001f\u007f]/.test(text)

// Why a body that the schema accepts is refused; '' if it is not.
function limit(body, kind) {
  // Of VALServicesConfigPatch suppFeat is an extension of ours, which null takes away.
  if (!/^[0-9A-Fa-f]{0,255}$/.test(body.suppFeat ?? '')) return 'suppFeat'
  if (typeof (body.suppFeat ?? '') !== 'string') return 'suppFeat'
  if (kind === 'key') {
    if (!isId(body.valServiceId)) return 'valServiceId'
    if (body.payloadId !== undefined && !isId(body.payloadId)) return 'payloadId'
    if (body.valTgtUe && !isId(body.valTgtUe.valUserId ?? body.valTgtUe.valUeId)) return 'valTgtUe'
    // Nothing else brings the key, and it is stored decoded.
    if (!/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/.test(body.payload ?? '') || !body.payload)
      return 'payload'
    if (!/^[a-z][a-z0-9+.-]*:[!-~]+$/i.test(body.skmcUri) || /["<>\\^`{|}]|%(?![0-9A-Fa-f]{2})/.test(body.skmcUri))
      return 'skmcUri'
    return ''
  }
  const services = body.valSvcConf ?? []
  if (services.some((one) => !isId(one.valServiceId))) return 'valServiceId'
  if (services.some((one) => one.idList.some((id) => !isId(id.valUserId ?? id.valUeId)))) return 'id'
  if (new Set(services.map((one) => one.valServiceId)).size < services.length) return 'a VAL service twice'
  if (body.valServerId !== undefined && !isId(body.valServerId)) return 'valServerId'
  return (body.valServerId ?? 'v2x.example') === 'v2x.example' ? '' : 'requester'
}

// --- Bodies ----------------------------------------------------------------------------------

// A ValTargetUe has one of the two, which the faker does not see to; it may have a member that nobody knows.
function target() {
  return {
    [pick(['valUserId', 'valUeId'])]: word(),
    ...(random(20) === 0 && { unknown: pick([1, null, {}, [[]], 'x']) }),
  }
}

// Every text gets words of ours, but where the schema or the registrar wants a certain form.
function spiced(node, name = '') {
  if (Array.isArray(node)) return node.map((item) => spiced(item, name))
  if (name === 'idList' || name === 'valTgtUe') return target()
  if (node !== null && typeof node === 'object') {
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, spiced(value, key)]))
  }
  if (name === 'suppFeat') return random(60) === 0 ? pick(['f'.repeat(255), 'f'.repeat(256)]) : node
  if (name === 'valServerId') return 'v2x.example'
  if (name === 'skmcUri')
    return pick(['sip:skmc@v2x.example', 'https://v2x.example/skmc?a=1#b', 'urn:x:y', 'no uri', 'sip:a%zz'])
  if (name === 'payload')
    return random(20) === 0 ? pick(['a', 'a-_=', '']) : Buffer.from(word() || 'x').toString('base64')
  return typeof node === 'string' ? word() : node
}

// The places in a value: [parent, key].
function places(node, found = []) {
  if (node === null || typeof node !== 'object') return found
  for (const key of Object.keys(node)) {
    found.push([node, key])
    places(node[key], found)
  }
  return found
}

// One to three changes, at any place.
function mutated(body) {
  const copy = structuredClone(body)
  for (let n = 1 + random(3); n > 0; n--) {
    const all = places(copy)
    if (all.length === 0) break
    const [parent, key] = pick(all)
    switch (random(6)) {
      case 0:
        if (Array.isArray(parent)) parent.splice(Number(key), 1)
        else delete parent[key]
        break
      case 1:
        parent[key] = pick([null, true, 0, -1, 1.5, 1e300, '', 'xyz', [], {}, [[]], [null], { valUserId: 1 }])
        break
      case 2:
        parent[key] = [parent[key]]
        break
      case 3:
        if (Array.isArray(parent)) parent.push(structuredClone(pick(parent)))
        else
          parent[pick(['valUserId', 'valUeId', 'suppFeat', 'idList', 'valServiceId', 'unknown'])] = pick([
            'x',
            1,
            null,
            [],
            '0',
          ])
        break
      case 4:
        parent[key] =
          typeof parent[key] === 'string' ? pick([`${parent[key]}\u0001`, `${parent[key]}g`, 7]) : String(parent[key])
        break
      default:
        parent[key] = { [key]: parent[key] }
    }
  }
  return copy
}

// --- Each operation --------------------------------------------------------------------------

const sorted = (services) =>
  JSON.stringify(
    services
      .map((one) => [
        one.valServiceId,
        [...new Set(one.idList.map((id) => JSON.stringify([id.valUserId, id.valUeId])))].sort(),
      ])
      .sort(),
  )

// What is wrong with the answer of an accepted request; '' if nothing.
function wrong(body, answer, check, kind) {
  if (!check(answer.body)) return faults(check)
  if (kind === 'key') {
    const same = ['skmcUri', 'valServiceId', 'payloadId'].every((name) => answer.body[name] === body[name])
    return same ? '' : 'it does not say what was asked'
  }
  return body.valSvcConf && sorted(body.valSvcConf) !== sorted(answer.body.valSvcConf)
    ? 'it does not have what was asked'
    : ''
}

const made = await send(root, {
  method: 'POST',
  uri: '/ss-ipp/v1/configurations',
  token,
  body: { valSvcConf: [{ valServiceId: 'v2x', idList: [{ valUserId: 'alice' }] }] },
})
const resource = new URL(made.headers.location).pathname
const IDM = 'TS29549_SS_IdmParameterProvisioning.yaml'
const operations = [
  ['post', IDM, 'VALServicesConfig', 'VALServicesConfig', 'POST', '/ss-ipp/v1/configurations', 201],
  [
    'post_V18.4.0',
    `V18.4.0/${IDM}`,
    'VALServicesConfig',
    'VALServicesConfig',
    'POST',
    '/ss-ipp/v1/configurations',
    201,
  ],
  ['put', IDM, 'VALServicesConfig', 'VALServicesConfig', 'PUT', resource, 200],
  ['patch', IDM, 'VALServicesConfigPatch', 'VALServicesConfig', 'PATCH', resource, 200],
  ['key', 'TS29549_SS_KMParametersProvisioning.yaml', 'VALKeyPpReq', 'VALKeyPpResp', 'POST', '/ss-kpp/v1/request', 200],
]

for (const [kind, file, asked, answered, method, uri, good] of operations) {
  if (!has(file)) continue
  const api = official(file)
  const check = schema(api, asked)
  const checkAnswer = schema(api, answered)
  const generator = createGeneratorSync({ seed, optionalsProbability: 0.7, minItems: 1, maxItems: 4 })
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json'
  const counts = { accepted: 0, limited: 0, refused: 0 }
  const differences = []
  for (let i = 0; i < 2 * rounds; i++) {
    let body = spiced(generator.generate({ $ref: `#/components/schemas/${asked}`, components: api.components }))
    if (kind === 'key' && random(10) > 0) body.payload ??= 'a2V5'
    if (i % 2 === 1) body = mutated(body)
    // V18.4.0 asks for valServerId; as V18.5.0 has none, it may be left out of any.
    const whole = body !== null && typeof body === 'object' && !Array.isArray(body)
    const right = check(kind === 'post_V18.4.0' && whole ? { valServerId: 'v2x.example', ...body } : body)
    const limited = right ? limit(body, kind) : ''
    const answer = await send(root, { method, uri, token, type, body: JSON.stringify(body) })
    const verdict = limited ? 'limited' : right ? 'accepted' : 'refused'
    counts[verdict]++
    let difference = ''
    if (verdict === 'accepted') {
      difference = answer.status === good ? wrong(body, answer, checkAnswer, kind) : 'it is right'
    } else if (answer.status !== (limited === 'requester' ? 403 : 400)) {
      difference = limited ? `it is over a limit: ${limited}` : `it is wrong: ${faults(check)}`
    }
    if (difference)
      differences.push(
        `${difference}\n  ${JSON.stringify(body).slice(0, 400)}\n  ${answer.status} ${answer.text.slice(0, 400)}`,
      )
  }
  console.log(
    `# ${kind}: ${counts.accepted} accepted, ${counts.limited} over a limit, ${counts.refused} refused, ` +
      `${differences.length} differences (seed ${seed})`,
  )
  test(`judges-bodies.${kind}.enough`, counts.accepted > rounds / 2 && counts.refused > rounds / 2)
  test(`judges-bodies.${kind}.differences`, differences.length === 0, differences.slice(0, shown).join('\n'))
}

// What is no JSON object at all.
for (const [name, text] of Object.entries({
  cut: '{"valSvcConf":',
  twice: '{"valSvcConf":[],"valSvcConf":[]}',
  text: '"x"',
  number: '1',
  nothing: 'null',
  empty: ' ',
  bytes: '{"a":"\\ud800"}',
  comment: '{/**/}',
  comma: '{"a":1,}',
})) {
  const answer = await send(root, { method: 'POST', uri: '/ss-ipp/v1/configurations', token, body: text })
  test(`judges-bodies.form.${name}`, answer.status === 400, `${answer.status} ${answer.text}`)
}
finish()
